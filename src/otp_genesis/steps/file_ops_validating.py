"""Whether files are as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otp_genesis.contracts.codebase import PathFacts
from otp_genesis.contracts.step import Context
from otp_genesis.errors import CodebaseError, UsageError
from otp_genesis.model.outcome import Failed
from otp_genesis.steps.converting import read_as
from otp_genesis.steps.file_ops_params import FileEntry
from otp_genesis.steps.file_ops_selecting import chosen
from otp_genesis.steps.workspace_paths import absolute, relative

_SHOWN = 3


async def validated(entries: Sequence[FileEntry], ctx: Context) -> dict[str, Any] | Failed:
    """Return a row for each file, or a failure that names those that are not as they should be."""
    rows = []
    for wanted in entries:
        written = wanted.model_dump(exclude={"path", "pattern"}, exclude_unset=True)
        for path in _paths(wanted, ctx):
            problems = await _problems(wanted, path, ctx)
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


def _paths(wanted: FileEntry, ctx: Context) -> list[str]:
    """Return the files that are meant; a pattern that nothing fits stands for itself."""
    if wanted.pattern is None:
        return [relative(str(wanted.path), ctx)]
    return [one.path for one in chosen([wanted], ctx)] or [relative(wanted.pattern, ctx)]


async def _problems(wanted: FileEntry, path: str, ctx: Context) -> list[str]:
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
    problems = [problem for problem, there in checks.items() if there]
    for name in wanted.must_contain:
        if await ctx.codebase.describe(f"{path.rstrip('/')}/{name}") is None:
            problems.append(f"it does not contain {name!r}")
    return problems + await _content_problems(wanted, path, facts, ctx)


async def _content_problems(
    wanted: FileEntry, path: str, facts: PathFacts, ctx: Context
) -> list[str]:
    """Return why its content is not of the kind that it should be."""
    kind = wanted.format or ("json" if wanted.validate_json else None)
    if kind is None:
        return []
    if facts.folder:
        return [f"it is a folder, not {kind}"]
    try:
        read_as(await ctx.codebase.read(path), kind)
    except (CodebaseError, UsageError) as error:
        return [str(error)]
    return []
