"""A codebase as functions that a model may call: look, search, change, run the tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from otp_genesis.contracts.codebase import Codebase, Limits
from otp_genesis.contracts.tool import Tool, ToolFailed
from otp_genesis.errors import GenesisError

MOST_CHARACTERS = 30_000
"""Of one result; the middle of what is longer is left out."""
MOST_FILES = 500
MOST_MATCHES = 200
TEST_LIMIT_S = 600.0

_TESTS = (("mix.exs", ("mix", "test")), ("pyproject.toml", ("python", "-m", "pytest", "-q")))
"""What a project's tests are run with, by a file that says what it is."""

Do = Callable[[Mapping[str, Any]], Awaitable[str]]


def codebase_tools(
    codebase: Codebase, test_command: Sequence[str] | None = None
) -> Mapping[str, Tool]:
    """Return the tools by name: `read_file`, `list_files`, `search`, `edit_file`, `write_file`,
    `run_tests`.

    `test_command` is what runs the project's tests; by default what its kind of project has. Every
    path stays in the codebase's jail. A tool that `writes` is to be announced before it is called.
    """
    work = _Work(codebase, tuple(test_command or ()))
    tools = (
        _tool(
            "read_file",
            "Read a text file of the project. Lines are numbered from 1; give first_line and"
            " last_line to read a part.",
            {"path": _TEXT, "first_line": _LINE, "last_line": _LINE},
            work.read_file,
            required=("path",),
        ),
        _tool(
            "list_files",
            "List the project's files that match a glob pattern such as lib/**/*.ex.",
            {"pattern": _TEXT},
            work.list_files,
        ),
        _tool(
            "search",
            "Find the lines that match a regular expression, in the files that match a glob.",
            {"pattern": _TEXT, "glob": _TEXT},
            work.search,
            required=("pattern",),
        ),
        _tool(
            "edit_file",
            "Replace old by new in a file. old must occur exactly once, with its whitespace.",
            {"path": _TEXT, "old": _TEXT, "new": _TEXT},
            work.edit_file,
            required=("path", "old", "new"),
            writes=True,
        ),
        _tool(
            "write_file",
            "Write a whole file; its folders are made.",
            {"path": _TEXT, "text": _TEXT},
            work.write_file,
            required=("path", "text"),
            writes=True,
        ),
        _tool(
            "run_tests",
            "Run the project's tests, all of them or those of the given files.",
            {"paths": {"type": "array", "items": _TEXT}},
            work.run_tests,
            writes=True,
        ),
    )
    return {tool.name: tool for tool in tools}


_TEXT = {"type": "string"}
_LINE = {"type": "integer", "minimum": 1}


def _tool(
    name: str,
    description: str,
    fields: Mapping[str, Any],
    do: Do,
    *,
    required: Sequence[str] = (),
    writes: bool = False,
) -> Tool:
    parameters = {
        "type": "object",
        "properties": dict(fields),
        "required": list(required),
        "additionalProperties": False,
    }

    async def call(arguments: Mapping[str, Any]) -> str:
        try:
            return _shortened(await do(arguments))
        except GenesisError as error:
            raise ToolFailed(str(error)) from None

    return Tool(name, description, parameters, call, writes)


class _Work:
    def __init__(self, codebase: Codebase, test_command: tuple[str, ...]):
        self.codebase, self.test_command = codebase, test_command

    async def read_file(self, given: Mapping[str, Any]) -> str:
        lines = (await self.codebase.read(given["path"])).splitlines()
        first = given.get("first_line", 1)
        last = given.get("last_line", len(lines))
        if lines and first > len(lines):
            raise ToolFailed(f"{given['path']} has {len(lines)} lines")
        return "\n".join(
            f"{number}\t{line}" for number, line in enumerate(lines[first - 1 : last], start=first)
        )

    async def list_files(self, given: Mapping[str, Any]) -> str:
        found = await self.codebase.list(given.get("pattern", "**/*"))
        more = len(found) - MOST_FILES
        tail = [f"… and {more} more; give a narrower pattern"] if more > 0 else []
        return "\n".join([*found[:MOST_FILES], *tail]) or "no file matches"

    async def search(self, given: Mapping[str, Any]) -> str:
        glob = given.get("glob", "**/*")
        found = await self.codebase.search(given["pattern"], glob=glob, limit=MOST_MATCHES + 1)
        told = [f"{one.path}:{one.line}: {one.text}" for one in found[:MOST_MATCHES]]
        if len(found) > MOST_MATCHES:
            told.append(f"… and more than {MOST_MATCHES}; give a narrower pattern")
        return "\n".join(told) or "no line matches"

    async def edit_file(self, given: Mapping[str, Any]) -> str:
        await self.codebase.edit(given["path"], given["old"], given["new"])
        return f"{given['path']} is changed"

    async def write_file(self, given: Mapping[str, Any]) -> str:
        await self.codebase.write(given["path"], given["text"])
        return f"{given['path']} is written"

    async def run_tests(self, given: Mapping[str, Any]) -> str:
        paths = given.get("paths", ())
        for path in paths:
            if path.startswith("-") or await self.codebase.describe(path.partition(":")[0]) is None:
                raise ToolFailed(f"there is no file {path!r}")
        command = self.test_command or await self._own_tests()
        limits = Limits(timeout_s=TEST_LIMIT_S)
        result = await self.codebase.run((*command, *paths), limits=limits, env={"MIX_ENV": "test"})
        how = f"was ended: {result.ended_by}" if result.ended_by else f"exit {result.exit_code}"
        said = "\n".join(filter(None, (result.stdout.strip(), result.stderr.strip())))
        return f"{' '.join(command)}: {how}\n{said}"

    async def _own_tests(self) -> tuple[str, ...]:
        for file, command in _TESTS:
            if await self.codebase.describe(file) is not None:
                return command
        names = " or ".join(file for file, _ in _TESTS)
        raise ToolFailed(f"how its tests are run is not known: there is no {names}")


def _shortened(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    half = MOST_CHARACTERS // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
