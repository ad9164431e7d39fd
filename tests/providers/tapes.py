"""A tape in memory, as the tests of those who speak the wire use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class MemoryTape:
    """Keeps answers by request; each is given once, in the order of recording."""

    recording: bool = True
    kept: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    given: set[int] = field(default_factory=set)

    def find(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the next answer to a request."""
        wanted = json.dumps(key, sort_keys=True)
        for place, (kept, answer) in enumerate(self.kept):
            if kept == wanted and place not in self.given:
                self.given.add(place)
                return answer
        return None

    def keep(self, key: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keep an answer."""
        self.given.add(len(self.kept))
        self.kept.append((json.dumps(key, sort_keys=True), json.loads(json.dumps(answer))))

    def missed(self, key: Mapping[str, Any]) -> str:
        """Return the message for what is not there."""
        return f"not on the tape: {key['method']} {key['path']}"

    def rewound(self) -> MemoryTape:
        """Return the same recording, to be played."""
        return MemoryTape(recording=False, kept=self.kept)
