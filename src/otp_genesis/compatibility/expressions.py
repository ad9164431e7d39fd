"""The expressions of a pipeline, and those that a strict document may understand otherwise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from otp_genesis.compatibility.places import Kinds, Place, brought, steps_in, within
from otp_genesis.compatibility.rewrites import with_results_named
from otp_genesis.contracts.step import Bare, Brings, Condition, deferred_kind
from otp_genesis.expr.alike import difference, roots
from otp_genesis.expr.template import has_template, templates_in
from otp_genesis.model.document import Path

_NO_EXPRESSIONS = ("name", "type", "description", "output_schema")
_OF_WORKFLOWS = ("variables", "outputs", "codebase")
_HIDDEN = frozenset(("workflow", "step", "run", "env"))
_HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"\s*(.+?) between (.+?) and (.+?)\s*"),
        "say '{1} <= {0} <= {2}' if all are numbers",
    ),
    (re.compile(r"\s*(.+?) contains (.+?)\s*"), "say '{1} in {0}' if that is a text or a list"),
    (re.compile(r"\s*.+? matches .+"), "there are no patterns: say 'in', or startswith, endswith"),
    (re.compile(r".*(?:&&|\|\|).*|\s*!.*", re.DOTALL), "say 'and', 'or', 'not'"),
    (re.compile(r".*\?.*:.*", re.DOTALL), "say 'B if A else C' for 'A ? B : C'"),
    (re.compile(r".*\{\{\s*previous_response\b.*", re.DOTALL), "name the step: steps.NAME"),
)


@dataclass(frozen=True)
class Expression:
    """A template or a condition, with the names that loops around bring."""

    path: Path
    source: str
    condition: bool
    local: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()
    """Names of steps whose results a block brings."""


def expressions_in(data: Any, kinds: Kinds, pipeline: Path) -> Iterator[Expression]:
    """Yield the expressions of one pipeline, not those of pipelines inside it."""
    own = within(data, pipeline)
    for key in _OF_WORKFLOWS:
        for path, source in templates_in(own.get(key)):
            yield Expression((*pipeline, key, *path), source, condition=False)
    for place in steps_in(data, kinds):
        if place.pipeline == pipeline:
            for key in place.keys:
                if key not in _NO_EXPRESSIONS:
                    yield from _of_key(place, key)


def _of_key(place: Place, key: str) -> Iterator[Expression]:
    value, at = place.keys[key], (*place.path, key)
    info = place.kind.params.model_fields.get(key) if place.kind else None
    deferred = deferred_kind(info.annotation)[0] if info else None
    marks = info.metadata if info else []
    if deferred is Condition or (key == "condition" and info is None):
        local = place.local | brought(place, marks)
        results = frozenset(_of_blocks(place, marks))
        for path, source in _texts(value):
            yield Expression((*at, *path), source, True, local, results)
    elif deferred is None:
        if isinstance(value, str) and any(isinstance(one, Bare) for one in marks):
            source = value if has_template(value) else f"{{{{ {value} }}}}"
            yield Expression(at, source, False, place.local)
            return
        for path, source in templates_in(value):
            yield Expression((*at, *path), source, False, place.local)


def _texts(value: Any, at: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield at, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in pairs if isinstance(value, dict | list) else ():
        yield from _texts(one, (*at, key))


def _of_blocks(place: Place, marks: list[Any]) -> Iterator[str]:
    for mark in marks:
        for field in mark.blocks if isinstance(mark, Brings) else ():
            for one in place.keys.get(field) or ():
                if isinstance(one, dict):
                    yield str(one.get("name"))


def doubts(data: Any, kinds: Kinds, pipeline: Path) -> Iterator[tuple[Path, str]]:
    """Yield each place of a pipeline that may mean something else if it is strict, and why."""
    places = [place for place in steps_in(data, kinds) if place.pipeline == pipeline]
    named = Counter(str(place.keys.get("name")) for place in places)
    taken = {*named, *_variables(within(data, pipeline))}
    for one in expressions_in(data, kinds, pipeline):
        why = difference(with_results_named(one.source), condition=one.condition)
        if why is None:
            why = _hidden(one, named, taken)
        elif hint := _hint(one.source):
            why = f"{why}; {hint}"
        if why is not None:
            yield one.path, why
    for place in places:
        for key, info in (place.kind.params.model_fields if place.kind else {}).items():
            if deferred_kind(info.annotation)[0] is Condition and key != "condition":
                yield from _data(place, key)
        yield from _data(place, "condition")


def _hidden(one: Expression, named: Counter[str], taken: set[str]) -> str | None:
    """Return which name one language finds somewhere else than the other, if any."""
    for root in sorted(roots(one.source, condition=one.condition)):
        if root in _HIDDEN and (root in taken or root in one.local):
            return f"{root!r} is the step or variable of that name, and no more if it is strict"
        brought_too = named[root] > 1 if root in one.results else named[root]
        if one.condition and brought_too and root in one.local | one.results:
            return f"{root!r} is the step's result, and what the loop brings if it is strict"
    return None


def _variables(value: Any) -> Iterator[str]:
    """Yield the names of all variables that are set somewhere below."""
    if isinstance(value, dict):
        given = value.get("variables")
        yield from map(str, given if isinstance(given, dict) else ())
        for one in value.values():
            yield from _variables(one)
    elif isinstance(value, list):
        for one in value:
            yield from _variables(one)


def _hint(source: str) -> str | None:
    for pattern, message in _HINTS:
        if match := pattern.fullmatch(source):
            return message.format(*match.groups())
    return None


def _data(place: Place, key: str) -> Iterator[tuple[Path, str]]:
    """Yield a condition that is written as lists and mappings."""
    value = place.keys.get(key)
    if isinstance(value, dict | list):
        yield (
            (*place.path, key),
            f"in a strict document a condition is one expression: {_joined(value)}",
        )


def _joined(value: Any) -> str:
    written = _written(value)
    if written is None:
        return "join its parts by 'and', 'or' and 'not'"
    return f"say {written!r} if each part is true or false"


def _written(value: Any) -> str | None:
    match value:
        case str():
            return value
        case list() if value:
            return _chain(value, "and")
        case {"and": list(parts)} if len(value) == 1 and parts:
            return _chain(parts, "and")
        case {"or": list(parts)} if len(value) == 1 and parts:
            return _chain(parts, "or")
        case {"not": inner} if len(value) == 1:
            written = _written(inner)
            return None if written is None else f"not ({written})"
    return None


def _chain(parts: list[Any], word: str) -> str | None:
    written = [_written(part) for part in parts]
    known = [one for one in written if one is not None]
    if len(known) < len(written):
        return None
    return f" {word} ".join(f"({one})" for one in known) if len(known) > 1 else known[0]
