"""A project opened for work: a checkout of its own, a branch of its own, nothing else touched.

Of the user's repository only these change: its objects, the work's branch, the references under
refs/genesis and, while the work is open, its list of worktrees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from otp_genesis.codebase.bubblewrap import BubblewrapSandbox, choose_sandbox
from otp_genesis.codebase.files import ProjectFiles
from otp_genesis.codebase.jail import Jail
from otp_genesis.codebase.record import run_folder
from otp_genesis.codebase.repository import NoRepository, Repository, find_repository
from otp_genesis.codebase.work import GitCodebase
from otp_genesis.codebase.workplace import Order, Workplace, checked_out, copied
from otp_genesis.codebase.writing import refused
from otp_genesis.contracts.codebase import Limits, Sandbox
from otp_genesis.errors import NotAProject


@dataclass(frozen=True)
class OpenedProject:
    """A project at work, until it is closed."""

    codebase: GitCodebase
    base: str
    """The commit that the work started from."""
    branch: str
    repository: Path
    """Whose branch it is: the user's repository, or the copy of a plain folder."""
    project_subdir: str
    """Where the project is in its repository; empty at the top."""
    notes: tuple[str, ...]
    """What the user should know of how the project was opened."""
    place: Workplace = field(repr=False)

    async def close(self, *, keep_branch: bool = True) -> None:
        """End the work: remove its checkout, its references and, if so asked, its branch.

        The copy of a plain folder stays, with its branch, as that is where the work is.
        """
        branch, plain = self.place.branch, self.place.record.plain
        if not keep_branch and not plain:
            await branch.delete()
        tip = await branch.tip()
        # The checkout goes first: where the disk is full, there is room again for the record.
        await self.place.remove()
        self.place.noting(ready=None if plain else False, tip=tip)
        await branch.drop_references()


async def open_project(
    project: Path,
    state_dir: Path,
    run_id: str,
    *,
    branch: str,
    commit_date: datetime,
    env: Mapping[str, str],
    base: str | None = None,
    sandbox: Sandbox | None = None,
    limits: Limits | None = None,
) -> OpenedProject:
    """Open `project` for work on a new branch, or, with a `run_id` seen before, open it again.

    `env` is what commands see (`scrubbed_environment`). Of a project opened again the files are
    those that were left; `restore` decides which they shall be. Its commits keep the date of the
    first time. Without `sandbox` the best that works is taken. Raises `UsageError` where the branch
    exists and is not this run's.
    """
    project, folder = await asyncio.to_thread(_folders, project, state_dir, run_id)
    order = Order(project, folder, run_id, branch, commit_date, env)
    known = order.recorded()
    found: Repository | NoRepository = NoRepository("it was no git repository at first")
    if known is None or not known.plain:
        found = await find_repository(project, env, base=known.base if known else base)
    match found:
        case Repository():
            place, notes = await checked_out(order, found)
            subfolder = found.subfolder
            sealed = tuple(place.tree / path for path, _ in found.submodules)
        case NoRepository():
            place, notes = await copied(order, found)
            subfolder, sealed = "", ()
    codebase = GitCodebase(
        files=ProjectFiles(Jail.at(place.tree / subfolder), sealed),
        trees=place.trees,
        branch=place.branch,
        sandbox=await _sandbox_for(place.tree, sandbox, env),
        env=env,
        limits=limits or Limits(),
        subfolder=subfolder,
    )
    return OpenedProject(
        codebase=codebase,
        base=place.record.base,
        branch=branch,
        repository=place.git.folder,
        project_subdir=subfolder,
        notes=tuple(notes),
        place=place,
    )


def _folders(project: Path, state_dir: Path, run_id: str) -> tuple[Path, Path]:
    """Return the project's and the run's folder as they really are; make the latter."""
    project = project.resolve()
    if not project.is_dir():
        raise NotAProject(str(project), "is no folder")
    folder = run_folder(state_dir.resolve(), run_id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(folder, error) from error
    return project, folder


async def _sandbox_for(tree: Path, sandbox: Sandbox | None, env: Mapping[str, str]) -> Sandbox:
    match sandbox:
        case None:
            return (await choose_sandbox(env, writable=(tree,))).sandbox
        case BubblewrapSandbox():
            return sandbox.with_writable(tree)
        case _:
            return sandbox
