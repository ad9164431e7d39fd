"""Where one run works: a worktree of the user's repository, or a copy with its own repository."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from otp_genesis.codebase.branch import Author, WorkBranch
from otp_genesis.codebase.copying import copy, copy_project
from otp_genesis.codebase.git import Git
from otp_genesis.codebase.record import WorkRecord, read_record, write_record
from otp_genesis.codebase.repository import BUILD_FOLDERS, NoRepository, Repository
from otp_genesis.codebase.trees import Trees
from otp_genesis.codebase.writing import refused
from otp_genesis.errors import EnvironmentLacks, GitFailed, UsageError

_BASE_MESSAGE = "The project as it was found"
_LITTLE = 1024**2
_PATTERN_CHARACTERS = re.compile(r"([\\*?\[\]!# ])")


@dataclass(frozen=True)
class Workplace:
    """The state folder of one run, `record` in it, and `git` of the repository with the branch."""

    folder: Path
    run_id: str
    project: Path
    record: WorkRecord
    git: Git
    author: Author

    @property
    def tree(self) -> Path:
        """The top of the run's own checkout."""
        return self.folder / "tree"

    @property
    def branch(self) -> WorkBranch:
        """The branch that the work goes to."""
        return WorkBranch(
            git=self.git,
            name=self.record.branch,
            refs_prefix=self._refs_prefix,
            base=self.record.base,
            author=self.author,
            date=self.record.commit_date,
            own_checkout=self.record.plain,
        )

    @property
    def trees(self) -> Trees:
        """The snapshots of the checkout."""
        return Trees(
            git=self.git.at(self.tree),
            index=self.folder / "index",
            excludes=self.folder / "excludes",
            refs_prefix=self._refs_prefix,
        )

    @property
    def _refs_prefix(self) -> str:
        return f"refs/genesis/{self.run_id}"

    def noting(self, *, ready: bool | None = None, tip: str | None = None) -> Workplace:
        """Return the place with its record changed, on the disk too."""
        record = self.record.updated(ready=ready, tip=tip)
        write_record(self.folder, record)
        return replace(self, record=record)

    async def remove(self) -> None:
        """Remove the checkout; the copy of a plain folder is left in a clean state instead."""
        if self.record.plain:
            await self.git.run("read-tree", self.branch.reference)
        else:
            await _remove_worktree(self.git, self.tree)
        await asyncio.to_thread(self.trees.index.unlink, missing_ok=True)


@dataclass(frozen=True)
class Order:
    """What is to be opened, and how."""

    project: Path
    folder: Path
    run_id: str
    branch: str
    commit_date: datetime
    env: Mapping[str, str]

    def recorded(self) -> WorkRecord | None:
        """Return what this run opened before; raise `UsageError` where that was something else."""
        record = read_record(self.folder)
        if record is not None and (record.project, record.branch) != (
            str(self.project),
            self.branch,
        ):
            raise UsageError(
                f"run {self.run_id!r} works on {record.project}, branch {record.branch!r};"
                " give this work a run id of its own"
            )
        return record

    async def place(self, git: Git, base: str, *, plain: bool) -> Workplace:
        """Return the workplace of this run, whether or not it is there yet."""
        record = self.recorded() or WorkRecord(
            project=str(self.project),
            branch=self.branch,
            base=base,
            commit_date=self.commit_date,
            plain=plain,
        )
        author = await Author.of(Git(self.project, self.env, as_user=True))
        return Workplace(self.folder, self.run_id, self.project, record, git, author)


async def checked_out(order: Order, repository: Repository) -> tuple[Workplace, list[str]]:
    """Return the run's worktree, made anew or found again, and notes for the user."""
    place = await order.place(repository.git, repository.base, plain=False)
    branch, known = place.branch, order.recorded()
    await _check_branch(branch, known)
    notes = await repository.notes()
    if known is not None and known.tip is not None:
        await branch.know(known.tip)
    if known is not None and known.ready and await _is_checkout(place):
        return place, notes
    place = place.noting(ready=False)
    await _remove_worktree(repository.git, place.tree)
    await _add_worktree(repository.git, place.tree, repository.base)
    if await branch.tip() is None:
        await branch.move(repository.base)
    _write_excludes(place.trees.excludes, repository.build_folders())
    await place.trees.start_from(repository.base)
    notes += await _fill_submodules(repository, place.tree)
    await _copy_build(repository, place.tree, order.env)
    return place.noting(ready=True), notes


