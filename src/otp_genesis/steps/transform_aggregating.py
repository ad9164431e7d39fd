"""What is counted and calculated over values, and over groups of them."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.expr.environment import as_text
from otp_genesis.expr.loose_values import is_number
from otp_genesis.steps.ordering import strictly
from otp_genesis.steps.transform_fields import at, kind_of, value_at

Function = Literal[
    "sum", "average", "count", "max", "min", "first", "last", "unique", "count_distinct", "median",
    "std_dev", "variance", "avg", "mean",
]  # fmt: skip
_SPEC = re.compile(r"\s*(\w+)\s*(?:\(\s*([^()]*?)\s*\))?\s*")


def _average(numbers: list[Any]) -> Any:
    return sum(numbers) / len(numbers) if numbers else 0


def _variance(numbers: list[Any]) -> Any:
    if not numbers:
        return 0
    mean = math.fsum(numbers) / len(numbers)
    return math.fsum((number - mean) ** 2 for number in numbers) / len(numbers)


OF_NUMBERS: dict[str, Callable[[list[Any]], Any]] = {
    "sum": sum,
    "average": _average,
    "avg": _average,
    "mean": _average,
    "max": lambda numbers: max(numbers, default=0),
    "min": lambda numbers: min(numbers, default=0),
    "median": lambda numbers: statistics.median(numbers) if numbers else 0,
    "variance": _variance,
    "std_dev": lambda numbers: math.sqrt(_variance(numbers)),
}
_OF_VALUES: dict[str, Callable[[list[Any]], Any]] = {
    "count": lambda values: sum(1 for value in values if value is not None),
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "unique": lambda values: distinct(values),
    "count_distinct": lambda values: len(distinct([v for v in values if v is not None])),
}


def aggregated(values: list[Any], function: str) -> Any:
    """Return what a function gives over values; raise `UsageError` where the numbers are too large.

    What is no number does not count for those of numbers, which give 0 without any.
    """
    if function in _OF_VALUES:
        return _OF_VALUES[function](values)
    numbers = [x for x in values if is_number(x)]
    try:
        result = OF_NUMBERS[function](numbers)
    except OverflowError:
        result = math.inf
    if isinstance(result, float) and not math.isfinite(result):
        raise UsageError(f"{function!r}: the numbers are too large")
    return result


def distinct(items: Iterable[Any], fields: Iterable[str] = ()) -> list[Any]:
    """Return the items without those that are like one before, as a whole or in some fields."""
    names = tuple(fields)
    first: dict[Any, Any] = {}
    for item in items:
        key = tuple(strictly(value_at(item, name)) for name in names) if names else strictly(item)
        first.setdefault(key, item)
    return list(first.values())


def grouped(items: Iterable[Any], field: str) -> dict[str, list[Any]]:
    """Return the items by the text of a field; raise `UsageError` where it is a mapping or list."""
    groups: dict[str, list[Any]] = {}
    for item in items:
        key = value_at(item, field)
        if isinstance(key, dict | list):
            raise UsageError(f"cannot group by {field!r}: a {kind_of(key)} is no name of a group")
        groups.setdefault(as_text(key), []).append(item)
    return groups


def column(items: Iterable[Any], field: str | None) -> list[Any]:
    """Return the values at a field of each item, or the items themselves."""
    return list(items) if field is None else [at(item, field) for item in items]


def specified(spec: str) -> tuple[str, str | None]:
    """Return function and field of `count`, `sum(duration)`; raise `ValueError`."""
    match = _SPEC.fullmatch(spec)
    known = (*OF_NUMBERS, *_OF_VALUES)
    if match is None:
        raise ValueError(f"{spec!r} is no function of a field; write 'count' or 'sum(duration)'")
    name, field = match.groups()
    if name not in known:
        raise ValueError(f"there is no function {name!r}{did_you_mean(name, known)}")
    return name, field or None


def summary(items: list[Any], specs: Mapping[str, str]) -> dict[str, Any]:
    """Return what each function gives over the items, under its name."""
    found = {}
    for name, spec in specs.items():
        function, field = specified(spec)
        found[name] = aggregated(column(items, field), function)
    return found
