"""The JSON Schema of a params model, quickly.

pydantic writes the schema of any model, a ten-field one in about a millisecond. Registering one
type of thousands is to take less: here the schema of each kind of annotation is asked of pydantic
once and kept, and a model's is put together from those. A model that holds other models, or that
says something of itself beside its fields, is left to pydantic whole.
"""

from __future__ import annotations

from functools import lru_cache
from inspect import cleandoc
from typing import Annotated, Any

from pydantic import BaseModel, PydanticSchemaGenerationError, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from otp_genesis.contracts.step import Params


def params_schema(model: type[Params]) -> dict[str, Any]:
    """Return what `model.model_json_schema()` returns; raise what that raises."""
    if not _is_plain(model):
        return model.model_json_schema()
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, info in model.model_fields.items():
        schema = _field(name, info)
        if schema is None:
            return model.model_json_schema()
        properties[name] = schema
        if info.is_required():
            required.append(name)
    told: dict[str, Any] = {"additionalProperties": False}
    if (doc := model.__dict__.get("__doc__")) is not None:
        told["description"] = cleandoc(doc)
    told |= {"properties": properties, "title": model.__name__, "type": "object"}
    return {**told, "required": required} if required else told


def _is_plain(model: type[Params]) -> bool:
    """Whether the model says nothing of its schema beside its fields."""
    config = model.model_config
    return (
        config.get("extra") == "forbid"
        and not config.keys() & {"json_schema_extra", "title", "alias_generator"}
        and "__get_pydantic_json_schema__" not in model.__dict__
        and model.__get_pydantic_core_schema__.__func__  # type: ignore[attr-defined]
        is BaseModel.__get_pydantic_core_schema__.__func__  # type: ignore[attr-defined]
    )


def _field(name: str, info: FieldInfo) -> dict[str, Any] | None:
    """Return the schema of one field, or nothing where pydantic must be asked for the whole."""
    if info.alias or info.validation_alias or info.json_schema_extra or info.title:
        return None
    if info.deprecated or info.discriminator or info.examples:
        return None
    try:
        annotation: Any = info.annotation
        known = _of_annotation(annotation, tuple(info.metadata))
    except TypeError:
        # Something about it cannot be remembered.
        return None
    if known is None:
        return None
    schema = dict(known)
    default = info.get_default(call_default_factory=False)
    if default is not PydanticUndefined and info.default_factory is None:
        if not _is_json(default):
            return None
        schema["default"] = default
    if info.description is not None:
        schema["description"] = info.description
    schema["title"] = name.title().replace("_", " ").strip()
    return schema


@lru_cache(maxsize=2048)
def _of_annotation(annotation: Any, metadata: tuple[Any, ...]) -> dict[str, Any] | None:
    """Return the schema of an annotation, or nothing where it is more than a plain one."""
    whole = annotation
    for mark in metadata:
        whole = Annotated[whole, mark]
    try:
        schema: dict[str, Any] = TypeAdapter(whole).json_schema()
    except (PydanticSchemaGenerationError, ValueError):
        return None
    # References lead to other models; a title of its own hides the field's.
    return None if {"$ref", "$defs", "title"} & schema.keys() else schema


def _is_json(value: Any) -> bool:
    match value:
        case None | bool() | int() | str():
            return True
        case float():
            return value == value and abs(value) != float("inf")
        case list():
            return all(_is_json(one) for one in value)
        case dict():
            return all(isinstance(k, str) and _is_json(one) for k, one in value.items())
    return False
