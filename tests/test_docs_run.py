"""Pages whose blocks are run: files are written, programs and commands run, from top to bottom.

A fence says what a block is: `file=NAME` is a file; `python` without one is a program that must end
well; `console` holds commands after `$ `, each followed by what it prints. A line `…` there stands
for any lines, `…` at a line's end for its rest, `[exit N]` for the exit code (0 without it).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = ("plugins.md", "from-pipeline-ex.md", "migrating.md", "codebase-query.md", "data.md")
PAGES = [ROOT / "docs" / name for name in NAMES]
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Yield language, file name and text of each block."""
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        named = re.search(r"file=(\S+)", match[2])
        yield match[1], named[1] if named else "", match[3]


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with what it is said to print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def pattern(shown: str) -> str:
    """Return what printed text must match to be what is shown."""
    if not shown.strip():
        return ""
    lines = []
    for line in shown.rstrip("\n").split("\n"):
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(
                "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", line))
                + "\n"
            )
    return "".join(lines)


def environment(folder: Path) -> dict[str, str]:
    """The environment in which the blocks run: nothing of the user's."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "GENESIS_HOME": str(folder / ".genesis"),
        "PYTHONPATH": str(folder),
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_happens(page: Path, tmp_path: Path) -> None:
    """Every block does what the page says."""
    env = environment(tmp_path)
    ran = 0
    for language, name, text in blocks(page):
        if name:
            (tmp_path / name).write_text(text, encoding="utf-8")
        elif language == "python":
            ran += 1
            done = subprocess.run(
                [sys.executable, "-c", text], cwd=tmp_path, env=env, capture_output=True, text=True
            )
            assert (0, "") == (done.returncode, done.stderr), text
        elif language == "console":
            for command, shown in commands(text):
                ran += 1
                expected = re.search(r"^\[exit (\d+)\]\n?", shown, re.MULTILINE)
                code = int(expected[1]) if expected else 0
                shown = shown.replace(expected[0], "") if expected else shown
                done = subprocess.run(
                    command, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True
                )
                printed = done.stdout + done.stderr
                assert code == done.returncode, f"{command}\n{printed}"
                assert re.fullmatch(pattern(shown), printed), f"{command}\n{printed}\n{shown}"
    assert ran >= 5
