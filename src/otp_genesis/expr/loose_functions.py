"""The functions of expressions of documents that are not strict: data in, data out."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from otp_genesis.errors import GenesisError
from otp_genesis.expr import loose_values as values
from otp_genesis.expr.bounds import MAX_TEXT
from otp_genesis.expr.loose_pattern import found
from otp_genesis.expr.loose_pattern_grammar import BadPattern
from otp_genesis.expr.loose_values import TooMuch, finite, is_number, number

MAX_PARTS = 100_000
MAX_ROUND = 15


class Unfit(GenesisError):
    """A function was given what it cannot work with."""


@dataclass(frozen=True, slots=True)
class Known:
    """A function: it takes `least` to `most` arguments, any number where `most` is nothing."""

    call: Callable[..., Any]
    least: int
    most: int | None

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return self.least <= count and (self.most is None or count <= self.most)

    @property
    def arguments(self) -> str:
        """How many it takes, in words."""
        if self.most is None:
            return f"at least {self.least}"
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


def matches(text: Any, pattern: Any) -> bool:
    """Whether a pattern is found in a text. What is no pattern is never found.

    Raises `BadPattern` where it is one that no automaton can follow, `TooDear`.
    """
    if not isinstance(text, str) or not isinstance(pattern, str):
        return False
    try:
        return found(pattern, text)
    except BadPattern as error:
        if error.refused:
            raise
        return False


def _number_or_0(value: Any) -> int | float:
    found = number(value)
    return 0 if found is None else found


def _arithmetic(sign: str) -> Callable[[Any, Any], Any]:
    return lambda left, right: values.computed(sign, _number_or_0(left), _number_or_0(right))


def _numbers(items: Any) -> list[int | float]:
    return [item for item in items if is_number(item)] if isinstance(items, list) else []


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    def call(first: Any, *others: Any) -> Any:
        if not others and (isinstance(first, list) or first is None):
            return choose(_numbers(first), default=None)
        return choose(_number_or_0(value) for value in (first, *others))

    return call


def _sum(items: Any) -> Any:
    return finite(sum(_numbers(items)))


def _average(items: Any) -> Any:
    numbers = _numbers(items)
    return finite(sum(numbers) / len(numbers)) if numbers else 0


def _round(value: Any, digits: Any = 0) -> int | float:
    places = max(-MAX_ROUND, min(MAX_ROUND, int(_number_or_0(digits))))
    scale = 10**places
    scaled = _number_or_0(value) * scale
    nearest = math.floor(abs(scaled) + 0.5) * (1 if scaled >= 0 else -1)
    return nearest if places <= 0 and scale == 1 else finite(nearest / scale)


def _sqrt(value: Any) -> float:
    given = _number_or_0(value)
    if given < 0:
        raise Unfit("sqrt() of a negative number")
    return math.sqrt(given)


def _pow(base: Any, exponent: Any) -> float:
    try:
        result: Any = float(_number_or_0(base)) ** float(_number_or_0(exponent))
    except (OverflowError, ZeroDivisionError):
        raise TooMuch("the power is too large") from None
    if isinstance(result, complex):
        raise Unfit("pow() of a negative number")
    return float(result)


def _seconds(each: int) -> Callable[[Any], Any]:
    return lambda count: finite(_number_or_0(count) * each)


def _cased(change: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda value: change(value) if isinstance(value, str) else None


def _append(items: Any, item: Any) -> list[Any]:
    return [*(items if isinstance(items, list) else [] if items is None else [items]), item]


def _concat(*parts: Any) -> Any:
    if any(isinstance(part, list) for part in parts):
        found: list[Any] = []
        for part in parts:
            found += part if isinstance(part, list) else [] if part is None else [part]
            _measure(len(found))
        return found
    return values.joined(parts)


def _merge(*mappings: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for mapping in mappings:
        merged |= mapping if isinstance(mapping, Mapping) else {}
    return merged


def _map(items: Any, path: Any) -> Any:
    if not isinstance(items, list) or not isinstance(path, str):
        return []
    keys = path.removeprefix("@.").split(".")
    return [_field(item, keys) for item in items]


def _field(item: Any, keys: list[str]) -> Any:
    for key in keys:
        item = item.get(key) if isinstance(item, Mapping) else None
    return item


def _part(whole: Any, first: Any, last: Any = None) -> Any:
    """Return a part of a text or a list; `last` is the first that is left out."""
    if not isinstance(whole, str | list):
        return None
    end = None if last is None else int(_number_or_0(last))
    return whole[int(_number_or_0(first)) : end]


def _substring(text: Any, start: Any, length: Any = None) -> Any:
    begin = int(_number_or_0(start))
    end = None if length is None else begin + max(0, int(_number_or_0(length)))
    return _part(values.text(text), begin, end)


def _replace(text: Any, old: Any, new: Any) -> str:
    whole, before, after = values.text(text), values.text(old), values.text(new)
    if not before:
        return whole
    _measure(len(whole) + whole.count(before) * max(0, len(after) - len(before)))
    return whole.replace(before, after)


def _chunk(items: Any, size: Any) -> list[Any]:
    each = int(_number_or_0(size))
    if not isinstance(items, list) or each < 1:
        raise Unfit("chunk() takes a list and how many elements each part has")
    return [items[start : start + each] for start in range(0, len(items), each)]


def _join(items: Any, separator: Any = ", ") -> str:
    texts = [values.text(item) for item in items] if isinstance(items, list) else []
    between = values.text(separator)
    _measure(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def _split(text: Any, separator: Any) -> list[str]:
    by = values.text(separator)
    whole = values.text(text)
    if by and whole.count(by) > MAX_PARTS:
        raise TooMuch(f"more than {MAX_PARTS} parts")
    return whole.split(by) if by else [whole]


def _measure(size: int) -> None:
    if size > MAX_TEXT:
        raise TooMuch(f"the result would have more than {MAX_TEXT} characters or items")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _keys(value: Any) -> list[str]:
    return sorted(value) if isinstance(value, Mapping) else []


def _hash(value: Any) -> str:
    return hashlib.sha256(values.text(value).encode("utf-8", "replace")).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)


_CALLS: dict[str, tuple[Callable[..., Any], int, int | None]] = {
    "contains": (values.contains, 2, 2),
    "matches": (matches, 2, 2),
    "startsWith": (values.starts_with, 2, 2),
    "endsWith": (values.ends_with, 2, 2),
    "between": (values.between, 3, 3),
    "isEmpty": (values.is_empty, 1, 1),
    "length": (values.size, 1, 1),
    "sum": (_sum, 1, 1),
    "average": (_average, 1, 1),
    "min": (_extreme(min), 1, None),
    "max": (_extreme(max), 1, None),
    "abs": (lambda value: abs(_number_or_0(value)), 1, 1),
    "round": (_round, 1, 2),
    "floor": (lambda value: math.floor(_number_or_0(value)), 1, 1),
    "ceil": (lambda value: math.ceil(_number_or_0(value)), 1, 1),
    "sqrt": (_sqrt, 1, 1),
    "pow": (_pow, 2, 2),
    "add": (_arithmetic("+"), 2, 2),
    "subtract": (_arithmetic("-"), 2, 2),
    "multiply": (_arithmetic("*"), 2, 2),
    "divide": (_arithmetic("/"), 2, 2),
    "now": (_now, 0, 0),
    "date": (values.moment, 1, 1),
    "days": (_seconds(86_400), 1, 1),
    "hours": (_seconds(3_600), 1, 1),
    "minutes": (_seconds(60), 1, 1),
    "seconds": (_seconds(1), 1, 1),
    "toLowerCase": (_cased(str.lower), 1, 1),
    "toUpperCase": (_cased(str.upper), 1, 1),
    "trim": (_cased(str.strip), 1, 1),
    "substring": (_substring, 2, 3),
    "replace": (_replace, 3, 3),
    "split": (_split, 2, 2),
    "join": (_join, 1, 2),
    "append": (_append, 2, 2),
    "concat": (_concat, 1, None),
    "slice": (_part, 2, 3),
    "chunk": (_chunk, 2, 2),
    "map": (_map, 2, 2),
    "keys": (_keys, 1, 1),
    "merge": (_merge, 1, None),
    "hash": (_hash, 1, 1),
    "json": (_json, 1, 1),
}
_OTHERWISE = {
    "lower": "toLowerCase", "upper": "toUpperCase", "starts_with": "startsWith",
    "ends_with": "endsWith", "is_empty": "isEmpty", "empty": "isEmpty",
}  # fmt: skip
FUNCTIONS: Mapping[str, Known] = {
    **{name: Known(*row) for name, row in _CALLS.items()},
    **{name: Known(*_CALLS[meant]) for name, meant in _OTHERWISE.items()},
}
"""Every function but those that ask a condition of each item."""
OF_ITEMS: Mapping[str, Known] = {
    "any": Known(any, 1, 2), "all": Known(all, 1, 2), "count": Known(len, 1, 2),
    "filter": Known(list, 2, 2),
}  # fmt: skip
"""Those: the second argument is a condition, as text."""
OF_MOMENTS = frozenset(("between",))
"""Functions that take moments as they are; the others get their text."""
