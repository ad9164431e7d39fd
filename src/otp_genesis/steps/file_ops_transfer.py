"""Several files copied, moved or removed: all of them or none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from otp_genesis.contracts.codebase import Codebase
from otp_genesis.errors import CodebaseError

Undo = Callable[[], Awaitable[None]]


@dataclass
class _Transfer:
    """What was done so far. Files that make room stand aside until all is done."""

    codebase: Codebase
    aside: str = field(default_factory=lambda: f".genesis-aside-{uuid4().hex}")
    undoing: list[Undo] = field(default_factory=list)
    count: int = 0

    async def make_room(self, path: str) -> None:
        """Put the file at `path` aside, if there is one; raise `CodebaseError` for a folder."""
        facts = await self.codebase.describe(path)
        if facts is not None and facts.folder:
            raise CodebaseError(f"{path}: is a folder")
        if facts is not None:
            await self.put_aside(path)

    async def put_aside(self, path: str) -> None:
        kept = f"{self.aside}/{self.count}"
        self.count += 1
        await self.codebase.move(path, kept)
        self.undoing.append(lambda: self.codebase.move(kept, path))

    async def copy(self, source: str, destination: str) -> None:
        await self.make_room(destination)
        await self.codebase.copy(source, destination)
        self.undoing.append(lambda: self.codebase.remove(destination))

    async def move(self, source: str, destination: str) -> None:
        await self.make_room(destination)
        await self.codebase.move(source, destination)
        self.undoing.append(lambda: self.codebase.move(destination, source))

    async def undo(self) -> None:
        for step in reversed(self.undoing):
            await step()

    async def tidy(self) -> None:
        if self.count and await self.codebase.describe(self.aside) is not None:
            await self.codebase.remove(self.aside)


async def transferred(
    codebase: Codebase, pairs: Sequence[tuple[str, str]], *, move: bool, atomic: bool = True
) -> None:
    """Copy or move each pair; where one cannot be, all is as it was unless not `atomic`."""
    transfer = _Transfer(codebase)
    act = transfer.move if move else transfer.copy
    try:
        for source, destination in pairs:
            await act(source, destination)
    except BaseException:
        if atomic:
            await transfer.undo()
        await transfer.tidy()
        raise
    await transfer.tidy()


async def removed(codebase: Codebase, paths: Sequence[str], *, atomic: bool = True) -> None:
    """Remove each file or folder; where one cannot be, none is unless not `atomic`."""
    transfer = _Transfer(codebase)
    try:
        for path in paths:
            await transfer.put_aside(path)
    except BaseException:
        if atomic:
            await transfer.undo()
        await transfer.tidy()
        raise
    await transfer.tidy()
