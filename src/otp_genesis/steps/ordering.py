"""How values of any kind are compared with each other, as pipeline_ex did.

Numbers come before `false`, nothing, `true`, mappings, lists and texts, in this order; 1 and 1.0
are equal. So data of mixed kinds can be sorted, and nothing is not less than a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, model_validator

from otp_genesis.contracts.step import Params
from otp_genesis.expr.template import has_template

Key = tuple[Any, ...]
Direction = Literal["asc", "desc"]


class SortKey(Params):
    """One of the fields that items are sorted by: `price`, `price desc`, or a mapping."""

    field: str
    order: Direction | None = None
    """As the operation says, without it."""

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, written: Any) -> Any:
        if not isinstance(written, str):
            return written
        field, _, direction = written.strip().rpartition(" ")
        if direction in get_args(Direction) and field:
            return {"field": field.strip(), "order": direction}
        if not written.strip():
            raise ValueError("a field has no name; write 'price' or 'category, price desc'")
        return {"field": written.strip()}


def _split(by: Any) -> Any:
    if isinstance(by, str):
        return [by] if has_template(by) else by.split(",")
    return [by] if isinstance(by, dict) else by


def _not_empty(keys: tuple[SortKey, ...]) -> tuple[SortKey, ...]:
    if not keys:
        raise ValueError("no field is named")
    return keys


SortKeys = Annotated[
    tuple[SortKey, ...],
    BeforeValidator(_split, json_schema_input_type=str | SortKey | list[str | SortKey]),
    AfterValidator(_not_empty),
]
"""Fields to sort by, written as `a`, `a, b desc`, or a list of such."""


def order(value: Any) -> Key:
    """Return what `value` is compared by; equal values give equal keys. It can be hashed."""
    match value:
        case False:
            return (1, 0)
        case None:
            return (1, 1)
        case True:
            return (1, 2)
        case int() | float():
            return (0, value)
        case dict():
            pairs = sorted((str(key), order(item)) for key, item in value.items())
            return (2, len(value), tuple(key for key, _ in pairs), tuple(one for _, one in pairs))
        case list() | tuple():
            return (3, tuple(order(item) for item in value))
    return (4, str(value))


def strictly(value: Any) -> Key:
    """Return the same, but 1 and 1.0 differ."""
    return (type(value).__name__, order(value))


def in_order(
    items: list[Any],
    keys: Sequence[SortKey],
    default: Direction,
    value: Callable[[Any, str], Any],
) -> list[Any]:
    """Return the items sorted by all keys, the first one first; equal ones stay as they stand.

    `value` gives what an item has at a field; `default` is the order of keys that do not say.
    """
    for key in reversed(keys):
        by = partial(_key_of, key.field, value)
        items = sorted(items, key=by, reverse=(key.order or default) == "desc")
    return items


def _key_of(field: str, value: Callable[[Any, str], Any], item: Any) -> Key:
    return order(value(item, field))
