"""`python -m benchmarks [NAME…]`: print the figures; the exit code says whether all are kept.

They are also written as JSON, to `.bench/figures.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks import (
    data,
    engine,
    gateway,
    older,
    openai_adapter,
    refactor,
    registry,
    scan,
    selection,
    startup,
)
from benchmarks.table import Figure, printed

ALL = {
    "data": data.figures,
    "engine": engine.figures,
    "gateway": gateway.figures,
    "older": older.figures,
    "openai_adapter": openai_adapter.figures,
    "registry": registry.figures,
    "scan": scan.figures,
    "selection": selection.figures,
    "startup": startup.figures,
    "refactor": refactor.figures,
}
KEPT = Path(".bench/figures.json")


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all."""
    found: list[Figure] = []
    for name in names or ALL:
        print(f"measuring {name} …", file=sys.stderr)
        found += ALL[name]()
    print(printed(found))
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps([one.as_data() for one in found], indent=2) + "\n", encoding="utf-8")
    return 0 if all(figure.kept for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
