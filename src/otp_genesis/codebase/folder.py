"""An ordinary folder as a codebase: its snapshots are kept elsewhere, nothing is added to it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from otp_genesis.codebase.branch import Author, WorkBranch
from otp_genesis.codebase.bubblewrap import choose_sandbox
from otp_genesis.codebase.files import ProjectFiles
from otp_genesis.codebase.git import Git
from otp_genesis.codebase.jail import Jail
from otp_genesis.codebase.record import run_folder
from otp_genesis.codebase.trees import Trees
from otp_genesis.codebase.work import GitCodebase
from otp_genesis.codebase.writing import refused
from otp_genesis.contracts.codebase import Limits, Sandbox
from otp_genesis.errors import NotAProject

# Whatever the folder's own .gitattributes say: bytes go in and come back as they are.
_AS_THEY_ARE = "* -text -filter -ident -working-tree-encoding\n"


class FolderCodebase(GitCodebase):
    """`Codebase` over a folder that stays where it is; its repository is in the state folder."""

    @classmethod
    async def open(
        cls,
        folder: Path,
        state_dir: Path,
        run_id: str,
        *,
        commit_date: datetime,
        env: Mapping[str, str],
        sandbox: Sandbox | None = None,
        limits: Limits | None = None,
    ) -> FolderCodebase:
        """Open `folder`, for the first time or again; what is in it stays as it is."""
        folder, state_dir = await asyncio.to_thread(_resolved, folder, state_dir)
        shadow = run_folder(state_dir, run_id) / "shadow.git"
        await asyncio.to_thread(_prepare, shadow, folder, state_dir)
        git = Git(folder, env).with_variables(GIT_DIR=str(shadow), GIT_WORK_TREE=str(folder))
        await git.run("init", "--quiet", "--template=", "--initial-branch=work")
        refs_prefix = f"refs/genesis/{run_id}"
        chosen = sandbox or (await choose_sandbox(env)).sandbox
        return cls(
            files=ProjectFiles(Jail.at(folder)),
            trees=Trees(git, shadow / "index", shadow / "info" / "exclude", refs_prefix),
            branch=WorkBranch(
                git, "work", refs_prefix, None, Author(), commit_date, own_checkout=True
            ),
            sandbox=chosen,
            env=env,
            limits=limits or Limits(),
        )

    async def forget(self) -> None:
        """Remove the snapshots; the folder stays as it is."""
        shadow = self.trees.index.parent
        await asyncio.to_thread(shutil.rmtree, shadow, ignore_errors=True)


def _resolved(folder: Path, state_dir: Path) -> tuple[Path, Path]:
    if not folder.is_dir():
        raise NotAProject(str(folder), "is no folder")
    return folder.resolve(), state_dir.resolve()


def _prepare(shadow: Path, folder: Path, state_dir: Path) -> None:
    inside = state_dir.is_relative_to(folder)
    ignored = f"/{state_dir.relative_to(folder)}/\n" if inside else ""
    try:
        (shadow / "info").mkdir(parents=True, exist_ok=True)
        (shadow / "info" / "attributes").write_text(_AS_THEY_ARE)
        (shadow / "info" / "exclude").write_text(ignored)
    except OSError as error:
        raise refused(shadow, error) from error
