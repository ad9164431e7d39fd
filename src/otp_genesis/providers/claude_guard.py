"""What the agent's tools may do: asked before each call, whatever the CLI itself would allow."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from otp_genesis.contracts.call_site import CallSite
from otp_genesis.contracts.codebase import Codebase
from otp_genesis.contracts.tool import Tool
from otp_genesis.errors import CodebaseError
from otp_genesis.providers.claude_commands import Walls, allowed

OWN_SERVER = "codebase"
"""The server of the codebase's own tools, in this process."""
READING = {
    "Read": "file_path", "NotebookRead": "notebook_path", "Glob": "path", "Grep": "path",
    "LS": "path",
}  # fmt: skip
WRITING = {
    "Write": "file_path", "Edit": "file_path", "MultiEdit": "file_path",
    "NotebookEdit": "notebook_path",
}  # fmt: skip
"""Tools of files, each with the argument that names the file."""
WITHOUT_FILES = frozenset(
    ("StructuredOutput", "TodoWrite", "ToolSearch", "WebFetch", "WebSearch", "ExitPlanMode")
)
AGENTS = frozenset(("Agent", "Task"))
_GIT = re.compile(r"\.git(?![\w-])", re.IGNORECASE)
NO_FILES = "this step does not work on files"


class Denied(Exception):
    """The call may not be made; the message is told to the model."""


class Stopped(Denied):
    """The call may not be made, and nothing more is to be done."""


@dataclass
class Guard:
    """Says of each call of a tool whether it may be made, and how."""

    site: CallSite
    walls: Walls | None
    """Nothing where no command may be run at all."""
    allowed_tools: Sequence[str] = ()
    disallowed_tools: Sequence[str] = ()
    permission_mode: str = "default"
    own_tools: Mapping[str, Tool] = field(default_factory=dict)
    why_no_commands: str = NO_FILES
    failure: Exception | None = None
    """What `about_to_write` raised beside what the model is told."""

    async def asked(self, tool: str, given: Mapping[str, Any], cwd: str) -> dict[str, Any] | None:
        """Return the arguments that the call is made with; nothing where they stay.

        Raises `Denied`.
        """
        if tool in WITHOUT_FILES:
            return None
        if tool in AGENTS:
            self._agent(given)
            return None
        if tool.startswith("mcp__"):
            await self._foreign(tool)
            return None
        codebase = self.site.codebase
        if codebase is None:
            raise Denied(NO_FILES)
        if tool == "Bash":
            return await self._command(given, cwd)
        if tool in READING:
            await _inside(codebase, tool, given, READING[tool], cwd)
            return None
        if tool in WRITING:
            await _inside(codebase, tool, given, WRITING[tool], cwd)
        await self._about_to_write()
        return None

    def _agent(self, given: Mapping[str, Any]) -> None:
        for name in ("run_in_background", "isolation", "cwd"):
            if given.get(name):
                raise Denied(f"an agent may not be started with {name!r} here; leave it out")

    async def _foreign(self, tool: str) -> None:
        own = tool.removeprefix(f"mcp__{OWN_SERVER}__")
        writes = self.own_tools[own].writes if own in self.own_tools else True
        if writes and self.site.codebase is not None:
            await self._about_to_write()

    async def _command(self, given: Mapping[str, Any], cwd: str) -> dict[str, Any]:
        command = str(given.get("command", ""))
        if given.get("run_in_background"):
            raise Denied("commands may not run in the background here; run it and wait")
        if self.walls is None:
            raise Denied(self.why_no_commands)
        if self.permission_mode == "plan":
            raise Denied("no commands are run while planning")
        rules = ("Bash",) if self.permission_mode == "bypassPermissions" else self.allowed_tools
        if not allowed(command, rules, self.disallowed_tools):
            raise Denied("this command is not among those that the step allows (allowed_tools)")
        await self._about_to_write()
        changed = {"command": self.walls.around(command, cwd), "run_in_background": False}
        return {**given, **changed, "dangerouslyDisableSandbox": False}

    async def _about_to_write(self) -> None:
        try:
            await self.site.about_to_write()
        except CodebaseError as error:
            raise Denied(str(error)) from None
        except Exception as error:
            self.failure = self.failure or error
            raise Stopped(f"the run stops here: {error}") from None


async def _inside(
    codebase: Codebase, tool: str, given: Mapping[str, Any], name: str, cwd: str
) -> None:
    path = given.get(name)
    if path is not None and path != "":
        await _jailed(codebase, str(path), cwd)
    elif tool not in ("Glob", "Grep", "LS"):
        raise Denied(f"{tool} needs {name!r}")
    if tool == "Glob":
        await _pattern(codebase, str(given.get("pattern", "")), cwd)
    if tool == "Grep" and given.get("glob"):
        await _pattern(codebase, str(given["glob"]), cwd)


async def _pattern(codebase: Codebase, pattern: str, cwd: str) -> None:
    """Raise `Denied` for a pattern that begins outside the project, or that asks for .git."""
    dotted = [part for part in pattern.lower().split("/") if part.startswith(".")]
    if _GIT.search(pattern) or any(fnmatchcase(".git", part) for part in dotted):
        raise Denied(f"{pattern!r} is outside the project: it points into .git")
    await _jailed(codebase, _fixed_part(pattern), cwd)


def _fixed_part(pattern: str) -> str:
    """Return the folders of a pattern before its first wildcard; `..` after it is kept, too."""
    parts = pattern.split("/")
    if ".." in parts:
        return pattern
    fixed = []
    for part in parts:
        if any(mark in part for mark in "*?[{"):
            break
        fixed.append(part)
    return "/".join(fixed) or ("/" if pattern.startswith("/") else ".")


async def _jailed(codebase: Codebase, path: str, cwd: str) -> None:
    """Raise `Denied` unless the path, as the CLI understands it, is one of the project's."""
    root = codebase.root
    if path.startswith("~"):
        raise Denied(f"{path!r} is outside the project: it is in a home")
    if ".." in path.replace("\\", "/").split("/"):
        raise Denied(f"{path!r} is outside the project: it holds '..'")
    whole = os.path.normpath(Path(cwd or root) / path)
    for base in (root, os.path.realpath(root)):
        if whole == base:
            return
        if whole.startswith(base.rstrip("/") + "/"):
            relative = whole[len(base.rstrip("/")) + 1 :]
            break
    else:
        raise Denied(f"{path!r} is outside the project {root}")
    try:
        await codebase.describe(relative)
    except CodebaseError as error:
        raise Denied(str(error)) from None
