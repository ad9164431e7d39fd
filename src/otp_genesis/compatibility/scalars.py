"""How a string is written in YAML: where each of its characters stands, and how to write another.

Places count in characters of the text that the string is written as, quotes and all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_ESCAPE = re.compile(r"\\(?:x(..)|u(.{4})|U(.{8})|(\r\n|.))", re.DOTALL)
_ESCAPED = {"0": "\0", "a": "\a", "b": "\b", "e": "\x1b", '"': '"', "/": "/", "\\": "\\"}
"""Those that are no blanks."""
_SIMPLE = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def body_of(raw: str) -> tuple[int, int]:
    """Return where the string itself begins and ends, without anchor, tag and quotes."""
    start, end = _PROPERTIES.match(raw).end(), len(raw)  # type: ignore[union-attr]
    if raw[start : start + 1] in ("'", '"'):
        return start + 1, end - 1
    return start, end


def quote_of(raw: str) -> str:
    """Return the quote it is written in, or nothing."""
    start, _ = body_of(raw)
    before = raw[start - 1 : start]
    return before if before in ("'", '"') else ""


def places_in(raw: str, value: str) -> dict[int, int] | None:
    """Return where in `raw` each character of `value` stands that is no blank, if that is clear."""
    written = list(_written(raw))
    meant = [(at, char) for at, char in enumerate(value) if not char.isspace()]
    if [char for _, char in meant] != [char for _, char in written[: len(meant)]]:
        return None
    return {at: there for (at, _), (there, _) in zip(meant, written, strict=False)}


def in_place_of(raw: str, value: str) -> str:
    """Return `value` written as `raw` is: after the same anchor, in the same quotes or in some."""
    start, _ = body_of(raw)
    quote = quote_of(raw)
    head = raw[: start - len(quote)]
    if quote == "'":
        doubled = value.replace("'", "''")
        return f"{head}'{doubled}'"
    if not quote and _SIMPLE.fullmatch(value):
        return head + value
    return head + json.dumps(value, ensure_ascii=False)


def _written(raw: str) -> Iterator[tuple[int, str]]:
    """Yield each character that is no blank, with its place."""
    start, end = body_of(raw)
    quote = quote_of(raw)
    if not quote and raw[start : start + 1] in ("|", ">"):
        start = raw.find("\n", start) + 1 or end
    read = _double(raw, start, end) if quote == '"' else _plain(raw, start, end, quote)
    for at, char in read:
        if not char.isspace():
            yield at, char


def _plain(raw: str, start: int, end: int, quote: str) -> Iterator[tuple[int, str]]:
    while start < end:
        yield start, raw[start]
        start += 2 if quote and raw[start] == quote else 1


def _double(raw: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    high: tuple[int, int] | None = None
    while start < end:
        match = _ESCAPE.match(raw, start, end)
        if match is None:
            yield start, raw[start]
            start += 1
            continue
        code, here, start = next(filter(None, match.groups()[:3]), None), start, match.end()
        if code is None:
            yield here, _ESCAPED.get(match[4], " ")
            continue
        number = int(code, 16)
        if 0xD800 <= number < 0xDC00:
            high = (here, number)
        elif high is not None and 0xDC00 <= number < 0xE000:
            yield high[0], chr(0x10000 + ((high[1] - 0xD800) << 10) + number - 0xDC00)
        else:
            yield here, chr(number)
