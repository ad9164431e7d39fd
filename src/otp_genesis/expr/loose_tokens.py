"""The words of an expression of a document that is not strict."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from otp_genesis.errors import ExpressionError

MAX_EXPRESSION = 20_000
"""Characters of one expression."""

Kind = Literal["name", "number", "text", "sign", "end"]

_WORD = re.compile(
    r"""(?P<blank>\s+)
    |(?P<number>\d+(?:\.\d+)?[eE][+-]?\d{1,3}(?![\w.])|\d+\.\d+(?![\w.])|\d+(?!\w))
    |(?P<name>[^\W\d]\w*|@|\d\w*)
    |(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<sign>&&|\|\||==|!=|<=|>=|\*\*|//|[-+*/%<>!~|?:.,=()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_KINDS: dict[str, Kind] = {"name": "name", "number": "number", "sign": "sign"}
_AS_WORD = {"&&": "and", "||": "or", "!": "not"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word: `start` and `end` are its place in the expression, counted in characters."""

    kind: Kind
    value: str
    start: int
    end: int


def tokens(source: str) -> list[Token]:
    """Return the words of an expression, an empty one at its end; raise `ExpressionError`.

    `&&`, `||` and `!` are the words `and`, `or` and `not`. Escapes in texts are undone, but an
    unknown one (`\\d` of a pattern) stays as it is.
    """
    if len(source) > MAX_EXPRESSION:
        raise ExpressionError(source, f"an expression may have {MAX_EXPRESSION} characters at most")
    found: list[Token] = []
    position = 0
    while position < len(source):
        match = _WORD.match(source, position)
        if match is None:
            raise ExpressionError(source, _unreadable(source[position]))
        kind, value = str(match.lastgroup), match[0]
        if kind == "text":
            value = _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[0]), value[1:-1])
            found.append(Token("text", value, position, match.end()))
        elif kind == "sign" and value in _AS_WORD:
            found.append(Token("name", _AS_WORD[value], position, match.end()))
        elif kind == "number" and found and _follows_dot(found, position):
            # In `steps.a.items.0.name` the words are keys.
            word = value.partition(".")[0]
            found.append(Token("name", word, position, position + len(word)))
            position += len(word)
            continue
        elif kind != "blank":
            found.append(Token(_KINDS[kind], value, position, match.end()))
        position = match.end()
    found.append(Token("end", "", position, position))
    return found


def _follows_dot(found: list[Token], position: int) -> bool:
    last = found[-1]
    return last.value == "." and last.kind == "sign" and last.end == position


def _unreadable(character: str) -> str:
    if character in "'\"":
        return "a text is not closed: its quote is missing"
    return f"{character!r} means nothing in an expression"


class Cursor:
    """A place among the tokens of an expression."""

    def __init__(self, source: str):
        self.source = source
        self.tokens = tokens(source)
        self.at = 0

    @property
    def now(self) -> Token:
        """The token that is next."""
        return self.tokens[self.at]

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.now.kind == "end"

    def ahead(self, number: int = 1) -> Token:
        """Return a later token; behind the last one it is the end."""
        return self.tokens[min(self.at + number, len(self.tokens) - 1)]

    def error(self, message: str) -> ExpressionError:
        """Return the error that stands at the next token."""
        line = self.source.count("\n", 0, self.now.start)
        return ExpressionError(self.source, message, line=line)

    def unexpected(self) -> ExpressionError:
        """Return the error that says that the next token cannot be there."""
        if self.ended:
            return self.error("the expression ends too early")
        return self.error(f"unexpected {self.source[self.now.start : self.now.end]!r}")

    def sign(self, *values: str) -> bool:
        """Pass over one of these signs; return whether it was there."""
        if self.now.kind == "sign" and self.now.value in values:
            self.at += 1
            return True
        return False

    def word(self, *values: str) -> bool:
        """Pass over one of these words; return whether it was there."""
        if self.now.kind == "name" and self.now.value in values:
            self.at += 1
            return True
        return False

    def must(self, sign: str) -> None:
        """Pass over a sign that must be there; raise `ExpressionError`."""
        if not self.sign(sign):
            raise self.error(f"{sign!r} is missing") if self.ended else self.unexpected()

    def since(self, start: int) -> tuple[int, int]:
        """Return the place from `start` to the last token passed over."""
        return start, self.tokens[self.at - 1].end
