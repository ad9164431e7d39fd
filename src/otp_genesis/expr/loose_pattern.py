"""Regular expressions of documents, matched in time that grows with the text and not faster.

A pattern of a stranger may keep a backtracking matcher busy for years: `(a+)+$`. Here a pattern
becomes an automaton that reads each character of the text once; what an automaton cannot do
(references back, looking around) is refused, and the work of one search is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from threading import Lock

from otp_genesis.errors import GenesisError
from otp_genesis.expr.loose_pattern_grammar import (
    Alternatives,
    Assertion,
    BadPattern,
    Part,
    PatternReader,
    Repeated,
    Sequence,
    is_word,
)

MAX_STATES = 5_000
MAX_WORK = 3_000_000
"""States visited anew by one search."""
MAX_SEARCHED = 2_000_000
"""Characters of a text that is searched."""

Accepts = Callable[[str], bool]
Context = tuple[bool, bool, bool]
"""Whether it is the beginning, whether a word character stands before, whether only a line end is
left."""


class TooDear(GenesisError):
    """A search that takes more work than it may."""


def found(pattern: str, text: str) -> bool:
    """Whether the pattern is found in a text; raise `BadPattern` and `TooDear`."""
    if len(text) > MAX_SEARCHED:
        raise TooDear(f"a text of more than {MAX_SEARCHED} characters is not searched")
    return automaton(pattern).search(text)


@lru_cache(maxsize=512)
def automaton(pattern: str) -> Automaton:
    """Return the automaton of a pattern; raise `BadPattern`, or `RefusedPattern`."""
    reader = PatternReader(pattern)
    return Automaton(reader.whole(), multiline=reader.multiline)


class Automaton:
    """States, of which many hold at once; what follows from which is kept as it is found."""

    def __init__(self, part: Part, *, multiline: bool = False):
        self._lock = Lock()
        self._work = 0
        self._multiline = multiline
        self._accepts: list[Accepts | None] = []
        self._checks: list[str | None] = []
        self._next: list[tuple[int, ...]] = []
        self._end = self._state()
        self._start = self._build(part, self._end)
        self._sets: list[frozenset[int]] = []
        self._numbers: dict[frozenset[int], int] = {}
        self._steps: dict[tuple[int, Context, str], tuple[bool, int]] = {}

    def _state(
        self, next_: tuple[int, ...] = (), accepts: Accepts | None = None, check: str | None = None
    ) -> int:
        if len(self._next) >= MAX_STATES:
            raise BadPattern("the pattern is too large", refused=True)
        self._next.append(next_)
        self._accepts.append(accepts)
        self._checks.append(check)
        return len(self._next) - 1

    def _build(self, part: Part, out: int) -> int:
        """Add the states of a part that is followed by `out`; return its first."""
        match part:
            case Assertion(kind):
                return self._state((out,), check=kind)
            case Sequence(parts):
                for one in reversed(parts):
                    out = self._build(one, out)
                return out
            case Alternatives(parts):
                return self._state(tuple(self._build(one, out) for one in parts))
            case Repeated(inner, least, most):
                return self._repeated(inner, least, most, out)
        return self._state((out,), accepts=part.accepts)

    def _repeated(self, inner: Part, least: int, most: int | None, out: int) -> int:
        if most is None:
            loop = self._state()
            self._next[loop] = (self._build(inner, loop), out)
            first = loop
        else:
            first = out
            for _ in range(most - least):
                first = self._state((self._build(inner, first), out))
        for _ in range(least):
            first = self._build(inner, first)
        return first

    def search(self, text: str) -> bool:
        """Whether it is found anywhere in a text; raise `TooDear`."""
        with self._lock:
            self._forget()
            self._work = 0
            return self._search(text)

    def _search(self, text: str) -> bool:
        current = self._number(frozenset())
        steps, last = self._steps, len(text) - 1
        before = False
        for position, character in enumerate(text):
            context = (position == 0, before, position == last and character == "\n")
            key = (current, context, character)
            step = steps.get(key)
            if step is None:
                step = steps[key] = self._follow(current, context, character)
            matched, current = step
            if matched:
                return True
            before = is_word(character)
        return self._reached(current, (not text, before, False), None)[0]

    def _forget(self) -> None:
        """Let go of what was found out, where it has become much."""
        if len(self._steps) > MAX_STATES:
            self._steps.clear()
            self._sets.clear()
            self._numbers.clear()

    def _number(self, states: frozenset[int]) -> int:
        if states not in self._numbers:
            self._numbers[states] = len(self._sets)
            self._sets.append(states)
        return self._numbers[states]

    def _follow(self, current: int, context: Context, character: str) -> tuple[bool, int]:
        matched, reached = self._reached(current, context, character)
        following: set[int] = set()
        for state in reached:
            accepts = self._accepts[state]
            if accepts is not None and accepts(character):
                following.update(self._next[state])
        return matched, self._number(frozenset(following))

    def _reached(
        self, current: int, context: Context, character: str | None
    ) -> tuple[bool, Iterable[int]]:
        """Return whether the end is reached before `character`, and which states may read it."""
        waiting = [self._start, *self._sets[current]]
        seen: set[int] = set()
        while waiting:
            state = waiting.pop()
            if state in seen:
                continue
            seen.add(state)
            check = self._checks[state]
            if self._accepts[state] is None and (
                check is None or self._holds(check, context, character)
            ):
                waiting += self._next[state]
        self._work += len(seen)
        if self._work > MAX_WORK:
            raise TooDear("searching for this pattern takes too much work")
        return self._end in seen, seen

    def _holds(self, check: str, context: Context, character: str | None) -> bool:
        begins, before, final = context
        match check:
            case "A":
                return begins
            case "z":
                return character is None
            case "Z" | "$":
                return character is None or final or (check == "$" and self._line_ends(character))
            case "b" | "B":
                edge = before != (character is not None and is_word(character))
                return edge is (check == "b")
        return begins

    def _line_ends(self, character: str | None) -> bool:
        return self._multiline and character == "\n"
