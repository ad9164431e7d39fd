"""A model's text → data that fits a schema, whatever the provider promised."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

MAX_STARTS = 200
"""So many brackets in an answer are tried as the beginning of its JSON."""
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


def extract(text: str) -> Any:
    """Return the JSON value in `text`: all of it, in a fence, or amid prose.

    Raises `ValueError` where there is none.
    """
    candidates = [text, *(match[1] for match in _FENCE.finditer(text))]
    for candidate in candidates:
        try:
            return json.loads(candidate)
        except (ValueError, RecursionError):
            continue
    decoder = json.JSONDecoder()
    for match in islice(re.finditer(r"[\[{]", text), MAX_STARTS):
        try:
            return decoder.raw_decode(text, match.start())[0]
        except (ValueError, RecursionError):
            continue
    raise ValueError("there is no JSON in the answer")
