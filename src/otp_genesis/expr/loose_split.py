"""A text with templates → its pieces: text, and the expressions between `{{` and `}}`."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_TEMPLATE = 20_100
"""Characters of one template; a longer one is text."""
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_SIMPLE = re.compile(r"\{\{([^{}'\"]+)\}\}")
_ORIGINAL = re.compile(r"\{\{([^}]+)\}\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """Plain text, or with `expression` a template as it is written."""

    text: str
    expression: str | None = None


def pieces(source: str) -> list[Piece]:
    """Return the pieces of a text, in order.

    `{{}}`, and `{{` that nothing closes, are text. Quotes and brackets within an expression may
    hold braces: `{{ {'a': '}}'} }}`.
    """
    found: list[Piece] = []
    start = position = 0
    while (opening := source.find("{{", position)) >= 0:
        end = _end(source, opening)
        if end is None:
            position = opening + 1
            continue
        if start < opening:
            found.append(Piece(source[start:opening]))
        found.append(Piece(source[opening:end], source[opening + 2 : end - 2]))
        start = position = end
    if start < len(source):
        found.append(Piece(source[start:]))
    return found


def _end(source: str, opening: int) -> int | None:
    """Return where the template ends that begins at `opening`, or nothing where none does."""
    if match := _SIMPLE.match(source, opening):
        return match.end()
    end = _closed(source, opening + 2)
    if end is None:
        match = _ORIGINAL.match(source, opening)
        return match.end() if match else None
    return None if end == opening + 4 else end


def _closed(source: str, position: int) -> int | None:
    waiting: list[str] = []
    limit = min(len(source), position + MAX_TEMPLATE)
    while position < limit:
        character = source[position]
        if character in "'\"":
            position = _text_end(source, position, limit)
            continue
        if not waiting and source.startswith("}}", position):
            return position + 2
        if character in _BRACKETS:
            waiting.append(_BRACKETS[character])
        elif waiting and character == waiting[-1]:
            waiting.pop()
        elif character in ")]}":
            return None
        position += 1
    return None


def _text_end(source: str, position: int, limit: int) -> int:
    quote = source[position]
    position += 1
    while position < limit and source[position] != quote:
        position += 2 if source[position] == "\\" else 1
    return position + 1
