"""The search itself, a program of its own: reads a JSON order on stdin, writes a match per line.

A regular expression can take for ever on one line, and nothing in the same process could stop it;
a process can be ended. It imports nothing of the package, so that it starts at once.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_LINE_CHARACTERS = 10_000
_SHOWN_CHARACTERS = 400


def found(
    pattern: re.Pattern[str], top: str, paths: list[str]
) -> Iterator[tuple[str, int, int, str]]:
    """Yield path, line, column and text of each matching line; binary files are left out."""
    for path in paths:
        try:
            data = Path(top, path).read_bytes()
        except OSError:
            continue
        if b"\0" in data[:8192]:
            continue
        for number, line in enumerate(data.decode(errors="replace").split("\n"), start=1):
            hit = pattern.search(line, 0, _LINE_CHARACTERS)
            if hit is not None:
                yield path, number, hit.start() + 1, line[:_SHOWN_CHARACTERS].rstrip("\r")


def main() -> None:
    """Carry out the order on stdin."""
    order = json.load(sys.stdin)
    left = order["limit"]
    for match in found(re.compile(order["pattern"]), order["top"], order["paths"]):
        sys.stdout.write(json.dumps(match) + "\n")
        left -= 1
        if left <= 0:
            break


if __name__ == "__main__":
    main()
