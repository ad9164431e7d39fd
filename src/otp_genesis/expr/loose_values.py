"""What the operators of documents that are not strict do with values, as pipeline_ex did it.

Values are JSON data and moments of time. A missing one is nothing (`None`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from otp_genesis.errors import GenesisError
from otp_genesis.expr.bounds import ANSWER_KEYS, MAX_INT_BITS

MAX_MOMENT = 40
_NUMBER = re.compile(r"\s*[-+]?\d{1,300}(\.\d{1,300})?\s*")
_EXPONENT = re.compile(r"(\d+)(\.\d+)?e([-+])0*(\d+)")


class TooMuch(GenesisError):
    """An evaluation has made more than it may, or a value has no bound."""


class Marker:
    """A value that is none."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return self.name


ABSENT: Any = Marker("absent")
"""What a path leads to where nothing is there."""
INCOMPUTABLE: Any = Marker("incomputable")
"""What arithmetic gives over what is no number: true, equal to nothing, neither less nor more."""


def truthy(value: Any) -> bool:
    """Whether a value counts as true: all but nothing, false, and what is empty. 0 is true."""
    return value is not False and not is_empty(value)


def truthy_in_text(value: Any) -> bool:
    """Whether a value counts as true in a template: there 0 is false, as in Jinja."""
    return bool(value)


def is_empty(value: Any) -> bool:
    """Whether a value is nothing, or a text, a list or a mapping without anything in it."""
    return value is None or (isinstance(value, str | list | dict) and not value)


def text(value: Any) -> str:
    """Return a value as it stands in text."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return _EXPONENT.sub(_exponent, repr(value))
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Mapping() if value.keys() >= ANSWER_KEYS:
            return text(value["text"])
        case Mapping() | list() | tuple():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value)
    return ""


def _exponent(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2] or '.0'}e{'-' if match[3] == '-' else ''}{match[4]}"


def settled(value: Any) -> Any:
    """Return a value as data: a moment as its text, what cannot be computed as nothing."""
    if isinstance(value, datetime):
        return text(value)
    return None if isinstance(value, Marker) else value


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and value is not True and value is not False


def number(value: Any) -> int | float | None:
    """Return a number, or the number that a text is."""
    if is_number(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and (match := _NUMBER.fullmatch(value)):
        return float(value) if match[1] else int(value)
    return None


def moment(value: Any) -> datetime | None:
    """Return a moment, or the moment that a text in ISO 8601 is; without a zone it is UTC."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not 8 <= len(value) <= MAX_MOMENT:
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def size(value: Any) -> int:
    """Return how long a text, a list or a mapping is; 0 for anything else."""
    return len(value) if isinstance(value, str | list | Mapping) else 0


def equal(left: Any, right: Any) -> bool:
    """Whether two values are the same; 1 and 1.0 are, `1` and `'1'` are not."""
    if left is None or right is None:
        return left is right
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, datetime) or isinstance(right, datetime):
        first, second = moment(left), moment(right)
        return first is not None and first == second
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
    return type(left) is type(right) and not isinstance(left, Marker) and bool(left == right)


def _same(left: Any, right: Any) -> bool:
    """Whether two values are the same, where 1 and 1.0 are not."""
    return type(left) is type(right) and equal(left, right)


def ordered(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Return two values that can be put in order, or nothing where they cannot."""
    if is_number(left) and is_number(right):
        return left, right
    if isinstance(left, str) and isinstance(right, str):
        return left, right
    if isinstance(left, datetime) or isinstance(right, datetime):
        first, second = moment(left), moment(right)
        return None if first is None or second is None else (first, second)
    return None


def less(left: Any, right: Any) -> bool:
    """Whether `left` comes before `right`; false where they cannot be put in order."""
    pair = ordered(left, right)
    return pair is not None and pair[0] < pair[1]


def at_most(left: Any, right: Any) -> bool:
    """Whether `left` does not come behind `right`; false where they cannot be put in order."""
    pair = ordered(left, right)
    return pair is not None and pair[0] <= pair[1]


def between(value: Any, low: Any, high: Any) -> bool:
    """Whether a number or a moment is in a range, its ends included; texts never are."""
    if isinstance(value, str) and not (isinstance(low, datetime) or isinstance(high, datetime)):
        return False
    return at_most(low, value) and at_most(value, high)


def contains(whole: Any, part: Any) -> bool:
    """Whether a text has a part, or a list an element."""
    if isinstance(whole, str):
        return isinstance(part, str) and part in whole
    return isinstance(whole, list) and any(_same(item, part) for item in whole)


def within(part: Any, whole: Any) -> bool:
    """Whether a value is an element of a list, a key of a mapping, or a part of a text."""
    if isinstance(whole, Mapping):
        return isinstance(part, str) and part in whole
    if isinstance(whole, list):
        return any(equal(item, part) for item in whole)
    return contains(whole, part)


def starts_with(whole: Any, part: Any) -> bool:
    """Whether a text begins with another."""
    return isinstance(whole, str) and isinstance(part, str) and whole.startswith(part)


def ends_with(whole: Any, part: Any) -> bool:
    """Whether a text ends with another."""
    return isinstance(whole, str) and isinstance(part, str) and whole.endswith(part)


def computed(sign: str, left: Any, right: Any) -> Any:
    """Return what an operator gives, or `INCOMPUTABLE`; raise `TooMuch`.

    Texts that are numbers count as such. Division by zero gives 0, a remainder is that of whole
    numbers and has the sign of the dividend. `+` joins two texts or two lists too; moments take
    seconds and give seconds.
    """
    first, second = number(left), number(right)
    if first is not None and second is not None:
        return _calculated(sign, first, second)
    if sign == "+":
        return _added(left, right)
    if sign == "-":
        return _apart(left, right)
    return INCOMPUTABLE


def _calculated(sign: str, left: int | float, right: int | float) -> int | float:
    result: int | float
    match sign:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            if _bits(left) + _bits(right) > MAX_INT_BITS:
                raise TooMuch("the product is too large")
            result = left * right
        case "/":
            result = left / right if right else 0
        case "//":
            result = left // right if right else 0
        case _:
            whole, by = abs(int(left)), abs(int(right))
            result = (whole % by if left >= 0 else -(whole % by)) if by else 0
    return finite(result)


def finite(value: int | float) -> int | float:
    """Return a number that JSON can hold; raise `TooMuch`."""
    if (isinstance(value, float) and not math.isfinite(value)) or _bits(value) > MAX_INT_BITS:
        raise TooMuch("the number is too large")
    return value


def _bits(value: int | float) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def _added(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        return [*left, *right]
    if isinstance(left, list) and right is None:
        return left
    if isinstance(right, list) and left is None:
        return right
    if isinstance(left, datetime) and is_number(right):
        return _moved(left, right)
    if isinstance(right, datetime) and is_number(left):
        return _moved(right, left)
    return INCOMPUTABLE


def _apart(left: Any, right: Any) -> Any:
    start = moment(left)
    if start is not None and is_number(right):
        return _moved(start, -right)
    end = moment(right)
    if start is None or end is None:
        return INCOMPUTABLE
    seconds = (start - end).total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def _moved(start: datetime, seconds: int | float) -> datetime:
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError:
        raise TooMuch("the moment is too far away") from None


def joined(parts: Iterable[Any]) -> str:
    """Return values as one text."""
    return "".join(text(part) for part in parts)
