"""The older step type that copies, moves, removes, checks, lists and converts files."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from otp_genesis.contracts.step import Context
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import CodebaseError, UsageError
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.steps.converting import converted, read_as, written_as
from otp_genesis.steps.file_ops_params import FileOps, Kind
from otp_genesis.steps.file_ops_selecting import (
    Chosen,
    Source,
    chosen,
    globbed,
    is_glob,
    names_matching,
)
from otp_genesis.steps.file_ops_transfer import removed, transferred
from otp_genesis.steps.file_ops_validating import validated
from otp_genesis.steps.workspace_paths import absolute, relative

Told = dict[str, Any]


@step(
    "file_ops",
    effects="writes",
    capabilities={"files"},
    examples=(
        "- {name: keep, type: file_ops, operation: copy, source: a.txt, destination: b.txt}",
    ),
)
async def file_ops(params: FileOps, ctx: Context) -> Outcome:
    """Do one thing with files of the workspace; the result holds `operation` and its paths."""
    told = await _OPERATIONS[params.operation](params, ctx)
    return told if isinstance(told, Failed) else Ok(output={"operation": params.operation, **told})


async def _copy(params: FileOps, ctx: Context) -> Told:
    return await _transfer(params, ctx, move=False)


async def _move(params: FileOps, ctx: Context) -> Told:
    return await _transfer(params, ctx, move=True)


async def _transfer(params: FileOps, ctx: Context, *, move: bool) -> Told:
    pairs = await _pairs(params, ctx, move=move)
    await _require_free(pairs, params, ctx)
    dry = params.options.dry_run
    if not dry:
        await _carried_out(pairs, params, ctx, move=move)
    status = "dry_run" if dry else "completed"
    if _is_one(params, pairs, ctx):
        ((source, destination),) = pairs
        return {**_absolute(ctx, source=source, destination=destination), "status": status}
    rows = [_absolute(ctx, source=source, destination=to) for source, to in pairs]
    return {"files": rows, "count": len(rows), "status": status}


async def _carried_out(
    pairs: list[tuple[str, str]], params: FileOps, ctx: Context, *, move: bool
) -> None:
    if len(pairs) > 1:
        await transferred(ctx.codebase, pairs, move=move, atomic=params.atomic)
        return
    for source, destination in pairs:
        await (ctx.codebase.move if move else ctx.codebase.copy)(source, destination)


def _is_one(params: FileOps, pairs: list[tuple[str, str]], ctx: Context) -> bool:
    """Whether one file is named as such, so that the result names it too."""
    plain = params.source is not None and params.source[0].path
    return bool(plain) and [_plain(str(plain), ctx)] == [source for source, _ in pairs]


def _plain(path: str, ctx: Context) -> str:
    return relative(path, ctx).rstrip("/")


async def _pairs(params: FileOps, ctx: Context, *, move: bool) -> list[tuple[str, str]]:
    """Return what goes where; raise `UsageError` where two go to one place, or nothing is meant."""
    pairs = _listed_pairs(params, ctx)
    if params.source is not None:
        pairs += await _source_pairs(params.source, params, ctx, move=move)
    _require_distinct(pairs)
    return pairs


def _listed_pairs(params: FileOps, ctx: Context) -> list[tuple[str, str]]:
    pairs = []
    for entry in params.files or ():
        source, target = _plain(str(entry.source), ctx), str(entry.destination)
        name = f"/{source.rsplit('/', 1)[-1]}" if target.endswith("/") else ""
        pairs.append((source, f"{_plain(target, ctx)}{name}"))
    return pairs


async def _source_pairs(
    source: Source, params: FileOps, ctx: Context, *, move: bool
) -> list[tuple[str, str]]:
    written = str(params.destination)
    found = chosen(source, ctx)
    if not found:
        raise UsageError("no file fits the source; nothing was done")
    destination = _plain(written, ctx)
    facts = await ctx.codebase.describe(destination)
    one = source[0].path if len(source) == 1 else None
    several = one is None or [found.path for found in found] != [_plain(one, ctx)]
    into = several or written.endswith("/") or bool(facts and facts.folder)
    pairs = []
    for each in found:
        pairs += await _of_one(each, destination, params, ctx, into=into, move=move)
    return pairs


async def _of_one(
    one: Chosen, destination: str, params: FileOps, ctx: Context, *, into: bool, move: bool
) -> list[tuple[str, str]]:
    """Return the pairs of one file, or of all files of one folder."""
    name = one.below_base if params.options.preserve_structure else one.path.rsplit("/", 1)[-1]
    target = f"{destination}/{name}" if into else destination
    target = target.removeprefix("./")
    facts = await ctx.codebase.describe(one.path)
    if facts is None or not facts.folder or move:
        return [(one.path, target)]
    if not params.is_recursive:
        raise CodebaseError(f"{one.path}: is a folder; say 'recursive: true' to copy all in it")
    below = [path for path in globbed(one.path, "**/*", ctx) if _is_file(path, ctx)]
    return [(path, f"{target}{path.removeprefix(one.path)}") for path in below]


def _is_file(path: str, ctx: Context) -> bool:
    return (Path(ctx.codebase.root) / path).is_file()


def _require_distinct(pairs: list[tuple[str, str]]) -> None:
    targets: dict[str, str] = {}
    sources = {source for source, _ in pairs}
    for source, target in pairs:
        if other := targets.get(target):
            hint = "'options: {preserve_structure: true}' keeps their folders"
            raise UsageError(f"{other} and {source} would both become {target}; {hint}")
        if target in sources:
            raise UsageError(f"{target} is copied or moved itself and would be overwritten")
        targets[target] = source


async def _require_free(pairs: list[tuple[str, str]], params: FileOps, ctx: Context) -> None:
    for _, target in pairs if not params.options.overwrite else ():
        if await ctx.codebase.describe(target) is not None:
            raise CodebaseError(f"{target}: is there already, and 'overwrite' is false")


async def _stream_copy(params: FileOps, ctx: Context) -> Told:
    source, destination = _both(params, ctx)
    await ctx.codebase.copy(source, destination)
    return {**_completed(ctx, source=source, destination=destination), "method": "streaming"}


async def _delete(params: FileOps, ctx: Context) -> Told:
    if params.files is None:
        path = relative(str(params.path), ctx)
        if params.options.dry_run:
            return {**_absolute(ctx, path=path), "status": "dry_run"}
        await ctx.codebase.remove(path)
        return _completed(ctx, path=path)
    found = chosen(params.files, ctx)
    paths = _outermost([one.path for one in found])
    if not params.options.dry_run:
        await removed(ctx.codebase, paths, atomic=params.atomic)
    status = "dry_run" if params.options.dry_run else "completed"
    return {"files": [absolute(path, ctx) for path in paths], "count": len(paths), "status": status}


def _outermost(paths: list[str]) -> list[str]:
    """Return the paths without those below another of them."""
    known = set(paths)
    return [
        path
        for path in paths
        if not any(path[:at] in known for at in (m.start() for m in re.finditer("/", path)))
    ]


async def _list(params: FileOps, ctx: Context) -> Told:
    path = relative(str(params.path), ctx).rstrip("/")
    facts = await ctx.codebase.describe(path)
    if facts is None or not facts.folder:
        raise CodebaseError(f"{path}: there is no such folder")
    pattern = params.pattern if params.pattern is not None else params.options.pattern
    below = "" if path == "." else f"{path}/"
    found = await asyncio.to_thread(_listed, below, pattern, params, ctx)
    files = [absolute(name, ctx) for name in found]
    told = {"path": absolute(path, ctx), "pattern": pattern, "files": files, "count": len(files)}
    return _with_field(told, params, files)


def _listed(below: str, pattern: str | None, params: FileOps, ctx: Context) -> list[str]:
    """Return the paths that are listed, in order."""
    wanted = pattern or ""
    glob = bool(wanted) and is_glob(wanted)
    deep = params.is_recursive or (glob and ("/" in wanted or "**" in wanted))
    if glob:
        spelled = f"**/{wanted}" if deep and "/" not in wanted and wanted != "**" else wanted
        paths = globbed(below, spelled, ctx)
    else:
        paths = globbed(below, "**/*" if deep else "*", ctx)
    names = {path.removeprefix(below): path for path in paths if not deep or _is_file(path, ctx)}
    if not params.options.include_hidden:
        names = {name: path for name, path in names.items() if not re.search(r"(^|/)\.", name)}
    if wanted and not glob:
        names = {name: names[name] for name in names_matching(names, wanted)}
    return _sorted(list(names.values()), params, ctx)[: params.options.limit]


def _sorted(paths: list[str], params: FileOps, ctx: Context) -> list[str]:
    paths = sorted(paths)
    by = params.options.sort_by
    if by == "name":
        return paths
    root = Path(ctx.codebase.root)
    facts = {path: (root / path).lstat() for path in paths}
    if by == "size":
        return sorted(paths, key=lambda path: -facts[path].st_size)
    return sorted(paths, key=lambda path: -facts[path].st_mtime_ns)


async def _convert(params: FileOps, ctx: Context) -> Told:
    source, destination = _both(params, ctx)
    form: Any = params.format
    text = converted(await ctx.codebase.read(source), form, params.form)
    await ctx.codebase.write(destination, text)
    return {**_completed(ctx, source=source, destination=destination), "format": form}


async def _stream_process(params: FileOps, ctx: Context) -> Told:
    source = _single(params, ctx)
    text = await ctx.codebase.read(source)
    await ctx.codebase.write(source, "".join(_processed(text, params)))
    return {
        **_completed(ctx, source=source, processed_path=source),
        "processor": params.processor,
        "method": "streaming",
    }


def _processed(text: str, params: FileOps) -> Iterator[str]:
    for line in io.StringIO(text, newline="\n"):
        match params.processor:
            case "uppercase":
                yield line.upper()
            case "lowercase":
                yield line.lower()
            case "trim":
                yield line.strip() + "\n"
            case "replace" if params.pattern:
                yield line.replace(params.pattern, params.replacement)
            case _:
                yield line


async def _validate(params: FileOps, ctx: Context) -> Told | Failed:
    return await validated(params.files or (), ctx)


async def _read(params: FileOps, ctx: Context) -> Told:
    path = relative(str(params.path), ctx)
    content = await ctx.codebase.read(path)
    told: Told = {**_completed(ctx, path=path), "content": content}
    if params.format is None:
        return _with_field(told, params, content)
    form: Any = params.format
    try:
        data = read_as(content, form)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return _with_field({**told, "data": data}, params, data)


async def _write(params: FileOps, ctx: Context) -> Told:
    path = relative(str(params.path), ctx)
    text = params.content
    if params.format is not None or not isinstance(text, str):
        form: Any = params.format or "json"
        text = written_as(text, form, params.form)
    await ctx.codebase.write(path, text)
    return {**_completed(ctx, path=path), "bytes": len(text.encode())}


async def _append(params: FileOps, ctx: Context) -> Told:
    path = relative(str(params.path), ctx)
    content = params.content
    added = content if isinstance(content, str) else f"{json.dumps(content, ensure_ascii=False)}\n"
    there = await ctx.codebase.describe(path)
    text = (await ctx.codebase.read(path) if there else "") + added
    await ctx.codebase.write(path, text)
    return {**_completed(ctx, path=path), "bytes": len(text.encode())}


async def _wait(params: FileOps, ctx: Context) -> Told:
    await asyncio.sleep(params.duration_seconds or 0)
    return {"duration_seconds": params.duration_seconds, "status": "completed"}


def _with_field(told: Told, params: FileOps, value: Any) -> Told:
    return told if params.output_field is None else {**told, params.output_field: value}


def _single(params: FileOps, ctx: Context) -> str:
    source = params.source
    if source is None or len(source) != 1 or source[0].path is None:
        raise UsageError(f"{params.operation!r} takes one file as its 'source'")
    return relative(source[0].path, ctx)


def _both(params: FileOps, ctx: Context) -> tuple[str, str]:
    return _single(params, ctx), relative(str(params.destination), ctx)


def _absolute(ctx: Context, **paths: str) -> Told:
    return {name: absolute(path, ctx) for name, path in paths.items()}


def _completed(ctx: Context, **paths: str) -> Told:
    return {**_absolute(ctx, **paths), "status": "completed"}


_OPERATIONS: dict[Kind, Callable[[FileOps, Context], Awaitable[Told | Failed]]] = {
    "copy": _copy,
    "stream_copy": _stream_copy,
    "move": _move,
    "delete": _delete,
    "list": _list,
    "validate": _validate,
    "convert": _convert,
    "stream_process": _stream_process,
    "read": _read,
    "write": _write,
    "append": _append,
    "wait": _wait,
}

STEPS = (file_ops,)
"""The module's types."""
