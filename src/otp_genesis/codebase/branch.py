"""The branch that the work is committed to, and which commits on it are the run's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from otp_genesis.codebase.git import Git
from otp_genesis.errors import UsageError

_NAME, _EMAIL = "OTP-Genesis", "otp-genesis@localhost"


@dataclass(frozen=True)
class Author:
    """Who the commits are by."""

    name: str = _NAME
    email: str = _EMAIL

    @classmethod
    async def of(cls, git: Git) -> Author:
        """Return the one that the user's git configuration names."""
        name, email = [await git.ask("config", "--get", f"user.{part}") for part in _PARTS]
        return cls(name or _NAME, email or _EMAIL)


_PARTS = ("name", "email")


@dataclass(frozen=True)
class WorkBranch:
    """A branch that only this run moves, and only away from commits that the run knows."""

    git: Git
    name: str
    refs_prefix: str
    base: str | None
    """The commit that the work began at."""
    author: Author
    date: datetime
    """Of every commit, so that the same work gives the same commit ids."""
    own_checkout: bool = False
    """Whether it is the run's own folder that is on the branch."""

    @property
    def reference(self) -> str:
        """The branch by its full name."""
        return f"refs/heads/{self.name}"

    async def tip(self) -> str | None:
        """Return the commit that the branch is at, if it exists."""
        return await self.git.ask("rev-parse", "--verify", "--quiet", self.reference)

    async def commit(self, tree: str, message: str, parent: str | None) -> str:
        """Make the commit, move the branch there and return its id."""
        stamp = f"{int(self.date.timestamp())} {self.date:%z}"
        git = self.git.with_variables(
            GIT_AUTHOR_NAME=self.author.name,
            GIT_AUTHOR_EMAIL=self.author.email,
            GIT_AUTHOR_DATE=stamp,
            GIT_COMMITTER_NAME=self.author.name,
            GIT_COMMITTER_EMAIL=self.author.email,
            GIT_COMMITTER_DATE=stamp,
        )
        parents = ("-p", parent) if parent else ()
        text = f"{message.strip()}\n".encode()
        commit = (await git.run("commit-tree", tree, *parents, stdin=text)).decode().strip()
        await self.know(commit)
        await self.move(commit)
        return commit

    async def know(self, commit: str) -> None:
        """Take a commit for the run's own."""
        await self.git.run("update-ref", f"{self.refs_prefix}/commits/{commit}", commit)

    async def move(self, commit: str) -> None:
        """Point the branch at `commit`; raise `UsageError` where someone else uses it."""
        tip = await self.tip()
        if tip == commit:
            return
        if tip is not None:
            await self._check_movable(tip)
        await self.git.run("update-ref", self.reference, commit, tip or "")

    async def delete(self) -> None:
        """Remove the branch, unless someone else has moved it."""
        tip = await self.tip()
        if tip is not None and await self._is_own(tip):
            await self.git.run("update-ref", "-d", self.reference, tip)

    async def drop_references(self) -> None:
        """Give up the run's states and commits but for the branch; git may then forget them."""
        listed = await self.git.line("for-each-ref", "--format=%(refname)", f"{self.refs_prefix}/")
        orders = "".join(f"delete {name}\n" for name in listed.splitlines())
        await self.git.run("update-ref", "--stdin", stdin=orders.encode())

    async def _check_movable(self, tip: str) -> None:
        if not await self._is_own(tip):
            raise UsageError(
                f"branch {self.name!r} was moved to {tip[:12]} by someone else;"
                " keep that work under another branch name, then resume"
            )
        worktrees = (await self.git.line("worktree", "list", "--porcelain")).split("\n\n")
        for worktree in worktrees if not self.own_checkout else ():
            place, *rest = worktree.splitlines()
            if f"branch {self.reference}" in rest:
                raise UsageError(
                    f"branch {self.name!r} is checked out in {place.removeprefix('worktree ')};"
                    " switch to another branch there, then resume"
                )

    async def _is_own(self, commit: str) -> bool:
        known = f"{self.refs_prefix}/commits/{commit}"
        return (
            commit == self.base
            or await self.git.ask("rev-parse", "--verify", "--quiet", known) is not None
        )
