"""Real folders, real repositories and a real environment for the tests of the codebase room."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from otp_genesis.codebase.local import LocalSandbox
from otp_genesis.codebase.worktree import OpenedProject, open_project
from otp_genesis.contracts.codebase import Sandbox
from otp_genesis.model.environment import scrubbed_environment

LOCAL = LocalSandbox()
DATE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FILES = {
    ".gitignore": "/_build/\n/deps/\n*.secret\n",
    "mix.exs": "defmodule A.MixProject do\nend\n",
    "lib/a.ex": "defmodule A do\nend\n",
}
RunGit = Callable[..., str]
Contents = Callable[[Path], dict[str, tuple[int, bytes]]]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of commands, with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return scrubbed_environment(os.environ, added={"HOME": str(home)})


@pytest.fixture
def git(env: Mapping[str, str]) -> RunGit:
    """Git as the user runs it."""
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
    }

    def run(folder: Path, *arguments: str) -> str:
        command = ["git", "-c", "protocol.file.allow=always", *arguments]
        done = subprocess.run(
            command, cwd=folder, env={**env, **identity}, capture_output=True, check=True, text=True
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def make_repository(git: RunGit) -> Callable[..., Path]:
    """Make a repository of the given files, all committed."""

    def make(folder: Path, files: Mapping[str, str]) -> Path:
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        git(folder, "init", "--quiet", "--initial-branch=trunk")
        git(folder, "add", "--all", "--force")
        git(folder, "commit", "--quiet", "--message=first")
        return folder

    return make


@pytest.fixture
def contents() -> Contents:
    """Every file below a folder with mode and bytes; of `.git`, what a user would miss."""

    def read(folder: Path) -> dict[str, tuple[int, bytes]]:
        found = {}
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_symlink():
                found[name] = (0, os.fsencode(path.readlink()))
            elif path.is_file() and not any(part in f"/{name}" for part in _OURS):
                found[name] = (path.stat().st_mode, path.read_bytes())
        return found

    return read


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=40", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def project(tmp_path: Path, make_repository: Callable[..., Path]) -> Path:
    """A repository with builds, fetched packages, and a name that is no plain word."""
    made = make_repository(tmp_path / "mein Projekt ü", FILES)
    for name in ("_build/test/a.beam", "deps/jason/mix.exs", "prod.secret"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    return made


@pytest.fixture
def opened(tmp_path: Path, env: dict[str, str]) -> Callable[..., OpenedProject]:
    """Open a project for the run `run1`."""

    def run(
        project: Path,
        run_id: str = "run1",
        *,
        branch: str = "genesis/work",
        commit_date: datetime = DATE,
        base: str | None = None,
        sandbox: Sandbox | None = LOCAL,
    ) -> OpenedProject:
        return asyncio.run(
            open_project(
                project,
                tmp_path / "state",
                run_id,
                branch=branch,
                commit_date=commit_date,
                env=env,
                base=base,
                sandbox=sandbox,
            )
        )

    return run


@pytest.fixture
def commit() -> Callable[..., str]:
    """Write one file in a work, commit it and return the commit."""

    def run(work: OpenedProject, path: str, text: str, message: str = "Change") -> str:
        base = asyncio.run(work.codebase.snapshot())
        asyncio.run(work.codebase.write(path, text))
        head = asyncio.run(work.codebase.commit(message, base)).head
        assert head is not None
        return head

    return run


_OURS = (
    "/.git/objects/",
    "/.git/worktrees/",
    "/.git/refs/genesis/",
    "/.git/refs/heads/genesis",
    "/.git/logs/refs/heads/genesis",
)
