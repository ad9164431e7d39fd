"""The conditions of `filter`: those of pipeline_ex, and where they end, the language's own."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from otp_genesis.expr.scope import Names
from otp_genesis.steps.ordering import order, strictly
from otp_genesis.steps.transform_expressions import ITEM_NAMES, Row, row_expression
from otp_genesis.steps.transform_fields import at

_LITERAL = re.compile(r"-?\d+(\.\d+)?")
_WORDS = {"true": True, "false": False, "null": None, "nil": None}
_NAME = r"[^\W\d][\w-]*(?:\.[\w-]+)*"
_BARE = r"(?!(?:item|record|state|steps|inputs)\.)[^\W_][\w.:/@#%-]*"
_ASKED = re.compile(
    rf"""\s*(?P<left>{_NAME})\s*
    (?:(?P<sign>==|!=|>=|<=|>|<|\scontains\s)\s*
    (?P<right>'[^']*'|"[^"]*"|-?[\d.]+|{_BARE}(?:\ +(?!(?:and|or|if|is|in|not)\b){_BARE})*)
    )?\s*""",
    re.VERBOSE,
)
_ABSENT = object()
Condition = Callable[[Any, Any, Names, Mapping[str, Any] | None], bool]
"""Asked of an item, with what is looked at, the names outside and the mapping around the list."""


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return isinstance(left, list) and strictly(right) in map(strictly, left)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: compare(order(left), order(right))


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _compared(operator.eq),
    "!=": _compared(operator.ne),
    ">=": _compared(operator.ge),
    "<=": _compared(operator.le),
    ">": _compared(operator.gt),
    "<": _compared(operator.lt),
    "contains": _contains,
}


@lru_cache(maxsize=1024)
def condition(source: str) -> Condition:
    """Return how a condition is asked; raise `ExpressionError`.

    `field OPERATOR literal` and `field` compare as pipeline_ex did: any value with any, in the
    order of all data. Everything else is an expression.
    """
    match = _ASKED.fullmatch(source)
    if match is None or match["left"] in _WORDS:
        expression = row_expression(source, asked=True)
        return lambda item, value, names, around: expression.holds(Row(item, value, around), names)
    name, sign = match["left"], match["sign"]
    if sign is None:
        return lambda item, value, names, around: _left(name, item, value) not in (None, False)
    compare, right = _OPERATORS[sign.strip()], literal(match["right"])
    return lambda item, value, names, around: compare(_left(name, item, value), right)


def _left(name: str, item: Any, value: Any) -> Any:
    """Return the field of the item that is meant, or else the value that is looked at."""
    first, _, rest = name.partition(".")
    found = at(item, name, _ABSENT)
    if found is not _ABSENT:
        return found
    if rest and first in (*ITEM_NAMES, "value"):
        return at(value if first == "value" else item, rest)
    return None if value is item and isinstance(item, Mapping) else value


def literal(text: str) -> Any:
    """Return what a literal of a condition stands for: a number, a word, a text with or without
    quotes."""
    if text[:1] in ("'", '"') and text[-1:] == text[:1] and len(text) > 1:
        return text[1:-1]
    if number := _LITERAL.fullmatch(text):
        return float(text) if number[1] else int(text)
    return _WORDS.get(text, text)
