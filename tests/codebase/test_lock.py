"""One run at a time for each project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from otp_genesis.codebase.lock import ProjectLock
from otp_genesis.errors import EnvironmentLacks, ProjectBusy

HOLD = """
import sys
from pathlib import Path
from otp_genesis.codebase.lock import ProjectLock
with ProjectLock(Path(sys.argv[1]), Path(sys.argv[2]), run_id="first"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_told_who_holds_the_project(tmp_path: Path) -> None:
    with (
        ProjectLock(tmp_path / "state", tmp_path, run_id="first"),
        pytest.raises(ProjectBusy, match=r"run first \(process \d+\)"),
        ProjectLock(tmp_path / "state", tmp_path / "state" / "..", run_id="second"),
    ):
        pass


def test_other_projects_and_later_runs_are_free(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with (
        ProjectLock(tmp_path / "state", tmp_path, run_id="first"),
        ProjectLock(tmp_path / "state", tmp_path / "other", run_id="second"),
    ):
        pass
    with ProjectLock(tmp_path / "state", tmp_path, run_id="third"):
        pass


def test_a_killed_run_frees_the_project(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "state"), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(ProjectBusy, match=f"process {holder.pid}"),
            ProjectLock(tmp_path / "state", tmp_path, run_id="second"),
        ):
            pass
        holder.kill()
        holder.wait()

    with ProjectLock(tmp_path / "state", tmp_path, run_id="second"):
        pass


def test_a_place_that_cannot_hold_a_lock_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    with (
        pytest.raises(EnvironmentLacks, match="cannot lock"),
        ProjectLock(tmp_path / "state", tmp_path, run_id="first"),
    ):
        pass
