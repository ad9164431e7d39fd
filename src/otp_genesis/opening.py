"""Where a run's files are: a worktree of a project, a workspace folder, or nowhere at all."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from otp_genesis.codebase.files import ProjectFiles
from otp_genesis.codebase.folder import FolderCodebase
from otp_genesis.codebase.jail import Jail
from otp_genesis.codebase.lock import ProjectLock
from otp_genesis.codebase.record import read_record, run_folder
from otp_genesis.codebase.worktree import OpenedProject, open_project
from otp_genesis.contracts.codebase import STARTED_IN, Codebase, Revision
from otp_genesis.engine.ground import Ground
from otp_genesis.errors import EnvironmentLacks, GenesisError
from otp_genesis.expr.language import language
from otp_genesis.expr.scope import Scope
from otp_genesis.model.environment import scrubbed_environment
from otp_genesis.model.pipeline import Pipeline
from otp_genesis.model.run import RunRequest
from otp_genesis.settings import Settings


@dataclass
class Opened:
    """A run's files while it goes on."""

    codebase: Codebase | None = None
    start: Revision | None = None
    """The files at the first start, where they are known to be those."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    end: Literal["done", "failed", "waiting"] = "waiting"
    """How it ended, set by who ran it: what waits is left as it is, to be taken up again."""

    @property
    def ground(self) -> Ground | None:
        """The working tree, of which nothing is known yet."""
        return Ground(self.codebase) if self.codebase is not None else None


@asynccontextmanager
async def opened_files(
    request: RunRequest, pipeline: Pipeline, scope: Scope, settings: Settings, *, needed: bool
) -> AsyncIterator[Opened]:
    """Open what the pipeline works on, lock it, and let go of it in the end.

    A project's worktree is removed when the run is done, or has failed before it committed
    anything, and kept for resuming otherwise; a branch without a commit goes with it.
    """
    if pipeline.codebase is not None:
        filled = language(strict=pipeline.strict).fill
        spec = filled(pipeline.codebase.model_dump(), scope.names())
        with ProjectLock(settings.home, Path(spec["project"]), run_id=request.run_id):
            async with _project(request, spec, settings) as opened:
                yield opened
        return
    with ProjectLock(settings.home, settings.home / request.run_id, run_id=request.run_id):
        if not needed:
            yield Opened()
            return
        folder = Path(request.workspace or settings.workspace)
        with ProjectLock(settings.home, folder, run_id=request.run_id):
            opened = await _workspace(request, settings)
            if request.folder is not None and not pipeline.strict:
                opened.facts = {
                    **opened.facts,
                    STARTED_IN: ProjectFiles(Jail.at(Path(request.folder))),
                }
            yield opened


@asynccontextmanager
async def _project(
    request: RunRequest, spec: Mapping[str, str], settings: Settings
) -> AsyncIterator[Opened]:
    project = await open_project(
        Path(spec["project"]),
        settings.home / "runs",
        request.run_id,
        branch=spec["branch"],
        commit_date=_date(request),
        env=scrubbed_environment(settings.environ),
    )
    facts = {
        "project": str(Path(spec["project"]).resolve()),
        "branch": project.branch,
        "base": project.base,
        "repository": str(project.repository),
        "sandbox": project.codebase.sandbox.name,
        "notes": project.notes,
    }
    opened = Opened(project.codebase, await _base(project), facts)
    try:
        yield opened
    except GenesisError:
        opened.end = "failed"
        raise
    finally:
        if opened.end == "done":
            await project.close(keep_branch=await _has_commits(project))
        elif opened.end == "failed" and not await _has_commits(project):
            # What made it fail is told already.
            with suppress(GenesisError):
                await project.close(keep_branch=False)


async def _has_commits(project: OpenedProject) -> bool:
    return await project.codebase.branch.tip() not in (None, project.base)


async def _base(project: OpenedProject) -> Revision:
    git = project.codebase.trees.git
    return Revision(tree=await git.line("rev-parse", f"{project.base}^{{tree}}"), head=project.base)


async def _workspace(request: RunRequest, settings: Settings) -> Opened:
    folder = Path(request.workspace or settings.workspace)
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentLacks(f"cannot make the workspace {folder}: {error.strerror}") from None
    env = scrubbed_environment(settings.environ)
    codebase = await FolderCodebase.open(
        folder, settings.home / "runs", request.run_id, commit_date=_date(request), env=env
    )
    return Opened(codebase, None, {"workspace": str(folder)})


def _date(request: RunRequest) -> datetime:
    return datetime.fromtimestamp(request.started_at, UTC)


async def forget_files(request: RunRequest, settings: Settings) -> bool:
    """Remove what a run keeps on the disk: worktree, references, snapshots; its commits stay.

    Return false where nothing was removed because the folder holds the only copy of the work.
    """
    runs = settings.home / "runs"
    folder = run_folder(runs, request.run_id)
    record = read_record(folder)
    if record is not None and record.plain:
        return False
    if record is not None and Path(record.project).is_dir():
        project = await open_project(
            Path(record.project),
            runs,
            request.run_id,
            branch=record.branch,
            commit_date=_date(request),
            env=scrubbed_environment(settings.environ),
        )
        await project.close(keep_branch=await _has_commits(project))
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return True
