"""JSONPath (RFC 9535) over the data of a run, by the library `jsonpath`, with bounds.

Two things of the library are replaced: its patterns, which may backtrack for years, and its nodes,
which keep all their children and the text of their path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathMatch
from jsonpath.exceptions import JSONPathError
from jsonpath.filter import FilterQuery, walk
from jsonpath.function_extensions import ExpressionType, FilterFunction
from jsonpath.selectors import Filter
from jsonpath.token import TOKEN_EOF

from otp_genesis.errors import UsageError
from otp_genesis.expr.loose_pattern import TooDear, found
from otp_genesis.expr.loose_pattern_grammar import BadPattern
from otp_genesis.steps.transform_expressions import row_expression

MAX_PATH = 10_000
"""Characters of a path."""
MAX_FOUND = 1_000_000
"""What one path may lead to."""
MAX_VISITED = 5_000_000
"""Nodes that are visited on the way, those within filters too."""
_METER = "meter"


class _Meter:
    def __init__(self) -> None:
        self.room = MAX_VISITED

    def count(self) -> None:
        self.room -= 1
        if self.room < 0:
            raise UsageError(f"it visits more than {MAX_VISITED:,} nodes; ask for less")


class _Node:
    """A node of the data: what the library asks of its own, and nothing that grows."""

    __slots__ = ("meter", "obj", "root")

    def __init__(self, obj: Any, root: Any, meter: _Meter):
        self.obj, self.root, self.meter = obj, root, meter

    def new_child(self, obj: Any, key: int | str) -> _Node:
        self.meter.count()
        return _Node(obj, self.root, self.meter)

    def add_child(self, *children: Any) -> None:
        pass

    def filter_context(self) -> Mapping[str, Any]:
        # It is asked once for each value that a filter looks at.
        self.meter.count()
        return {_METER: self.meter}


class _Inner(JSONPath):
    """A path within a filter, whose nodes count towards those of the whole."""

    def finditer(
        self, data: Any, *, filter_context: Mapping[str, Any] | None = None
    ) -> Iterable[JSONPathMatch]:
        meter = (filter_context or {}).get(_METER) or _Meter()
        return _nodes(self, data, meter)


class _Pattern(FilterFunction):
    """`match()` and `search()`, by an automaton that reads each character once."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]
    return_type = ExpressionType.LOGICAL

    def __init__(self, form: str):
        self._form = form

    def __call__(self, value: object, pattern: object) -> bool:
        if not isinstance(value, str) or not isinstance(pattern, str):
            return False
        try:
            return found(self._form.format(pattern), value)
        except BadPattern as error:
            if error.refused:
                raise UsageError(f"the pattern {pattern!r} cannot be used: {error}") from None
            return False
        except TooDear as error:
            raise UsageError(f"the pattern {pattern!r} takes too long: {error}") from None


class _Environment(JSONPathEnvironment):
    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Pattern(r"\A(?:{})\z")
        self.function_extensions["search"] = _Pattern("{}")


_ENVIRONMENT = _Environment(strict=True)


class Path:
    """A path that can be followed."""

    def __init__(self, written: str, compiled: JSONPath):
        self.written = written
        self._compiled = compiled
        self.single = compiled.singular_query()
        """Whether it leads to one place at most: names and indexes only."""

    def all(self, data: Any) -> list[Any]:
        """Return all that it leads to, in order; raise `UsageError` where that is too much."""
        try:
            nodes = islice(_nodes(self._compiled, data, _Meter()), MAX_FOUND + 1)
            values = [node.obj for node in nodes]
        except (JSONPathError, RecursionError):
            raise UsageError(f"{self.written!r}: the data is too deeply nested") from None
        except UsageError as error:
            raise UsageError(f"{self.written!r}: {error}") from None
        if len(values) > MAX_FOUND:
            raise UsageError(f"{self.written!r} leads to more than {MAX_FOUND:,} values")
        return values

    def value(self, data: Any) -> Any:
        """Return what is at the one place, or nothing; else all that it leads to."""
        values = self.all(data)
        if not self.single:
            return values
        return values[0] if values else None


def _nodes(path: JSONPath, data: Any, meter: _Meter) -> Iterable[Any]:
    nodes: Iterable[Any] = [_Node(data, data, meter)]
    for segment in path.segments:
        nodes = segment.resolve(nodes)
    return nodes


@lru_cache(maxsize=512)
def compiled(path: str) -> Path:
    """Return the path; raise `UsageError`, which says at which character it is wrong.

    The `$` at its beginning may be left out.
    """
    if len(path) > MAX_PATH:
        raise UsageError(f"a JSONPath may have {MAX_PATH:,} characters at most")
    written = path.strip()
    rooted = (
        written if written.startswith("$") else f"${'' if written[:1] == '[' else '.'}{written}"
    )
    try:
        made = _ENVIRONMENT.compile(rooted)
    except JSONPathError as error:
        raise UsageError(_told(path, rooted, error)) from None
    except RecursionError:
        raise UsageError(f"{path!r} is no JSONPath: it is too deeply nested") from None
    assert isinstance(made, JSONPath)
    _count_within(made)
    return Path(written, made)


def _count_within(path: JSONPath) -> None:
    """Let the nodes that filters visit count, however deep the filters are."""
    for segment in path.segments:
        for selector in segment.selectors:
            if isinstance(selector, Filter):
                for part in walk(selector.expression):
                    if isinstance(part, FilterQuery) and not isinstance(part.path, _Inner):
                        _count_within(part.path)
                        part.path = _Inner(env=part.path.env, segments=part.path.segments)


def _told(path: str, rooted: str, error: JSONPathError) -> str:
    why = str(error.message).replace("TOKEN_", "").split("\n")[0]
    if error.token is None:
        return f"{path!r} is no JSONPath: {why}"
    written = path.strip()
    at = max(error.token.index - (len(rooted) - len(written)), 0)
    near = "" if error.token.kind == TOKEN_EOF else written[at : at + 20]
    place = f"at character {at + 1}, {near!r}" if near else "at its end"
    return f"{path!r} is no JSONPath: {why} ({place})"


@dataclass(frozen=True)
class Projection:
    """A path, and what becomes of each thing that it leads to: `$.files[*].{name: filename}`."""

    path: Path
    object: str | None = None
    """The expression between the braces, with them."""


@lru_cache(maxsize=512)
def projection(written: str) -> Projection:
    """Return a path with what stands in braces behind it; raise `UsageError`, `ExpressionError`."""
    path, brace, rest = written.strip().partition(".{")
    if not brace:
        return Projection(compiled(written))
    row_expression("{" + rest)
    return Projection(compiled(path), "{" + rest)
