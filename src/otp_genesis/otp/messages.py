"""What a message or a pattern looks like, as far as its text says it without being parsed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

ATOM = re.compile(r":[a-zA-Z_]\w*[?!@]?|:\"[^\"#\\]*\"|true|false|nil")
TAG = re.compile(r"\{\s*(:[a-zA-Z_]\w*[?!]?)\s*[,}]")
VARIABLE = re.compile(r"[a-z_]\w*")
STRUCT = re.compile(r"%([A-Z][\w.]*)\{")
HARD = re.compile(r"\b(fn|do|end|case)\b|~[a-zA-Z]|\"\"\"|'''|\?.|#(?!\{)|->")
"""Where commas and brackets cannot be counted in the text alone."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The outer form of a term or a pattern; `None` stands for what is not known.

    `any` is a pattern that takes everything, `unknown` a term that the text does not tell.
    """

    kind: Literal["atom", "tuple", "struct", "any", "unknown"]
    tag: str | None = None
    size: int | None = None

    def __str__(self) -> str:
        if self.kind == "tuple":
            rest = "…" if self.size is None else ", ".join("_" * (self.size - 1))
            return f"{{{', '.join(part for part in (self.tag or '_', rest) if part)}}}"
        return self.tag or self.kind


@lru_cache(maxsize=4096)
def term(text: str) -> Shape:
    """Return the shape of an expression that is sent."""
    found = _shape(text.strip())
    return Shape("unknown") if found.kind == "any" else found


@lru_cache(maxsize=4096)
def pattern(text: str) -> Shape:
    """Return the shape of a clause's pattern; `message = {:tag, _}` is what it matches."""
    text = text.strip()
    sides = _split(text, "=") if "=" in text and not text.startswith(("%", '"')) else None
    for side in sides if sides is not None and len(sides) == 2 else [text]:
        found = _shape(side.strip())
        if found.kind != "any":
            return found
    return Shape("any")


def may_match(taken: Shape, message: Shape) -> bool:
    """Whether a pattern may take a message: it does not where both are known and differ."""
    if taken.kind in ("any", "unknown") or message.kind in ("any", "unknown"):
        return True
    if taken.kind != message.kind:
        return False
    same_tag = taken.tag is None or message.tag is None or taken.tag == message.tag
    return same_tag and (taken.size is None or message.size is None or taken.size == message.size)


def _shape(text: str) -> Shape:
    if ATOM.fullmatch(text):
        return Shape("atom", text)
    if VARIABLE.fullmatch(text):
        return Shape("any")
    if match := STRUCT.match(text):
        return Shape("struct", match[1].rpartition(".")[2])
    if not text.startswith("{"):
        return Shape("unknown")
    tag = TAG.match(text)
    elements = _split(text[1:-1], ",") if text.endswith("}") else None
    if elements is None:
        return Shape("tuple", tag[1] if tag else None)
    if any("=>" in element or "|" in element for element in elements):
        return Shape("tuple", tag[1] if tag else None)
    filled = [element for element in elements if element.strip()]
    # Keywords at the end of a tuple without their brackets are one element.
    keys = sum(bool(re.match(r"\s*\w+[?!]?:\s", element)) for element in filled)
    return Shape("tuple", tag[1] if tag else None, len(filled) - max(0, keys - 1))


def _split(text: str, sign: str) -> list[str] | None:
    """Return the parts of `text` between outer signs, `None` where that cannot be counted."""
    bare = re.sub(r'"(?:[^"\\#]|\\.|#(?!\{))*"', lambda found: "_" * len(found[0]), text)
    if HARD.search(bare) or '"' in bare or "'" in bare:
        return None
    bare = bare.replace("<<", "((").replace(">>", "))")
    depth, start, parts = 0, 0, []
    for place, letter in enumerate(bare):
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == sign and depth == 0 and not _is_longer(bare, place, sign):
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]] if depth == 0 else None


def _is_longer(text: str, place: int, sign: str) -> bool:
    """Whether an `=` belongs to `==`, `=>`, `<=` or the like."""
    return sign == "=" and bool({text[place - 1 : place], text[place + 1 : place + 2]} & {*"=<>!~"})
