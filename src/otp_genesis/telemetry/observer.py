"""What everything that watches runs is, and how it shortens what it was told."""

from __future__ import annotations

import re
from collections.abc import Callable

from otp_genesis.model.event import Event

Observer = Callable[[str, Event], None]
"""Called with the run's id and the event; the id is empty for what belongs to no run.

Events of several runs come mixed, and so do those of a run's parallel branches: what belongs
together has the same run id and path.
"""

LONGEST_TEXT = 500
_CLASS = re.compile(r"([A-Z]\w*(?:Error|Exception|Timeout|Interrupt)): ")


def one_line(text: str) -> str:
    """Return `text` without line breaks and not longer than `LONGEST_TEXT`."""
    joined = " ".join(text[: 4 * LONGEST_TEXT].split())
    return joined if len(joined) <= LONGEST_TEXT else f"{joined[: LONGEST_TEXT - 1]}…"


def error_type(message: str | None) -> str:
    """Return the exception's class where the message begins with it, else `_OTHER`.

    `_OTHER` is what the semantic conventions have for an error without a known class.
    """
    found = _CLASS.match(message or "")
    return found[1] if found else "_OTHER"
