"""Steps that read and write files of the codebase; every path stays in its jail."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Ok, Outcome


class ReadFile(Params):
    """Parameters of `read_file`."""

    path: str


@step("read_file", effects="reads", capabilities={"files"})
async def read_file(params: ReadFile, ctx: Context) -> Outcome:
    """Read a text file (UTF-8); the result holds `path` and `content`."""
    content = await ctx.codebase.read(params.path)
    return Ok(output={"path": params.path, "content": content})


class WriteFile(Params):
    """Parameters of `write_file`."""

    path: str
    content: str


@step("write_file", effects="writes", capabilities={"files"})
async def write_file(params: WriteFile, ctx: Context) -> Outcome:
    """Write a whole text file, making its folders; the result holds `path` and `bytes`."""
    await ctx.codebase.write(params.path, params.content)
    return Ok(output={"path": params.path, "bytes": len(params.content.encode())})


class EditFile(Params):
    """Parameters of `edit_file`."""

    path: str
    old: str = Field(min_length=1)
    new: str
    count: int = Field(default=1, ge=1)
    """How often `old` must occur; any other number of times changes nothing and fails."""


@step("edit_file", effects="writes", capabilities={"files"})
async def edit_file(params: EditFile, ctx: Context) -> Outcome:
    """Replace a text that occurs exactly `count` times in a file."""
    await ctx.codebase.edit(params.path, params.old, params.new, count=params.count)
    return Ok(output={"path": params.path, "replaced": params.count})


class Search(Params):
    """Parameters of `search`."""

    pattern: str
    """A regular expression (Python's), matched line by line."""
    glob: str = "**/*"
    limit: int = Field(default=1000, ge=1, le=100_000)


@step("search", effects="reads", capabilities={"files"})
async def search(params: Search, ctx: Context) -> Outcome:
    """Find lines by a regular expression; the result holds `matches` and their `count`."""
    found = await ctx.codebase.search(params.pattern, glob=params.glob, limit=params.limit)
    matches: list[dict[str, Any]] = [match.model_dump() for match in found]
    return Ok(output={"matches": matches, "count": len(matches)})


STEPS = (read_file, write_file, edit_file, search)
