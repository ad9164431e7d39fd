"""Which keys of a step, as it is written, are marked as `NoEffect`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from otp_genesis.contracts.step import NoEffect

Place = tuple[str | int, ...]


def ineffective(model: type[BaseModel], written: Any) -> Iterator[tuple[Place, str]]:
    """Yield each key that changes nothing, with its place below the step and the reason."""
    if not isinstance(written, Mapping):
        return
    for name, info in model.model_fields.items():
        key = next((one for one in _spellings(name, info) if one in written), None)
        if key is None or written[key] is None:
            continue
        mark = next((one for one in info.metadata if isinstance(one, NoEffect)), None)
        if mark is not None:
            yield (key,), mark.why
            continue
        for place, why in _within(info.annotation, written[key]):
            yield (key, *place), why


def _spellings(name: str, info: FieldInfo) -> Iterator[str]:
    yield name
    if info.alias is not None:
        yield info.alias
    if isinstance(info.validation_alias, AliasChoices):
        yield from (str(choice) for choice in info.validation_alias.choices)


def _within(annotation: Any, value: Any) -> Iterator[tuple[Place, str]]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if _is_meant(annotation, value):
            yield from ineffective(annotation, value)
    elif origin is dict and isinstance(value, Mapping):
        for key, item in value.items():
            yield from (((key, *place), why) for place, why in _within(arguments[1], item))
    elif origin in (list, tuple) and isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from (((index, *place), why) for place, why in _within(arguments[0], item))
    elif origin is Annotated:
        yield from _within(arguments[0], value)
    elif origin in (Union, UnionType):
        for one in arguments:
            yield from _within(one, value)


def _is_meant(model: type[BaseModel], value: Any) -> bool:
    """Whether a mapping says, by its `type`, that it is of this model, or says nothing."""
    kind = model.model_fields.get("type")
    if kind is None or get_origin(kind.annotation) is not Literal:
        return True
    return not isinstance(value, Mapping) or value.get("type") in get_args(kind.annotation)
