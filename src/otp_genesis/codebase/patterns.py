"""File patterns: `*` within a folder, `**` over folders, `?`, `[a-z]` and `{ex,exs}`."""

from __future__ import annotations

import re
from functools import lru_cache

_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|\{[^{}]*\}|.", re.DOTALL)


def matches(pattern: str, path: str) -> bool:
    """Tell whether the whole of `path`, relative and with `/`, fits `pattern`."""
    return _compiled(pattern).fullmatch(path) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    pieces = _PIECE.findall(pattern.removeprefix("./"))
    return re.compile("".join(_expression(piece) for piece in pieces), re.DOTALL)


def _expression(piece: str) -> str:
    match piece:
        case "**/":
            return "(?:[^/]+/)*"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
    if len(piece) > 2 and piece.startswith("["):
        return _characters(piece[1:-1])
    if len(piece) > 1 and piece.startswith("{"):
        choices = piece[1:-1].split(",")
        return f"(?:{'|'.join(_compiled(choice).pattern for choice in choices)})"
    return re.escape(piece)


def _characters(inner: str) -> str:
    negated = inner.startswith("!") and len(inner) > 1
    chosen = inner[1:] if negated else inner
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", chosen)
    # Two of them may come to mean a difference of sets, of which Python warns.
    escaped = re.sub(r"-(?=-)", r"-\\", escaped)
    expression = f"(?!/)[^{escaped}]" if negated else f"[{escaped}]"
    try:
        re.compile(expression)
    except re.error:
        return re.escape(f"[{inner}]")
    return expression
