"""The older step type that copies, moves, removes, checks, lists and converts files."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pydantic import Field, model_validator

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import CodebaseError
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.steps.converting import Format, converted
from otp_genesis.steps.workspace_paths import absolute, relative

Kind = Literal[
    "copy", "move", "delete", "validate", "list", "convert", "stream_copy", "stream_process",
]  # fmt: skip
_NEEDED: dict[str, tuple[str, ...]] = {
    "copy": ("source", "destination"),
    "stream_copy": ("source", "destination"),
    "move": ("source", "destination"),
    "convert": ("source", "destination", "format"),
    "delete": ("path",),
    "list": ("path",),
    "validate": ("files",),
    "stream_process": ("source",),
}
_SHOWN = 3


class FileCheck(Params):
    """What one file should be."""

    path: str
    must_exist: bool = True
    must_be_file: bool = False
    must_be_dir: bool = False
    min_size: int | None = Field(default=None, ge=0)
    """Bytes."""
    max_size: int | None = Field(default=None, ge=0)
    must_be_readable: bool = False
    must_be_writable: bool = False


class FileOps(Params):
    """Parameters of `file_ops`. Every path is relative to the workspace and stays in it."""

    operation: Kind
    source: str | None = None
    destination: str | None = None
    path: str | None = None
    """For `delete`: a file, or a folder with all in it. For `list`: a folder."""
    files: tuple[FileCheck, ...] | None = None
    """For `validate`."""
    pattern: str | None = None
    """For `list`: a regular expression that names must match. For `replace`: what is replaced."""
    format: Format | None = None
    """For `convert`."""
    processor: Literal["identity", "uppercase", "lowercase", "trim", "replace"] = "identity"
    """For `stream_process`: what becomes of each line."""
    replacement: str = ""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> FileOps:
        missing = [key for key in _NEEDED[self.operation] if getattr(self, key) is None]
        if missing:
            raise ValueError(f"{self.operation!r} needs {' and '.join(map(repr, missing))}")
        if self.operation == "list":
            self._require_pattern()
        return self

    def _require_pattern(self) -> None:
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is no regular expression: {error}") from None


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


async def _copy(params: FileOps, ctx: Context) -> dict[str, Any]:
    source, destination = _both(params, ctx)
    await ctx.codebase.copy(source, destination)
    return _completed(ctx, source=source, destination=destination)


async def _stream_copy(params: FileOps, ctx: Context) -> dict[str, Any]:
    return {**await _copy(params, ctx), "method": "streaming"}


async def _move(params: FileOps, ctx: Context) -> dict[str, Any]:
    source, destination = _both(params, ctx)
    await ctx.codebase.move(source, destination)
    return _completed(ctx, source=source, destination=destination)


async def _delete(params: FileOps, ctx: Context) -> dict[str, Any]:
    path = relative(str(params.path), ctx)
    await ctx.codebase.remove(path)
    return _completed(ctx, path=path)


async def _list(params: FileOps, ctx: Context) -> dict[str, Any] | Failed:
    path = relative(str(params.path), ctx)
    facts = await ctx.codebase.describe(path)
    if facts is None or not facts.folder:
        raise CodebaseError(f"{path}: there is no such folder")
    below = "" if path in ("", ".") else path.rstrip("/") + "/"
    listed = await ctx.codebase.list("**/*")
    found = {name[len(below) :].split("/")[0] for name in listed if name.startswith(below)}
    wanted = re.compile(params.pattern or "")
    files = [absolute(below + name, ctx) for name in sorted(found) if wanted.search(name)]
    return {
        "path": absolute(path, ctx),
        "pattern": params.pattern,
        "files": files,
        "count": len(files),
    }


async def _convert(params: FileOps, ctx: Context) -> dict[str, Any]:
    source, destination = _both(params, ctx)
    assert params.format is not None
    text = converted(await ctx.codebase.read(source), params.format)
    await ctx.codebase.write(destination, text)
    return {**_completed(ctx, source=source, destination=destination), "format": params.format}


async def _stream_process(params: FileOps, ctx: Context) -> dict[str, Any]:
    source = relative(str(params.source), ctx)
    lines = (await ctx.codebase.read(source)).splitlines(keepends=True)
    await ctx.codebase.write(source, "".join(_processed(line, params) for line in lines))
    return {
        **_completed(ctx, source=source, processed_path=source),
        "processor": params.processor,
        "method": "streaming",
    }


def _processed(line: str, params: FileOps) -> str:
    match params.processor:
        case "uppercase":
            return line.upper()
        case "lowercase":
            return line.lower()
        case "trim":
            return line.strip() + "\n"
        case "replace" if params.pattern:
            return line.replace(params.pattern, params.replacement)
    return line


async def _validate(params: FileOps, ctx: Context) -> dict[str, Any] | Failed:
    rows = []
    for wanted in params.files or ():
        path = relative(wanted.path, ctx)
        problems = await _problems(wanted, path, ctx)
        written = wanted.model_dump(exclude={"path"}, exclude_unset=True)
        row: dict[str, Any] = {"path": absolute(path, ctx), "criteria": written}
        told = {"status": "invalid", "problems": problems} if problems else {"status": "valid"}
        rows.append({**row, **told})
    bad = [row for row in rows if row["status"] == "invalid"]
    if not bad:
        return {"results": rows, "status": "all_valid"}
    shown = "; ".join(f"{row['path']}: {', '.join(row['problems'])}" for row in bad[:_SHOWN])
    more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    output = {"operation": "validate", "results": rows, "status": "invalid"}
    return Failed(error=f"Validation failed for {len(bad)} file(s): {shown}{more}", output=output)


async def _problems(wanted: FileCheck, path: str, ctx: Context) -> list[str]:
    facts = await ctx.codebase.describe(path)
    if facts is None:
        return ["it does not exist"] if wanted.must_exist else []
    least, most = wanted.min_size, wanted.max_size
    checks = {
        "it is a folder, not a file": wanted.must_be_file and facts.folder,
        "it is a file, not a folder": wanted.must_be_dir and not facts.folder,
        f"its {facts.size} bytes are fewer than {least}": least is not None and facts.size < least,
        f"its {facts.size} bytes are more than {most}": most is not None and facts.size > most,
        "it cannot be read": wanted.must_be_readable and not facts.readable,
        "it cannot be written": wanted.must_be_writable and not facts.writable,
    }
    return [problem for problem, there in checks.items() if there]


def _both(params: FileOps, ctx: Context) -> tuple[str, str]:
    return relative(str(params.source), ctx), relative(str(params.destination), ctx)


def _completed(ctx: Context, **paths: str) -> dict[str, Any]:
    told = {name: absolute(path, ctx) for name, path in paths.items()}
    return {**told, "status": "completed"}


_OPERATIONS: dict[Kind, Callable[[FileOps, Context], Awaitable[dict[str, Any] | Failed]]] = {
    "copy": _copy,
    "stream_copy": _stream_copy,
    "move": _move,
    "delete": _delete,
    "list": _list,
    "validate": _validate,
    "convert": _convert,
    "stream_process": _stream_process,
}

STEPS = (file_ops,)
"""The module's types."""
