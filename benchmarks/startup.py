"""How long a person waits for the command itself."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.table import Figure, repeated


def figures() -> list[Figure]:
    """Measure whole processes."""
    python = repeated(lambda: _wall("-c", "pass"), 11)
    baseline = ("python -c pass", sorted(python)[len(python) // 2])
    help_text = repeated(lambda: _wall("-m", "otp_genesis", "--help"), 11)
    return [Figure("genesis --help", help_text, "s", 0.25, baseline)]


def _wall(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began
