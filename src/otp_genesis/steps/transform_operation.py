"""One operation of `data_transform` as it is written, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from otp_genesis.contracts.step import Params, StepNames
from otp_genesis.deferred import deferred
from otp_genesis.errors import GenesisError, did_you_mean
from otp_genesis.expr.template import has_template
from otp_genesis.steps.ordering import SortKeys
from otp_genesis.steps.sources import step_in_source
from otp_genesis.steps.transform_aggregating import Function, specified
from otp_genesis.steps.transform_expressions import row_expression
from otp_genesis.steps.transform_filtering import condition
from otp_genesis.steps.transform_joining import JoinType

if TYPE_CHECKING:
    from otp_genesis.steps import json_path
else:
    json_path = deferred("otp_genesis.steps.json_path")

Kind = Literal[
    "filter", "map", "aggregate", "join", "group_by", "sort", "unique", "flatten", "extract",
    "query", "transform",
]  # fmt: skip
_INSTEAD = {
    "validate": "data is held against a JSON Schema by the step's own key 'output_schema'",
}
CASES = ("uppercase", "lowercase")
_EVERYWHERE = ("field", "as")
_TAKES: Mapping[str, tuple[str, ...]] = {
    "filter": ("condition",),
    "map": ("mapping", "expression"),
    "aggregate": ("function", "value_field", "group_by"),
    "join": ("left_field", "right_source", "join_key", "join_type"),
    "group_by": ("key", "aggregate"),
    "sort": ("by", "order"),
    "unique": ("by",),
    "flatten": ("depth",),
    "extract": ("expression", "path"),
    "query": ("expression", "path"),
    "transform": ("expression",),
}
"""The keys of each operation, beside those that all have."""
_OWN_KEYS = sorted({key for keys in _TAKES.values() for key in keys})
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "filter": ("condition",),
    "map": ("mapping", "expression"),
    "join": ("join_key",),
    "group_by": ("field", "key"),
    "extract": ("expression", "path"),
    "query": ("expression", "path"),
    "transform": ("expression",),
}
"""Of these one must be there."""


def _checked_kind(kind: Any) -> Any:
    known = get_args(Kind)
    if isinstance(kind, str) and kind not in known and not has_template(kind):
        told = _INSTEAD.get(kind) or f"there is no operation {kind!r}{did_you_mean(kind, known)}"
        raise ValueError(told)
    return kind


def _checked_condition(source: str) -> str:
    return _known(source, condition)


def _checked_expression(source: str) -> str:
    if source in CASES:
        return source
    return _known(source, json_path.projection if is_path(source) else row_expression)


def _checked_path(source: str) -> str:
    return _known(source, json_path.projection)


def _checked_functions(specs: dict[str, str]) -> dict[str, str]:
    for spec in specs.values():
        if not has_template(spec):
            specified(spec)
    return specs


def _known(source: str, compile_it: Any) -> str:
    """Return what was written, unless it cannot be compiled; raise `ValueError`."""
    if not has_template(source):
        try:
            compile_it(source)
        except GenesisError as error:
            raise ValueError(str(error)) from None
    return source


def is_path(expression: str) -> bool:
    """Whether an expression is a JSONPath."""
    return expression.lstrip().startswith("$")


if TYPE_CHECKING:

    class _Named(Params):
        """What is put aside under a name."""
else:
    # `as` is no name that a class body can give a field.
    _Named = create_model(
        "_Named",
        __base__=Params,
        **{"as": (str | None, Field(None, description="The key that the result is put under."))},
    )


class Operation(_Named):
    """One thing that is done to the data, or to the list at `field` in it."""

    operation: Annotated[Kind, BeforeValidator(_checked_kind)]
    field: str | None = None
    """The dot path of the field in each item that is meant; where the data is a mapping, of the
    list in it that is worked on."""
    condition: Annotated[str, AfterValidator(_checked_condition)] | None = None
    """For `filter`: `field OPERATOR literal`, or any expression over the item's fields."""
    mapping: dict[Any, Any] | None = None
    """For `map`: what a field's value becomes, or what is added to each item where no field is
    named."""
    expression: Annotated[str, AfterValidator(_checked_expression)] | None = None
    """For `map` and `transform`: what each item becomes. For `extract` and `query`: a JSONPath."""
    path: Annotated[str, AfterValidator(_checked_path)] | None = None
    """For `extract` and `query`: the same as `expression`."""
    function: Function = "sum"
    value_field: str | None = None
    """For `aggregate`: the field of the items that is calculated with."""
    group_by: str | None = None
    """For `aggregate`: a field; each of its values gets a result of its own."""
    key: str | None = None
    """For `group_by`: the field of the items that says which group they are in."""
    aggregate: Annotated[dict[str, str], AfterValidator(_checked_functions)] | None = None
    """For `group_by`: what becomes of each group, such as `{total: sum(price), n: count}`."""
    left_field: str | None = None
    """For `join`: the field of the items; where the data is a mapping, the list in it."""
    right_source: Annotated[Any, StepNames(step_in_source)] = None
    """For `join`: a step, `previous_response:STEP.path`, `context:PATH`, or the data."""
    join_key: str | None = None
    join_type: JoinType = "left"
    by: SortKeys | None = None
    """For `sort` and `unique`: fields, as `a`, `a, b desc`, or a list of them."""
    order: Literal["asc", "desc"] = "asc"
    depth: int = Field(default=1, ge=1, le=100)
    """For `flatten`: how many lists within each other become one."""

    @property
    def target(self) -> str | None:
        """The key that the result is put under."""
        found: str | None = getattr(self, "as")
        return found

    @field_validator(*_OWN_KEYS)
    @classmethod
    def _belongs_here(cls, value: Any, info: ValidationInfo) -> Any:
        kind = info.data.get("operation")
        if kind is not None and value is not None and info.field_name not in _TAKES[kind]:
            takes = ", ".join(repr(key) for key in (*_EVERYWHERE, *_TAKES[kind]))
            raise ValueError(f"the operation {kind!r} has no such key; it takes {takes}")
        return value

    @model_validator(mode="after")
    def _has_its_keys(self) -> Operation:
        needed = _NEEDS.get(self.operation, ())
        if needed and all(getattr(self, key) is None for key in needed):
            said = " or ".join(map(repr, needed))
            raise ValueError(f"the operation {self.operation!r} needs a {said}")
        return self
