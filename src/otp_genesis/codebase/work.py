"""The `Codebase`: a folder under git's eyes, its files in a jail and its commands in a sandbox."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from otp_genesis.codebase import patterns
from otp_genesis.codebase.branch import WorkBranch
from otp_genesis.codebase.children import end_child, start_child
from otp_genesis.codebase.files import ProjectFiles
from otp_genesis.codebase.looking import looked
from otp_genesis.codebase.trees import Trees
from otp_genesis.contracts.codebase import ExecResult, Limits, Match, PathFacts, Revision, Sandbox
from otp_genesis.errors import CodebaseError, OutsideJail, UsageError
from otp_genesis.model.change import ChangeSet

_GREP = Path(__file__).with_name("grep.py")
_SEARCH_S = 20.0


@dataclass(frozen=True)
class GitCodebase:
    """`Codebase` over a work folder that belongs to this run alone."""

    files: ProjectFiles
    trees: Trees
    branch: WorkBranch
    sandbox: Sandbox
    env: Mapping[str, str] = field(repr=False)
    """What commands see."""
    limits: Limits = field(default_factory=Limits)
    subfolder: str = ""
    """Where the project is below the top of its repository; empty at the top."""

    @property
    def root(self) -> str:
        """The absolute folder that paths are relative to."""
        return str(self.files.jail.root)

    async def read(self, path: str) -> str:
        """Return the text of a file."""
        return self.files.read(path)

    async def write(self, path: str, text: str) -> None:
        """Write the whole file atomically, making its folders."""
        self.files.write(path, text)

    async def edit(self, path: str, old: str, new: str, *, count: int = 1) -> None:
        """Replace `old` by `new`, where it occurs exactly `count` times."""
        self.files.edit(path, old, new, count=count)

    async def apply(self, change: ChangeSet) -> None:
        """Make the whole change, or none of it."""
        self.files.apply(change)

    async def describe(self, path: str) -> PathFacts | None:
        """Return what is at `path`, or nothing where nothing is."""
        return self.files.describe(path)

    async def copy(self, source: str, destination: str) -> None:
        """Copy one file."""
        self.files.copy(source, destination)

    async def move(self, source: str, destination: str) -> None:
        """Give a file or folder another path."""
        self.files.move(source, destination)

    async def remove(self, path: str) -> None:
        """Remove a file, or a folder with all in it."""
        await asyncio.to_thread(self.files.remove, path)

    async def list(self, pattern: str = "**/*") -> tuple[str, ...]:
        """Return the files that match, sorted; what git ignores is left out."""
        _check_pattern(pattern)
        below = f"{self.subfolder}/" if self.subfolder else ""
        listed = await self.trees.files()
        paths = [path.removeprefix(below) for path in listed if path.startswith(below)]
        matching = [path for path in paths if patterns.matches(pattern, path)]
        return tuple(await asyncio.to_thread(self._present, matching))

    async def search(
        self, pattern: str, *, glob: str = "**/*", limit: int = 1000
    ) -> tuple[Match, ...]:
        """Return the lines that the regular expression matches, by path and line."""
        try:
            re.compile(pattern)
        except re.error as error:
            raise UsageError(f"{pattern!r} is no regular expression: {error}") from error
        paths = await self.list(glob)
        order = {"pattern": pattern, "top": self.root, "paths": paths, "limit": limit}
        printed = await _grep(json.dumps(order).encode(), self.env)
        rows = (json.loads(line) for line in printed.splitlines())
        return tuple(Match(path=p, line=n, column=c, text=t) for p, n, c, t in rows)

    async def run(
        self,
        argv: Sequence[str],
        *,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
    ) -> ExecResult:
        """Run a command in the project root, sandboxed; `env` is added to what commands see."""
        seen = {**self.env, **(env or {})}
        return await self.sandbox.run(argv, cwd=self.root, env=seen, limits=limits or self.limits)

    async def ask_git(self, *arguments: str) -> str | None:
        """Return what a git command that only looks prints; nothing outside of a repository."""
        return await looked(self.files.jail.root, self.env, arguments)

    async def snapshot(self) -> Revision:
        """Keep the files as they are now and return their state."""
        return Revision(tree=await self.trees.snapshot(), head=await self.branch.tip())

    async def restore(self, revision: Revision) -> None:
        """Make the files those of `revision` again, and the branch's tip its head."""
        await self.trees.restore(revision.tree)
        if revision.head is not None:
            await self.branch.move(revision.head)

    async def diff(self, base: Revision) -> str:
        """Return the change from `base` to now as a git diff, relative to the root."""
        now = await self.trees.snapshot()
        return await self.trees.diff(base.tree, now, below=self.subfolder)

    async def commit(self, message: str, base: Revision) -> Revision:
        """Commit the files as they are on top of `base.head` and move the work's branch there."""
        tree = await self.trees.snapshot()
        head = await self.branch.commit(tree, message, base.head or self.branch.base)
        return Revision(tree=tree, head=head)

    def _present(self, paths: Sequence[str]) -> Sequence[str]:
        jail = self.files.jail
        present = []
        for path in paths:
            # A name that is no text could not be handed on.
            with suppress(OutsideJail, UnicodeEncodeError):
                if path.encode() and jail.resolve(path).is_file():
                    present.append(path)
        return present


def _check_pattern(pattern: str) -> None:
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise OutsideJail(pattern, "a pattern is relative and without '..'")


async def _grep(order: bytes, env: Mapping[str, str]) -> bytes:
    """Return what the search program prints for `order`."""
    process = await start_child(
        *(sys.executable, "-I", "-S", "-X", "utf8", str(_GREP)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )
    try:
        async with asyncio.timeout(_SEARCH_S):
            printed, complaint = await process.communicate(order)
    except TimeoutError:
        raise CodebaseError(f"the search took longer than {_SEARCH_S:.0f} s") from None
    finally:
        await end_child(process)
    if process.returncode != 0:
        raise CodebaseError(f"the search failed: {complaint.decode(errors='replace')}")
    return printed
