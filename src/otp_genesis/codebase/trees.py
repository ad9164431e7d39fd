"""Snapshots of a work folder as git trees, through an index of their own."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

from otp_genesis.codebase.git import Git
from otp_genesis.errors import CodebaseError


@dataclass(frozen=True)
class Trees:
    """The states of the files under `git.folder`, kept in its repository.

    Nothing is lost: before files are overwritten or deleted, their state is kept as a tree too.
    Kept trees are held by references under `refs_prefix`, so that git's housekeeping spares them.
    """

    git: Git
    """In the top folder of the work tree."""
    index: Path
    """The private index file; the repository's own is never used."""
    excludes: Path
    """Further ignore patterns, in git's notation."""
    refs_prefix: str
    """As `refs/genesis/<run>`."""
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)

    @property
    def private(self) -> Git:
        """Git with the private index."""
        return self.git.configured(f"core.excludesFile={self.excludes}").with_variables(
            GIT_INDEX_FILE=str(self.index)
        )

    async def start_from(self, revision: str) -> None:
        """Make the index that of `revision`, unless there is one; the files stay as they are.

        Without it, a file that is committed and ignored at once would be taken for deleted.
        """
        if not self.index.exists():
            await self.private.run("read-tree", revision)

    async def snapshot(self) -> str:
        """Keep the files as they are, without those that git ignores; return their tree id."""
        async with self._busy:
            return await self._snapshot()

    async def restore(self, tree: str) -> None:
        """Make the files those of `tree`; leave alone what git ignores and `tree` does not hold."""
        async with self._busy:
            # A restored .gitignore can uncover files that were ignored until then: hence again.
            for _ in range(4):
                if await self._snapshot() == tree:
                    return
                if await self._keep_ignored_in_the_way(tree):
                    await self._snapshot()
                await self.private.run("read-tree", "--reset", "-u", tree)
        raise CodebaseError(f"the files do not come to rest at the state {tree}")

    async def diff(self, old: str, new: str, *, below: str = "") -> str:
        """Return the change between two trees as a git diff, of and relative to `below`."""
        options = ["-p", "-r", "-M", "--no-color", "--no-ext-diff", "--no-textconv", "--full-index"]
        relative = [f"--relative={below}/"] if below else []
        diff = await self.git.run("diff-tree", *options, *relative, old, new)
        return diff.decode(errors="replace")

    async def files(self) -> list[str]:
        """Return the files that git does not ignore, relative to the top folder, sorted."""
        options = ("--cached", "--others", "--exclude-standard", "--deduplicate", "-z")
        return sorted(await self.private.lines("ls-files", *options))

    async def keep(self, name: str, object_id: str) -> None:
        """Hold an object by the reference `<refs_prefix>/<name>`."""
        await self.git.run("update-ref", f"{self.refs_prefix}/{name}", object_id)

    async def _snapshot(self) -> str:
        _remove_dead_lock(self.index)
        await self.private.run("add", "--all")
        tree = await self.private.line("write-tree")
        await self.keep(f"trees/{tree}", tree)
        return tree

    async def _keep_ignored_in_the_way(self, tree: str) -> bool:
        """Put into the index the ignored files that `tree` would overwrite."""
        changed = ("diff-index", "--cached", "--name-only", "--diff-filter=D", "--no-renames", "-z")
        missing = await self.private.lines(*changed, tree)
        top = self.git.folder
        found = {str(place) for path in missing if (place := _in_the_way(top, path)) is not None}
        if found:
            listed = b"\0".join(os.fsencode(path) for path in sorted(found))
            pathspec = ("--pathspec-from-file=-", "--pathspec-file-nul")
            literal = self.private.with_variables(GIT_LITERAL_PATHSPECS="1")
            await literal.run("add", "--force", *pathspec, stdin=listed)
        return bool(found)


def _remove_dead_lock(index: Path) -> None:
    # The index is used by one object alone, so that a lock file can only be a dead command's.
    Path(f"{index}.lock").unlink(missing_ok=True)


def _in_the_way(top: Path, path: str) -> Path | None:
    """Return what stands at `path`, or the file where one of its folders should be."""
    for place in (*reversed(Path(path).parents), Path(path)):
        full = top / place
        if os.path.lexists(full) and (
            place == Path(path) or not full.is_dir() or full.is_symlink()
        ):
            return place
    return None
