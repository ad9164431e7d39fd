"""Git asked about the repository that a folder is in."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from otp_genesis.codebase.looking import looked
from otp_genesis.errors import GitFailed, UsageError


def look(folder: Path, *arguments: str) -> str | None:
    return asyncio.run(looked(folder, {"PATH": os.environ["PATH"]}, arguments))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    who = ("-c", "user.name=A", "-c", "user.email=a@b")
    (tmp_path / "a.txt").write_text("a")
    for command in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "One")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_what_is_committed(repository: Path) -> None:
    """The command prints what it prints."""
    assert look(repository, "log", "--format=%s") == "One\n"
    (repository / "b.txt").write_text("b")
    assert look(repository, "status", "--porcelain") == "?? b.txt\n"


@pytest.mark.parametrize(
    "command",
    [
        ("commit", "-m", "x"),
        ("config", "a.b", "c"),
        ("log", "--output=out"),
        ("diff", "--output", "out"),
        ("diff", "-oout"),
    ],
)
def test_only_looking_is_allowed(repository: Path, command: Sequence[str]) -> None:
    """A command that could write is refused before git runs."""
    with pytest.raises(UsageError, match="only log, diff, status, ls-files, rev-parse"):
        look(repository, *command)
    assert not (repository / "out").exists()


def test_a_folder_without_a_repository(tmp_path: Path, repository: Path) -> None:
    """Nothing is said of a folder that git knows nothing of."""
    (repository / "new").mkdir()

    assert look(repository / "new", "log") is None


def test_what_git_refuses(repository: Path) -> None:
    """Its words are in the error."""
    with pytest.raises(GitFailed, match="nowhere"):
        look(repository, "log", "nowhere", "--")


def test_nothing_is_changed(repository: Path) -> None:
    """Not even the index is written anew."""
    index = repository / ".git" / "index"
    before = index.read_bytes(), index.stat().st_mtime_ns
    os.utime(repository / "a.txt", (1, 1))
    look(repository, "status")

    assert before == (index.read_bytes(), index.stat().st_mtime_ns)
