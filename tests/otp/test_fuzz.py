"""The fuzzer, for as long as a test may take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_no_mutant_is_too_much(tmp_path: Path) -> None:
    """Broken files are scanned; a seed makes the same mutants again."""
    words = [sys.executable, "-m", "benchmarks.fuzz", "--seed", "7", "--count", "60"]
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "a.ex").write_text("defmodule A do\n  def a, do: spawn(fn -> 1 end)\nend\n")
    for more in ([], [str(folder)]):
        done = subprocess.run(
            [*words, *more], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )

        assert (0, "") == (done.returncode, done.stderr), done.stdout
        assert "the first seed is 7" in done.stdout
        assert "60 mutants, 0 failed" in done.stdout
