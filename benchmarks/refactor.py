"""The main job: `make demo` on a fresh copy, and what of it is the program's own time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Figure

ROOT = Path(__file__).parent.parent
RUNS = 3


def figures() -> list[Figure]:
    """Measure `make demo`, and the loop alone."""
    demos, shares = [], []
    for _ in range(RUNS):
        demos.append(_demo())
        shares.append(_own_share())
    return [
        Figure("make demo in a fresh clone, downloads warm", demos, "s", 180),
        Figure("the loop's own CPU time, of the whole", shares, "%", 15),
    ]


def _demo() -> float:
    """Return the seconds of `make demo` in a clone that has nothing yet."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch, "clone")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        began = time.perf_counter()
        subprocess.run(["make", "demo"], cwd=clone, check=True, capture_output=True)
        return time.perf_counter() - began


def _own_share() -> float:
    """Return what part of the wall time the process itself used the CPU, its children apart."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch, "shaky_otp")
        ignored = shutil.ignore_patterns("_build", "deps")
        shutil.copytree(ROOT / "examples" / "shaky_otp", project, ignore=ignored)
        author = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "as it is"]):
            subprocess.run(["git", *author, *words], cwd=project, check=True)
        environ = {**os.environ, "GENESIS_HOME": f"{scratch}/state"}
        code = (
            "import resource, sys, time; from otp_genesis.cli.main import app, run_guarded\n"
            "began = time.perf_counter(); run_guarded(app, ['otp', 'refactor', '.'])\n"
            "used = resource.getrusage(resource.RUSAGE_SELF)\n"
            "print(used.ru_utime + used.ru_stime, time.perf_counter() - began, file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=project, env=environ, capture_output=True, text=True
        )
        own, wall = map(float, done.stderr.split()[-2:])
        return own / wall * 100