async def copied(order: Order, reason: NoRepository) -> tuple[Workplace, list[str]]:
    """Return a copy of the project in a repository of its own, and notes for the user."""
    tree = order.folder / "tree"
    git = Git(tree, order.env)
    notes = [
        f"{order.project} is worked on as a copy, because {reason.why};"
        f" branch {order.branch!r} is in {tree}"
    ]
    known = order.recorded()
    if known is not None and await asyncio.to_thread(tree.is_dir):
        place = await order.place(git, known.base, plain=True)
        if known.tip is not None:
            await place.branch.know(known.tip)
        return place, notes
    await _clear(order.folder)
    leave_out = (order.project / ".git", order.folder.parent)
    await copy_project(order.project, tree, order.env, leave_out=leave_out)
    await git.run("init", "--quiet", "--template=", f"--initial-branch={order.branch}")
    builds = await asyncio.to_thread(_build_folders, tree)
    _write_excludes(tree / ".git" / "info" / "exclude", builds)
    place = await order.place(git, "", plain=True)
    _write_excludes(place.trees.excludes, builds)
    tree_id = await place.trees.snapshot()
    base = await replace(place.branch, base=None).commit(tree_id, _BASE_MESSAGE, None)
    record = place.record.model_copy(update={"base": base, "tip": None})
    return replace(place, record=record).noting(ready=True), notes


async def _check_branch(branch: WorkBranch, known: WorkRecord | None) -> None:
    if await branch.git.ask("check-ref-format", branch.reference) is None:
        raise UsageError(f"{branch.name!r} is no name for a branch")
    if known is None and await branch.tip() is not None:
        raise UsageError(
            f"branch {branch.name!r} exists already; name another, or resume the run that made it"
        )


async def _is_checkout(place: Workplace) -> bool:
    """Tell whether the worktree is there and its repository still knows of it."""
    if not await asyncio.to_thread(place.tree.is_dir):
        return False
    return await place.git.at(place.tree).ask("rev-parse", "--show-prefix") == ""


async def _add_worktree(git: Git, tree: Path, base: str) -> None:
    try:
        await git.run("worktree", "add", "--force", "--detach", str(tree), base)
    except GitFailed as error:
        # Git names the files that it cannot write, and not that the disk is full.
        free = (await asyncio.to_thread(shutil.disk_usage, tree.parent)).free
        await _remove_worktree(git, tree)
        if "unable to write" in error.said and free < _LITTLE:
            message = f"no space left for a checkout in {tree}: {free // 1024} KB are free"
            raise EnvironmentLacks(message) from None
        raise


async def _remove_worktree(git: Git, tree: Path) -> None:
    # Not `worktree prune`: that forgets worktrees of the user's whose disk is away for now.
    if await git.ask("worktree", "remove", "--force", "--force", str(tree)) is None:
        await asyncio.to_thread(shutil.rmtree, tree, ignore_errors=True)
        await git.ask("worktree", "remove", "--force", "--force", str(tree))


async def _clear(folder: Path) -> None:
    """Take away what an attempt that did not come to its end has left."""
    await asyncio.to_thread(shutil.rmtree, folder / "tree", ignore_errors=True)
    (folder / "index").unlink(missing_ok=True)


async def _fill_submodules(repository: Repository, tree: Path) -> list[str]:
    notes = []
    for path, commit in repository.submodules:
        index = tree.with_name("submodule-index")
        why = await repository.fill_submodule(path, commit, tree, index)
        if why is not None:
            notes.append(f"submodule {path} is empty in the work: {why}")
    return notes


async def _copy_build(repository: Repository, tree: Path, env: Mapping[str, str]) -> None:
    """Copy what was built and fetched for the project and for the folders that it is in."""
    for place in repository.build_folders():
        owner = place.rpartition("/")[0]
        near = _is_below(owner, repository.subfolder) or _is_below(repository.subfolder, owner)
        if near and (repository.top / place).is_dir():
            await copy(repository.top / place, tree / place, env)


def _is_below(folder: str, top: str) -> bool:
    return not top or folder == top or folder.startswith(f"{top}/")


def _build_folders(top: Path) -> Iterable[str]:
    found = []
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in (*BUILD_FOLDERS, ".git")]
        if "mix.exs" in files:
            below = os.path.relpath(folder, top)
            found += [f"{below}/{name}".removeprefix("./") for name in BUILD_FOLDERS]
    return sorted(found)


def _write_excludes(path: Path, folders: Iterable[str]) -> None:
    escaped = [_PATTERN_CHARACTERS.sub(r"\\\1", folder) for folder in folders]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"/{folder}/\n" for folder in escaped))
    except OSError as error:
        raise refused(path, error) from error
