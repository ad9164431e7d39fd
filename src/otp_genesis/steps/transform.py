"""The older step type that filters, maps, joins, groups, sorts and counts data."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from otp_genesis.contracts.step import Context, NoEffect, Params, StepNames
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import UsageError
from otp_genesis.expr.environment import as_text
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.steps.asking import now, step_name
from otp_genesis.steps.ineffective import tell_ineffective, warn
from otp_genesis.steps.ordering import order, strictly
from otp_genesis.steps.prompting import value_text
from otp_genesis.steps.sources import PREVIOUS, data_of, step_in_source

_LITERAL = re.compile(r"-?\d+(\.\d+)?")
_WORDS = {"true": True, "false": False, "null": None, "nil": None}
Function = Literal["sum", "average", "count", "max", "min", "first", "last", "unique"]


class Operation(Params):
    """One thing that is done to the whole data."""

    operation: Literal["filter", "map", "aggregate", "join", "group_by", "sort"]
    field: str | None = None
    """The dot path of the field in each item that is meant."""
    condition: str | None = None
    """For `filter`: `field OPERATOR literal`, with `==`, `!=`, `>=`, `<=`, `>`, `<`, `contains`."""
    mapping: dict[Any, Any] | None = None
    """For `map`: what a field's value becomes, or what is added to each item where no field is
    named."""
    expression: Literal["uppercase", "lowercase"] | None = None
    function: Function = "sum"
    left_field: str | None = None
    right_source: Any = None
    """For `join`: a step, `previous_response:STEP`, `context:PATH`, or the data."""
    join_key: str | None = None
    order: Literal["asc", "desc"] = "asc"


class Lazy(Params):
    """What large data was read by."""

    enabled: bool = False


class DataTransform(Params):
    """Parameters of `data_transform`."""

    input_source: Annotated[Any, StepNames(step_in_source), Field(...)]
    """A variable or a step, `previous_response:STEP:path`, `context:PATH`, or the data."""
    operations: tuple[Operation, ...] = ()
    output_field: str | None = None
    """The key of the result that the data is under; the step's name without it."""
    output_format: Literal["json", "string", "count", "none"] = "none"
    """What becomes of the data: JSON as text, text, the number of its items, nothing."""
    lazy: Annotated[Lazy | None, NoEffect("all data is transformed in the same way")] = None


@step(
    "data_transform",
    capabilities={"data"},
    examples=(
        "- {name: few, type: data_transform, input_source: '{{ [3, 1, 2] }}',"
        " operations: [{operation: filter, condition: value > 1}]}",
    ),
)
async def data_transform(params: DataTransform, ctx: Context) -> Outcome:
    """Change data in steps; the result holds it under `output_field`, and `metadata`."""
    await tell_ineffective(params, ctx)
    given = data_of(params.input_source, ctx)
    data = await operated(given, params.operations, ctx)
    output = _formatted(data, params.output_format)
    metadata = {
        "operation_count": len(params.operations),
        "input_type": kind_of(given),
        "output_type": kind_of(output),
        "processed_at": now(),
    }
    return Ok(output={params.output_field or step_name(ctx): output, "metadata": metadata})


async def operated(data: Any, operations: Iterable[Operation], ctx: Context) -> Any:
    """Return what operations make of the data in turn; raise `UsageError` where one cannot."""
    for one in operations:
        right = await _right(one, ctx) if one.operation == "join" else None
        data = transformed(data, one, right)
    return data


async def _right(one: Operation, ctx: Context) -> list[Any]:
    """Return what is joined; a source that is not there is an empty one, and its author told."""
    source = one.right_source
    if isinstance(source, str):
        name = source.removeprefix(PREVIOUS)
        if name in ctx.scope.steps:
            source = ctx.scope.steps[name]
        else:
            try:
                source = None if source.startswith(PREVIOUS) else data_of(source, ctx)
            except UsageError:
                source = None
        if source is None:
            await warn(ctx, "join", f"there is no {one.right_source!r} to join; nothing is added")
    return source if isinstance(source, list) else [source]


def transformed(data: Any, one: Operation, right: list[Any] | None = None) -> Any:
    """Return what an operation makes of the data; raise `UsageError` where it cannot."""
    match one.operation:
        case "filter":
            return _filtered(data, one)
        case "map":
            return [_mapped(x, one) for x in data] if _is_list(data) else _mapped(data, one)
        case "aggregate":
            return _aggregated(data, one)
        case "join":
            return _joined(data, one, right or [])
        case "group_by":
            return _grouped(data, one)
    if one.field is None or not _is_list(data):
        return data
    field = one.field
    return sorted(data, key=lambda item: order(at(item, field)), reverse=one.order == "desc")


def _is_list(data: Any) -> bool:
    return isinstance(data, list)


def at(item: Any, path: str) -> Any:
    """Return what is at a dot path through mappings, or nothing."""
    for key in path.split("."):
        if not isinstance(item, Mapping):
            return None
        item = item.get(key)
    return item


