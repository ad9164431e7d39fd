"""The grammar of regular expressions in documents: a pattern → its parts.

It is that of Perl as far as an automaton can follow: literals, `.`, classes, groups, alternatives,
`* + ? {m,n}` (lazy ones find the same), `^ $ \\b \\B \\A \\z`, `\\d \\w \\s`, `(?i)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from otp_genesis.errors import GenesisError

MAX_PATTERN = 1_000
MAX_DEPTH = 50
MAX_COUNT = 1_000

_COUNT = re.compile(r"\{(\d{1,6})(,?)(\d{0,6})\}")
_FLAGS = re.compile(r"\(\?([ims]+)\)")
_CODE = re.compile(r"x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}")
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "e": "\x1b", "a": "\a"}
_WORD = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_SPACE = frozenset(" \t\n\r\f\v")
_DIGIT = frozenset("0123456789")
Accepts = Callable[[str], bool]


class BadPattern(GenesisError):
    """What is no pattern; `refused` where it is one that an automaton cannot follow."""

    def __init__(self, message: str, *, refused: bool = False):
        self.refused = refused
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class One:
    """One character."""

    accepts: Accepts


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place: `^`, `$`, `b`, `B`, `A`, `z` or `Z`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts behind each other."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One of several parts."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """A part, so many times; any number of times where `most` is nothing."""

    part: Part
    least: int
    most: int | None


Part = One | Assertion | Sequence | Alternatives | Repeated


def is_word(character: str) -> bool:
    """Whether a character is a letter of ASCII, a digit or `_`."""
    return character in _WORD


class PatternReader:
    """Reads one pattern."""

    def __init__(self, pattern: str):
        if len(pattern) > MAX_PATTERN:
            message = f"a pattern may have {MAX_PATTERN} characters at most"
            raise BadPattern(message, refused=True)
        self.pattern, self.at, self.depth = pattern, 0, 0
        flags = _FLAGS.match(pattern)
        given = flags[1] if flags else ""
        self.at = flags.end() if flags else 0
        self.multiline = "m" in given
        self._either_case, self._all = "i" in given, "s" in given

    def whole(self) -> Part:
        """Return the whole pattern; raise `BadPattern`."""
        part = self._alternatives()
        if self.at < len(self.pattern):
            raise BadPattern("a ')' too many")
        return part

    def _next(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _pass(self, text: str) -> bool:
        if self.pattern.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def _alternatives(self) -> Part:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise BadPattern("the pattern is too deeply nested", refused=True)
        parts = [self._sequence()]
        while self._pass("|"):
            parts.append(self._sequence())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Alternatives(tuple(parts))

    def _sequence(self) -> Part:
        parts: list[Part] = []
        while self._next() not in ("", "|", ")"):
            parts.append(self._counted(self._atom()))
        return Sequence(tuple(parts))

    def _counted(self, part: Part) -> Part:
        signs = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        while True:
            if self._next() in signs and self._next():
                least, most = signs[self._next()]
                self.at += 1
            elif count := _COUNT.match(self.pattern, self.at):
                self.at = count.end()
                least = int(count[1])
                most = (int(count[3]) if count[3] else None) if count[2] else least
                if max(least, most or 0) > MAX_COUNT or (most is not None and most < least):
                    message = f"a part is repeated {MAX_COUNT} times at most"
                    raise BadPattern(message, refused=True)
            else:
                return part
            if self._pass("+"):
                raise BadPattern("possessive repetition is not available", refused=True)
            self._pass("?")
            part = Repeated(part, least, most)

    def _atom(self) -> Part:
        character = self._next()
        self.at += 1
        match character:
            case "(":
                return self._group()
            case "[":
                return One(self._either(self._class()))
            case ".":
                return One(_any if self._all else _not_line_end)
            case "^":
                return self._line_start()
            case "$":
                return Assertion("$")
            case "\\":
                return self._escaped()
            case "*" | "+" | "?":
                raise BadPattern(f"{character!r} repeats nothing")
        return One(self._either(character.__eq__))

    def _line_start(self) -> Part:
        if self.multiline:
            raise BadPattern("'^' with (?m) is not available", refused=True)
        return Assertion("A")

    def _group(self) -> Part:
        if self._pass("?"):
            if named := re.compile(r"P?<[A-Za-z_]\w*>").match(self.pattern, self.at):
                self.at = named.end()
            elif not self._pass(":"):
                raise BadPattern("looking around is not available in a pattern", refused=True)
        inner = self._alternatives()
        if not self._pass(")"):
            raise BadPattern("a ')' is missing")
        return inner

    def _escaped(self) -> Part:
        character = self._next()
        if character in ("b", "B", "A", "z", "Z") and character:
            self.at += 1
            return Assertion(character)
        return One(self._either(self._escape()))

    def _escape(self) -> Accepts:
        """Read what stands behind a backslash."""
        character = self._next()
        self.at += 1
        sets = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
        if character == "":
            raise BadPattern("a '\\' stands at the end")
        if character in sets:
            return sets[character].__contains__
        if character.lower() in sets:
            chosen = sets[character.lower()]
            return lambda one: one not in chosen
        if character in _CONTROL:
            return _CONTROL[character].__eq__
        if code := _CODE.match(self.pattern, self.at - 1):
            self.at = code.end()
            return chr(min(int(code[1] or code[2], 16), 0x10FFFF)).__eq__
        if character.isalnum() and character.isascii():
            raise BadPattern(f"'\\{character}' is not available in a pattern", refused=True)
        return character.__eq__

    def _class(self) -> Accepts:
        """Read `[...]`, its opening bracket is passed over."""
        negated = self._pass("^")
        members: list[Accepts] = []
        first = True
        while first or self._next() != "]":
            if self._next() == "":
                raise BadPattern("a ']' is missing")
            members.append(self._member())
            first = False
        self.at += 1
        return lambda one: any(accepts(one) for accepts in members) is not negated

    def _member(self) -> Accepts:
        if self.pattern.startswith("[:", self.at):
            raise BadPattern("'[:name:]' is not available in a pattern", refused=True)
        low, single = self._end_of_range()
        if self._next() != "-" or self.pattern[self.at + 1 : self.at + 2] in ("", "]"):
            return single
        self.at += 1
        high, _ = self._end_of_range()
        if low is None or high is None or low > high:
            raise BadPattern("a range in '[...]' ends before it begins")
        return lambda one: low <= one <= high

    def _end_of_range(self) -> tuple[str | None, Accepts]:
        character = self._next()
        self.at += 1
        if character != "\\":
            return character, character.__eq__
        start = self.at
        if self._pass("b"):
            return "\b", "\b".__eq__
        accepts = self._escape()
        written = self.pattern[start : self.at]
        plain = len(written) == 1 and not written.isalnum()
        return _CONTROL.get(written, written if plain else None), accepts

    def _either(self, accepts: Accepts) -> Accepts:
        if not self._either_case:
            return accepts
        return lambda one: accepts(one.lower()) or accepts(one.upper())


def _any(character: str) -> bool:
    return True


def _not_line_end(character: str) -> bool:
    return character != "\n"
