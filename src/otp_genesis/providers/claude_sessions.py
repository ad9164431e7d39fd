"""Conversations of the CLI: where they are kept, and what each has cost so far."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Sessions:
    """The conversations below a folder. The CLI keeps each with the folder it was held in."""

    folder: Path

    def known(self, session: str) -> bool:
        """Whether there is a conversation of that name."""
        return self._file(session) is not None

    def bring(self, session: str, cwd: Path) -> None:
        """Let a conversation be gone on with in `cwd`, wherever it was held before."""
        file = self._file(session)
        place = self.folder / "config" / "projects" / re.sub(r"[^A-Za-z0-9]", "-", str(cwd))
        if file is None or file.parent == place:
            return
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place / file.name)

    def _file(self, session: str) -> Path | None:
        if not is_session(session):
            return None
        files = (self.folder / "config" / "projects").glob(f"*/{session}.jsonl")
        # The one that was gone on with last.
        return max(files, key=lambda file: file.stat().st_mtime_ns, default=None)

    def cost_since(self, session: str, parent: str | None, total: float) -> float:
        """Return what was added to a conversation's cost, and keep its `total` from now on.

        What the CLI tells is the sum over the whole conversation; that of a fork begins with what
        its `parent` had cost.
        """
        before = self._total(session)
        if before is None:
            before = None if parent is None else self._total(parent)
        if is_session(session):
            file = self._cost_file(session)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({"total_cost_usd": total}))
        return round(max(total - (before or 0.0), 0.0), 9)

    def _total(self, session: str) -> float | None:
        try:
            return float(json.loads(self._cost_file(session).read_text())["total_cost_usd"])
        except (OSError, ValueError, KeyError):
            return None

    def _cost_file(self, session: str) -> Path:
        return self.folder / "costs" / f"{session}.json"


def is_session(session: str) -> bool:
    """Whether it can be the name of a conversation."""
    return _ID.fullmatch(session) is not None
