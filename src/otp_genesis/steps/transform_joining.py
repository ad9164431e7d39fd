"""Two lists joined over a key: each row with the first one of the other list that has the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from otp_genesis.steps.ordering import order
from otp_genesis.steps.transform_fields import at

JoinType = Literal["left", "right", "inner", "outer"]


def joined(
    left: list[Any], right: list[Any], left_key: str, right_key: str, kind: JoinType
) -> list[Any]:
    """Return the joined rows; where both have a field, that of the right one counts.

    `left` keeps every left row, `inner` those that find another, `right` every right row, `outer`
    all of both, the right rows that nobody found at the end. What is no mapping finds nothing.
    """
    if kind == "right":
        return [
            _merged(left_row, row) for row, left_row in _pairs(right, right_key, left, left_key)
        ]
    rows = [
        _merged(row, other)
        for row, other in _pairs(left, left_key, right, right_key)
        if kind != "inner" or other is not None
    ]
    if kind != "outer":
        return rows
    keys = {order(at(row, left_key)) for row in left if isinstance(row, dict)}
    return rows + [
        row for row in right if not isinstance(row, dict) or order(at(row, right_key)) not in keys
    ]


def _pairs(
    rows: Iterable[Any], key: str, others: Iterable[Any], other_key: str
) -> Iterable[tuple[Any, Any]]:
    """Yield each row with the first of the others that has the same key, or nothing."""
    first: dict[Any, Any] = {}
    for other in others:
        if isinstance(other, dict):
            first.setdefault(order(at(other, other_key)), other)
    for row in rows:
        yield row, first.get(order(at(row, key))) if isinstance(row, dict) else None


def _merged(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return right if left is None else left
    return {**left, **right}