def _filtered(data: Any, one: Operation) -> Any:
    if not one.condition:
        raise UsageError("the operation 'filter' needs a 'condition'")
    condition = one.condition
    if _is_list(data):
        return [item for item in data if holds(item, one.field, condition)]
    return data if holds(data, one.field, condition) else None


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return isinstance(left, list) and strictly(right) in map(strictly, left)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: compare(order(left), order(right))


# The first of these that stands in a condition is its operator.
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _compared(operator.eq),
    "!=": _compared(operator.ne),
    ">=": _compared(operator.ge),
    "<=": _compared(operator.le),
    ">": _compared(operator.gt),
    "<": _compared(operator.lt),
    " contains ": _contains,
}


def holds(item: Any, field: str | None, condition: str) -> bool:
    """Whether an item satisfies a condition of `filter`."""
    value = item if field is None else at(item, field)
    for sign, compare in _OPERATORS.items():
        if sign in condition:
            left, right = condition.split(sign, 1)
            return compare(_left(left.strip(), item, value), _literal(right.strip()))
    return _left(condition.strip(), item, value) not in (None, False)


def _left(name: str, item: Any, value: Any) -> Any:
    """Return the field of the item that is meant, or else the value that is looked at."""
    found = None if name == "value" else at(item, name)
    return value if found is None or found is False else found


def _literal(text: str) -> Any:
    if text[:1] in ("'", '"') and text[-1:] == text[:1] and len(text) > 1:
        return text[1:-1]
    if number := _LITERAL.fullmatch(text):
        return float(text) if number[1] else int(text)
    return _WORDS.get(text, text)


def _mapped(item: Any, one: Operation) -> Any:
    if one.field is None:
        return {**item, **(one.mapping or {})} if isinstance(item, dict) else item
    if not isinstance(item, dict):
        return item
    now_there = at(item, one.field)
    if one.mapping is not None:
        known = {as_text(key): value for key, value in one.mapping.items()}
        return _put(item, one.field.split("."), known.get(as_text(now_there), now_there))
    if one.expression is None or not isinstance(now_there, str):
        return item
    changed = now_there.upper() if one.expression == "uppercase" else now_there.lower()
    return _put(item, one.field.split("."), changed)


def _put(item: Any, path: list[str], value: Any) -> dict[str, Any]:
    inner = item if isinstance(item, dict) else {}
    key, rest = path[0], path[1:]
    return {**inner, key: _put(inner.get(key), rest, value) if rest else value}


def _aggregated(data: Any, one: Operation) -> Any:
    items = data if _is_list(data) else [data]
    values = [item if one.field is None else at(item, one.field) for item in items]
    numbers = [x for x in values if isinstance(x, int | float) and not isinstance(x, bool)]
    match one.function:
        case "count":
            return sum(1 for value in values if value is not None)
        case "first":
            return values[0] if values else None
        case "last":
            return values[-1] if values else None
        case "unique":
            return _unique(values)
        case "sum":
            return sum(numbers)
        case "average":
            return sum(numbers) / len(numbers) if numbers else 0
    return (max if one.function == "max" else min)(numbers, default=0)


def _unique(values: list[Any]) -> list[Any]:
    first: dict[Any, Any] = {}
    for value in values:
        first.setdefault(strictly(value), value)
    return list(first.values())


def _joined(data: Any, one: Operation, right: list[Any]) -> Any:
    if one.join_key is None:
        raise UsageError("the operation 'join' needs a 'join_key'")
    key, left = one.join_key, one.left_field or one.join_key
    found: dict[Any, Any] = {}
    for item in right:
        if isinstance(item, dict):
            found.setdefault(order(at(item, key)), item)

    def join(item: Any) -> Any:
        if not isinstance(item, dict):
            return item
        return {**item, **found.get(order(at(item, left)), {})}

    return [join(item) for item in data] if _is_list(data) else join(data)


def _grouped(data: Any, one: Operation) -> Any:
    if one.field is None:
        raise UsageError("the operation 'group_by' needs a 'field'")
    if not _is_list(data):
        return {"default": data}
    groups: dict[str, list[Any]] = {}
    for item in data:
        key = at(item, one.field)
        if isinstance(key, dict | list):
            raise UsageError(f"cannot group by {one.field!r}: {kind_of(key)} is no name of a group")
        groups.setdefault(as_text(key), []).append(item)
    return groups


def _formatted(data: Any, kind: str) -> Any:
    match kind:
        case "json":
            return json.dumps(data, ensure_ascii=False)
        case "string":
            return "" if data is None else value_text(data)
        case "count":
            return len(data) if _is_list(data) else 1
    return data


def kind_of(value: Any) -> str:
    """Return what kind of data a value is, by the names that results hold."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
    return "list" if isinstance(value, list) else "map"


STEPS = (data_transform,)
"""The module's types."""
