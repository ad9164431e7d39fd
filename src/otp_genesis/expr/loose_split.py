"""A text with templates → its pieces: text, and the expressions between `{{` and `}}`."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_TEMPLATE = 20_100
"""Characters of one template; a longer one is text."""
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_SIMPLE = re.compile(r"\{\{([^{}'\"]+)\}\}")
_ORIGINAL = re.compile(r"\{\{[^}]{1,20000}\}\}")
MAX_READ = 2_000_000
"""Characters read again and again for what closes a template; what is behind is text."""


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
    room = MAX_READ
    while room > 0 and (opening := source.find("{{", position)) >= 0:
        end, read = _end(source, opening)
        room -= read
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


def _end(source: str, opening: int) -> tuple[int | None, int]:
    """Return where the template ends that begins at `opening`, if it does, and what it took."""
    if match := _SIMPLE.match(source, opening):
        return match.end(), 0
    end, read = _closed(source, opening + 2)
    if end is not None:
        return (None if end == opening + 4 else end), 0
    original = _ORIGINAL.match(source, opening)
    return (original.end() if original else None), read + MAX_TEMPLATE // 20


def _closed(source: str, start: int) -> tuple[int | None, int]:
    waiting: list[str] = []
    position = start
    limit = min(len(source), position + MAX_TEMPLATE)
    while position < limit:
        character = source[position]
        if character in "'\"":
            position = _text_end(source, position, limit)
            continue
        if not waiting and source.startswith("}}", position):
            return position + 2, 0
        if character in _BRACKETS:
            waiting.append(_BRACKETS[character])
        elif waiting and character == waiting[-1]:
            waiting.pop()
        elif character in ")]}":
            break
        position += 1
    return None, position - start


def _text_end(source: str, position: int, limit: int) -> int:
    quote = source[position]
    position += 1
    while position < limit and source[position] != quote:
        position += 2 if source[position] == "\\" else 1
    return position + 1
