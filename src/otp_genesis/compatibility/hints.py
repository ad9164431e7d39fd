"""What a person could write where a document does not pass and no rewriting is sure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from otp_genesis.compatibility.places import Kinds, Place, steps_in, within
from otp_genesis.contracts.step import Condition, deferred_kind
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import Document, Path

_HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"\s*(.+?) between (.+?) and (.+?)\s*"),
        "write '{1} <= {0} <= {2}' if {0} is always a number",
    ),
    (
        re.compile(r"\s*(.+?) contains (.+?)\s*"),
        "write {1} in {0}, if {0} is always a text or a list",
    ),
    (
        re.compile(r"\s*(.+?) matches (.+?)\s*"),
        "there are no regular expressions here: use 'in', 'startswith' or 'endswith'",
    ),
    (re.compile(r".*(?:&&|\|\|).*|\s*!.*", re.DOTALL), "write 'and', 'or' and 'not'"),
    (re.compile(r".*\?.*:.*", re.DOTALL), "write 'A if CONDITION else B' for 'CONDITION ? A : B'"),
    (
        re.compile(r".*\{\{\s*previous_response\b.*", re.DOTALL),
        "name the step whose result is meant: '{{{{ steps.NAME }}}}'",
    ),
)


def hints(document: Document, kinds: Kinds, errors: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield what to decide about some of `errors`, and about conditions that are data."""
    for one in errors:
        value = within(document.data, one.at) if one.at else None
        if one.file == document.file and isinstance(value, str) and _may_help(one, value):
            for pattern, message in _HINTS:
                if match := pattern.fullmatch(value):
                    told = message.format(*match.groups())
                    yield replace(one, severity="warning", code="undecided", message=told)
                    break
    for place in steps_in(document.data, kinds):
        for path, value in _conditions(place):
            if isinstance(value, dict | list):
                told = f"a condition is one expression: {_joined(value)}"
                span = document.at(path, key=True)
                yield document.diagnose(span, "undecided", told, warning=True)


def _may_help(one: Diagnostic, value: str) -> bool:
    return one.code == "expression" or (one.code == "unknown-name" and "previous_response" in value)


def _conditions(place: Place) -> Iterator[tuple[Path, Any]]:
    fields = place.kind.params.model_fields if place.kind else {}
    names = [
        name for name, info in fields.items() if deferred_kind(info.annotation)[0] is Condition
    ]
    if "condition" not in fields:
        names.append("condition")
    for name in names:
        yield (*place.path, name), place.keys.get(name)


def _joined(value: Any) -> str:
    """Return what a condition of lists and `and`, `or`, `not` would be as one expression."""
    written = _written(value)
    if written is None:
        return "join its parts by 'and', 'or' and 'not'"
    return f"write {written!r} if each part is true or false"


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
