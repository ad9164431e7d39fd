"""The worked examples do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMES = ["claude", "anthropic", "gemini", "openai", "local"]


def test_every_provider_answers() -> None:
    """One command has all five adapters at work; those that can work on files mend one."""
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "providers" / "run.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if line.split()[1] == "text:"] == NAMES
    assert sum("the file is mended" in line for line in lines) == 4
    assert sum('data: {"severity": ' in line for line in lines) == 5
    assert lines[-1].startswith("5 of 5 providers answered")
