"""`python -m benchmarks [NAME…]`: print the figures; the exit code says whether all are kept."""

from __future__ import annotations

import sys

from benchmarks import engine, refactor, registry, selection, startup
from benchmarks.table import Figure, printed

ALL = {
    "engine": engine.figures,
    "registry": registry.figures,
    "selection": selection.figures,
    "startup": startup.figures,
    "refactor": refactor.figures,
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all."""
    found: list[Figure] = []
    for name in names or ALL:
        print(f"measuring {name} …", file=sys.stderr)
        found += ALL[name]()
    print(printed(found))
    return 0 if all(figure.kept for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
