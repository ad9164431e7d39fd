"""What a project is to those who work on it: files in a jail, commands in a sandbox, snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from otp_genesis.model.change import ChangeSet
from otp_genesis.model.change import Revision as Revision
from otp_genesis.model.frozen import Frozen


class Limits(Frozen):
    """What one command may use. Going over a limit ends the whole process group."""

    timeout_s: float = 300.0
    output_bytes: int = 1_000_000
    """Of stdout and stderr each; the middle of what is longer is left out, the rest is read on."""
    memory_bytes: int | None = 4 * 1024**3
    """Resident memory of all processes of the command together."""
    network: bool = False


class ExecResult(Frozen):
    """How a command ended. A bad exit is a result, not an exception."""

    argv: tuple[str, ...]
    exit_code: int | None
    """`None` where a limit or a signal ended it."""
    stdout: str
    stderr: str
    duration_s: float
    truncated: bool = False
    ended_by: str | None = None
    """`timeout`, `memory` or `signal N`, where the command did not end by itself."""

    @property
    def ok(self) -> bool:
        """Whether the command ended by itself with exit code 0."""
        return self.exit_code == 0


class Match(Frozen):
    """One line found by a search; line and column from 1."""

    path: str
    line: int
    column: int
    text: str


class PathFacts(Frozen):
    """What there is at a path."""

    folder: bool
    size: int
    """Bytes of a file; 0 for a folder."""
    readable: bool = True
    writable: bool = True
    modified_s: float = 0.0
    """When the contents were last changed, in seconds since 1970."""


STARTED_IN = "started_in"
"""In a step's `ctx.facts`: the files where the run was asked for, of an older document."""


class ReadFiles(Protocol):
    """Files that can be looked at; every path is relative and stays in their folder."""

    def describe(self, path: str) -> PathFacts | None:
        """Return what is at the path, or nothing; raise `OutsideJail`."""
        ...

    def read(self, path: str) -> str:
        """Return a file's text; raise `OutsideJail`, or `CodebaseError` where it has none."""
        ...


class Sandbox(Protocol):
    """Where commands run."""

    @property
    def name(self) -> str:
        """`bubblewrap`, `local`, …"""
        ...

    async def run(
        self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str], limits: Limits
    ) -> ExecResult:
        """Run `argv` to its end or to a limit; leave no process behind.

        Raises `MissingTool` where the program does not exist. A cancelled call ends the processes
        first.
        """
        ...


class Codebase(Protocol):
    """A project's files, as steps and models act on them.

    Paths are relative to the project root with `/`. Every method refuses, with `OutsideJail`, a
    path that is absolute, holds `..`, leads out through a symbolic link, or points into `.git`.
    """

    @property
    def root(self) -> str:
        """The absolute folder that paths are relative to."""
        ...

    async def read(self, path: str) -> str:
        """Return the text (UTF-8); raise `CodebaseError` where it is missing or is no text."""
        ...

    async def write(self, path: str, text: str) -> None:
        """Write the whole file atomically, making its folders."""
        ...

    async def edit(self, path: str, old: str, new: str, *, count: int = 1) -> None:
        """Replace `old` by `new`; raise `StaleChange` unless `old` occurs exactly `count` times."""
        ...

    async def apply(self, change: ChangeSet) -> None:
        """Make the whole change, or none of it (`StaleChange`)."""
        ...

    async def describe(self, path: str) -> PathFacts | None:
        """Return what is at `path`, or nothing where nothing is."""
        ...

    async def copy(self, source: str, destination: str) -> None:
        """Copy one file, whatever is in it; raise `CodebaseError` where there is none."""
        ...

    async def move(self, source: str, destination: str) -> None:
        """Give a file or folder another path; raise `CodebaseError` where there is none."""
        ...

    async def remove(self, path: str) -> None:
        """Remove a file, or a folder with all in it; raise `CodebaseError` where there is none."""
        ...

    async def list(self, pattern: str = "**/*") -> tuple[str, ...]:
        """Return the files that match, sorted; what git ignores is left out."""
        ...

    async def search(
        self, pattern: str, *, glob: str = "**/*", limit: int = 1000
    ) -> tuple[Match, ...]:
        """Return the lines that the regular expression matches, by path and line."""
        ...

    async def run(
        self,
        argv: Sequence[str],
        *,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
    ) -> ExecResult:
        """Run a command in the project root, sandboxed."""
        ...

    async def ask_git(self, *arguments: str) -> str | None:
        """Return what a git command that only looks prints about the project's own repository.

        `arguments` begin with `log`, `status`, `diff`, `ls-files` or `rev-parse`; anything else is
        a `UsageError`. Nothing is returned where the project is in no repository; `GitFailed` is
        raised where git refuses.
        """
        ...

    async def snapshot(self) -> Revision:
        """Keep the files as they are now and return their state."""
        ...

    async def restore(self, revision: Revision) -> None:
        """Make the files those of `revision` again; what git ignores is left alone."""
        ...

    async def diff(self, base: Revision) -> str:
        """Return the change from `base` to now as a git diff."""
        ...

    async def commit(self, message: str, base: Revision) -> Revision:
        """Commit the files as they are on top of `base.head` and move the work's branch there.

        The same files, message and base give the same commit, so that a repeated call changes
        nothing.
        """
        ...
