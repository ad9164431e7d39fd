"""Data while operations change it: which part each works on, and where its result goes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.step import Context
from otp_genesis.deferred import deferred
from otp_genesis.errors import GenesisError, UsageError
from otp_genesis.expr.environment import as_text
from otp_genesis.expr.loose_values import is_number
from otp_genesis.steps.ordering import SortKey, in_order
from otp_genesis.steps.sources import PREVIOUS, data_of
from otp_genesis.steps.transform_aggregating import (
    OF_NUMBERS,
    aggregated,
    column,
    distinct,
    grouped,
    summary,
)
from otp_genesis.steps.transform_expressions import Row, row_expression
from otp_genesis.steps.transform_fields import at, no_list, put, value_at
from otp_genesis.steps.transform_filtering import condition
from otp_genesis.steps.transform_joining import joined
from otp_genesis.steps.transform_operation import CASES, Operation, is_path
from otp_genesis.steps.warning import warn

if TYPE_CHECKING:
    from otp_genesis.steps import json_path
else:
    json_path = deferred("otp_genesis.steps.json_path")

_WHOLE = ""
LARGE = 10_000
"""Items of a list that are changed in a thread, so that other steps go on meanwhile."""
_ELEMENT = re.compile(rf"{PREVIOUS}[^:]+:\d")
_OF_LISTS = frozenset(("sort", "unique", "flatten", "filter"))
"""What is done to each group alone, where the data is in groups."""


class Table:
    """The data. What `group_by` made is known as groups until something else is made of it."""

    def __init__(self, data: Any, ctx: Context):
        self.data = data
        self._ctx = ctx
        self._names = ctx.scope.names()
        self._groups: set[str] = set()
        self._count = 0
        self._around: Mapping[str, Any] | None = None
        self._joined: list[Any] = []
        self._notes: list[str] = []

    async def change(self, one: Operation) -> None:
        """Do one operation; raise `UsageError`, which names it."""
        self._count += 1
        try:
            place = self._place(one)
            found = self.data if place == _WHOLE else at(self.data, place)
            self._around = self.data if place and isinstance(self.data, dict) else None
            self._joined = await self._right(one) if one.operation == "join" else []
            change = partial(self._changed, found, one, place)
            result = await asyncio.to_thread(change) if _takes_long(found, one) else change()
            self._set(one.target or place, result)
        except GenesisError as error:
            raise UsageError(f"operation {self._count} ({one.operation!r}): {error}") from None
        self._note_groups(one, place)
        for note in self._notes:
            await warn(self._ctx, one.operation, f"operation {self._count}: {note}")
        self._notes.clear()

    def _place(self, one: Operation) -> str:
        """Return where the list is that is worked on: at `field` of a mapping, or the whole."""
        field = one.left_field or one.field
        if field is None or not isinstance(self.data, dict):
            return _WHOLE
        found = at(self.data, field)
        if isinstance(found, list) or field in self._groups or one.operation in _OF_ANYTHING:
            return field
        if self._means_list(one):
            raise no_list(self.data, field)
        return _WHOLE

    @staticmethod
    def _means_list(one: Operation) -> bool:
        """Whether an operation has a key that only makes sense beside the list at `field`."""
        given = (one.by, one.key, one.value_field, one.group_by)
        return any(key is not None for key in given) or one.operation in ("unique", "flatten")

    def _set(self, path: str, result: Any) -> None:
        if path == _WHOLE:
            self.data = result
        else:
            self.data = put(self.data, path, result)

    def _note_groups(self, one: Operation, place: str) -> None:
        target = one.target or place
        kept = place in self._groups and one.operation in _OF_LISTS
        grouped_now = one.operation == "group_by" and one.aggregate is None
        if target == _WHOLE:
            self._groups.clear()
        self._groups.discard(target)
        if kept or grouped_now:
            self._groups.add(target)

    def _changed(self, data: Any, one: Operation, place: str) -> Any:
        change = _CHANGES[one.operation]
        # Within a list that was found at `field`, that is no field of its items any more.
        if place != _WHOLE:
            one = one.model_copy(update={"field": None, "left_field": None})
        if place not in self._groups or not isinstance(data, dict):
            return change(self, data, one)
        if one.operation in _OF_LISTS or (one.operation == "aggregate" and one.group_by is None):
            return {name: change(self, items, one) for name, items in data.items()}
        if one.operation in ("map", "transform"):
            entries = [{"key": name, "value": items} for name, items in data.items()]
            return change(self, entries, one)
        return change(self, [item for items in data.values() for item in items], one)

    async def _right(self, one: Operation) -> list[Any]:
        """Return what is joined; a source that is not there is an empty one, its author told."""
        source = one.right_source
        if source is None:
            raise UsageError("the operation 'join' needs a 'right_source'")
        if isinstance(source, str):
            try:
                # pipeline_ex took this for the name of a step.
                source = None if _ELEMENT.match(source) else data_of(source, self._ctx)
                told = ""
            except UsageError as error:
                source, told = None, f": {error}"
            if source is None:
                message = f"there is no {one.right_source!r} to join; nothing is added{told}"
                await warn(self._ctx, "join", message)
                return []
        return source if isinstance(source, list) else [source]

    def _filter(self, data: Any, one: Operation) -> Any:
        assert one.condition is not None
        asked, names, around = condition(one.condition), self._names, self._around
        field = one.field

        def holds(item: Any) -> bool:
            return asked(item, item if field is None else at(item, field), names, around)

        if isinstance(data, list):
            return [item for item in data if holds(item)]
        return data if holds(data) else None

    def _map(self, data: Any, one: Operation) -> Any:
        change = self._mapping(one)
        return [change(item) for item in data] if isinstance(data, list) else change(data)

    def _mapping(self, one: Operation) -> Callable[[Any], Any]:
        """Return what `map` makes of one item."""
        if one.expression is not None and not (one.expression in CASES and one.field):
            return self._expressed(one.expression, one.field)
        field, mapping = one.field, one.mapping or {}
        if field is None:
            return lambda item: {**item, **mapping} if isinstance(item, dict) else item
        change: Callable[[Any], Any]
        if one.expression is not None:
            change = _cased(one.expression)
        else:
            known = {as_text(key): value for key, value in mapping.items()}
            change = lambda value: known.get(as_text(value), value)  # noqa: E731

        return lambda item: (
            put(item, field, change(at(item, field))) if isinstance(item, dict) else item
        )

    def _expressed(self, source: str, field: str | None) -> Callable[[Any], Any]:
        """Return what an expression makes of an item, or of its field."""
        if is_path(source):
            value_of: Callable[[Any], Any] = lambda item: self._projected(item, source)  # noqa: E731
        else:
            expression, names, around = row_expression(source), self._names, self._around

            def value_of(item: Any) -> Any:
                value = item if field is None else at(item, field)
                return expression.value(Row(item, value, around), names)

        if field is None:
            return value_of
        return lambda item: put(item, field, value_of(item)) if isinstance(item, dict) else item

    def _projected(self, data: Any, written: str) -> Any:
        """Return what a path leads to, each in the form that stands in braces behind it."""
        wanted = json_path.projection(written)
        if wanted.object is None:
            return wanted.path.value(data)
        expression = row_expression(wanted.object)
        rows = wanted.path.all(data)
        around = data if isinstance(data, dict) else None
        made = [expression.value(Row(row, None, around), self._names) for row in rows]
        return made[0] if wanted.path.single and made else made

    def _extract(self, data: Any, one: Operation) -> Any:
        written = str(one.path or one.expression)
        found = self._projected(data, written)
        if found is None:
            self._notes.append(f"there is nothing at {written!r}")
        return found

    def _transform(self, data: Any, one: Operation) -> Any:
        assert one.expression is not None
        if is_path(one.expression):
            return self._projected(data, one.expression)
        return self._map(data, one)

    def _aggregate(self, data: Any, one: Operation) -> Any:
        items = data if isinstance(data, list) else [data]
        field = one.value_field or one.field
        if items and one.function in OF_NUMBERS and not any(map(is_number, column(items, field))):
            where = f"at {field!r} of the items" if field else "among the items"
            self._notes.append(f"there is no number {where}; 'value_field' names the field")
        if one.group_by is None:
            return aggregated(column(items, field), one.function)
        groups = grouped(items, one.group_by)
        return {
            name: aggregated(column(rows, field), one.function) for name, rows in groups.items()
        }

    def _join(self, data: Any, one: Operation) -> Any:
        assert one.join_key is not None
        left = data if isinstance(data, list) else [data]
        key = one.left_field or one.field or one.join_key
        rows = joined(left, self._joined, key, one.join_key, one.join_type)
        if isinstance(data, list) or one.join_type != "left":
            return rows
        return rows[0]

    def _group(self, data: Any, one: Operation) -> Any:
        field = one.key or one.field
        if field is None:
            raise UsageError("the operation 'group_by' needs the 'key' of the items")
        groups = grouped(data, field) if isinstance(data, list) else {"default": data}
        if one.aggregate is None:
            return groups
        specs = one.aggregate
        return {
            name: summary(rows if isinstance(rows, list) else [rows], specs)
            for name, rows in groups.items()
        }

    def _sort(self, data: Any, one: Operation) -> Any:
        keys = one.by or ((SortKey(field=one.field),) if one.field else ())
        return in_order(data, keys, one.order, value_at) if isinstance(data, list) else data

    def _unique(self, data: Any, one: Operation) -> Any:
        if not isinstance(data, list):
            return data
        fields = [key.field for key in one.by or ()] or ([one.field] if one.field else [])
        return distinct(data, fields)

    def _flatten(self, data: Any, one: Operation) -> Any:
        if not isinstance(data, list):
            return data
        items = data
        if one.field is not None:
            items = [found for item in data if (found := at(item, one.field)) is not None]
        for _ in range(one.depth):
            if not any(isinstance(item, list) for item in items):
                break
            items = [
                inner for item in items for inner in (item if isinstance(item, list) else [item])
            ]
        return items


def _takes_long(data: Any, one: Operation) -> bool:
    return one.operation in _OF_ANYTHING or (isinstance(data, list | dict) and len(data) > LARGE)


def _cased(name: str) -> Callable[[Any], Any]:
    change = str.upper if name == "uppercase" else str.lower
    return lambda value: change(value) if isinstance(value, str) else value


_OF_ANYTHING = ("extract", "query")
"""What can work on any data at `field`."""
_Change = Callable[[Table, Any, Operation], Any]
_CHANGES: Mapping[str, _Change] = {
    "filter": Table._filter,
    "map": Table._map,
    "aggregate": Table._aggregate,
    "join": Table._join,
    "group_by": Table._group,
    "sort": Table._sort,
    "unique": Table._unique,
    "flatten": Table._flatten,
    "extract": Table._extract,
    "query": Table._extract,
    "transform": Table._transform,
}
