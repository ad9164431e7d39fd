"""What others call: the hook for pre-commit and the action name commands that exist."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent


def read(name: str) -> Any:
    """Return what a YAML file says."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_hook_scans(tmp_path: Path) -> None:
    """Its entry, run in a project, ends with what `fail_on` says."""
    (tmp_path / "mix.exs").write_text("defmodule A.MixProject do\nend\n")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.ex").write_text("defmodule A do\n  def a, do: spawn(&b/0)\nend\n")
    (tmp_path / "genesis.toml").write_text('[scan]\nfail_on = "high"\n')
    (hook,) = read(".pre-commit-hooks.yaml")
    command, *arguments = hook["entry"].split()
    called = [sys.executable, "-m", "otp_genesis", *arguments]
    done = subprocess.run(called, cwd=tmp_path, capture_output=True, text=True)

    assert (command, hook["pass_filenames"], done.returncode) == ("genesis", False, 1)
    assert "OTP001" in done.stdout


def test_the_action_runs(tmp_path: Path) -> None:
    """Its last step, with its own inputs: the SARIF file is there, the exit code is the scan's."""
    (tmp_path / "mix.exs").write_text("defmodule A.MixProject do\nend\n")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.ex").write_text("defmodule A do\n  def a, do: spawn(&b/0)\nend\n")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "genesis"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m otp_genesis "$@"\n')
    program.chmod(0o755)
    action = read("action.yml")
    inputs = {name: one["default"] for name, one in action["inputs"].items()}
    step = action["runs"]["steps"][-1]
    env = {
        name: inputs[value.removeprefix("${{ inputs.").removesuffix(" }}")]
        for name, value in step["env"].items()
    }
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=tmp_path,
        env={**env, "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert '"version": "2.1.0"' in (tmp_path / "otp-scan.sarif").read_text()
    assert "OTP001" in done.stdout
