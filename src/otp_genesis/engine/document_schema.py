"""The JSON Schema of a whole pipeline document, for editors.

Draft 7, because that is what the YAML language server reads best. A value that may be a template
may always be a text with `{{` in it; what only `check` can know (references, nested scopes) is not
in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from otp_genesis.contracts.params_schema import params_schema
from otp_genesis.contracts.step import Block, Condition, PipelineFile, PipelineRef, deferred_kind
from otp_genesis.contracts.step_type import StepType
from otp_genesis.model.budget import Budget
from otp_genesis.model.pipeline import CodebaseSpec, Input, StepSettings

DIALECT = "http://json-schema.org/draft-07/schema#"
_TEMPLATE = {"$ref": "#/definitions/template"}
_STEPS = {"type": "array", "items": {"$ref": "#/definitions/step"}}
_CONDITION = {"type": ["string", "boolean", "null"]}
_NAME = {"type": "string", "minLength": 1, "description": "Unique among the steps beside it."}


def document_schema(
    kinds: Iterable[StepType[Any]], aliases: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the schema of documents whose steps are of these types.

    `aliases` are other names of types, each with the type's own name.
    """
    known = sorted(kinds, key=lambda kind: kind.name)
    definitions: dict[str, Any] = {
        "template": {"type": "string", "pattern": r"\{[{%]", "description": "a template"},
        "workflow": _workflow(),
    }
    named = {kind.name: kind for kind in known}
    for kind in known:
        definitions[f"step.{kind.name}"] = _step(kind, definitions)
    also = {name: of for name, of in (aliases or {}).items() if of in named}
    definitions["step"] = _any_step(named, also)
    return {
        "$schema": DIALECT,
        "title": "Pipeline",
        "description": "A pipeline document of OTP-Genesis.",
        "type": "object",
        "if": {"required": ["workflow"]},
        "then": {
            "properties": {"workflow": {"$ref": "#/definitions/workflow"}},
            "patternProperties": {"^x-": {}},
            "additionalProperties": False,
        },
        "else": {"$ref": "#/definitions/workflow"},
        "definitions": definitions,
    }


def _any_step(named: Mapping[str, StepType[Any]], aliases: Mapping[str, str]) -> dict[str, Any]:
    choices = [
        {"const": name, "description": kind.metadata.description} for name, kind in named.items()
    ] + [{"const": name, "description": f"Another name of {of}."} for name, of in aliases.items()]
    types = {**{name: name for name in named}, **aliases}
    return {
        "type": "object",
        "required": ["name", "type"],
        "properties": {"name": _NAME, "type": {"anyOf": choices}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"$ref": f"#/definitions/step.{of}"},
            }
            for name, of in types.items()
        ],
    }


def _step(kind: StepType[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    common = StepSettings.model_json_schema()["properties"]
    properties = {name: _open(_untitled(schema)) for name, schema in common.items()}
    properties["condition"] = {**_CONDITION, "description": properties["condition"]["description"]}
    schema = _rebased(params_schema(kind.params), kind.name, definitions)
    for name, info in kind.params.model_fields.items():
        if kind.pipeline is not None and name == "body":
            continue
        deferred, mapped = deferred_kind(info.annotation)
        if deferred is None:
            properties[name] = _open(_untitled(schema["properties"][name]))
        else:
            properties[name] = _deferred(deferred, mapped, info.description)
    properties["name"], properties["type"] = _NAME, {"type": "string"}
    return {
        "description": kind.metadata.description,
        "properties": properties,
        "required": ["name", "type", *kind.required_fields],
        "additionalProperties": False,
    }


def _deferred(kind: type[Any], mapped: bool, description: str | None) -> dict[str, Any]:
    if kind is Condition:
        schema: dict[str, Any] = dict(_CONDITION)
    elif kind is PipelineRef:
        schema = {"type": ["string", "null"]}
    elif kind is PipelineFile:
        document = {"$ref": "#/definitions/workflow"}
        rooted = {"type": "object", "properties": {"workflow": document}, "required": ["workflow"]}
        schema = {"anyOf": [{"type": ["string", "null"]}, rooted, document]}
    else:
        assert kind is Block
        schema = {**_STEPS, "type": ["array", "null"]}
    if mapped:
        schema = {"type": ["object", "null"], "additionalProperties": schema}
    return {**schema, "description": description} if description else schema


def _workflow() -> dict[str, Any]:
    any_map = {"type": ["object", "null"]}
    names = {"type": ["array", "null"], "items": {"type": "string"}}
    declared = _untitled(Input.model_json_schema())
    codebase = _untitled(CodebaseSpec.model_json_schema())
    text = {"type": ["string", "number", "null"]}
    properties: dict[str, Any] = {
        "name": {**text, "description": "What runs and step types made of it are called."},
        "description": text,
        "version": text,
        "strict": {
            "type": ["boolean", "null"],
            "description": "Whether expressions must say `steps.`, `state.`, `inputs.`.",
        },
        "inputs": {
            **any_map,
            "additionalProperties": {"anyOf": [declared, {"not": {"type": "object"}}]},
        },
        "outputs": any_map,
        "output_schema": any_map,
        "variables": any_map,
        "env": {**names, "description": "Environment variables that expressions may read."},
        "requires": {**names, "description": "otp-genesis and plugins, as `NAME>=VERSION`."},
        "provider_strategy": text,
        "budget": {"anyOf": [_untitled(Budget.model_json_schema()), {"type": "null"}]},
        "codebase": {"anyOf": [codebase, {"type": "null"}]},
        "metadata": {},
        "steps": {**_STEPS, "minItems": 1},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": ["steps"],
        "additionalProperties": False,
    }


def _rebased(schema: dict[str, Any], name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Move what a model defines beside its fields to where the whole document has it."""
    inner = schema.pop("$defs", {})
    for key, value in inner.items():
        definitions[f"{name}/{key}".replace("/", ".")] = _open(_moved(_untitled(value), name))
    moved: dict[str, Any] = _moved(schema, name)
    return moved


def _moved(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            key = reference.removeprefix("#/$defs/")
            return {**value, "$ref": f"#/definitions/{name}.{key}"}
        return {key: _moved(one, name) for key, one in value.items()}
    return [_moved(one, name) for one in value] if isinstance(value, list) else value


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """Take the titles away that pydantic makes of names: an editor would show them."""
    told = {key: value for key, value in schema.items() if key != "title"}
    if isinstance(fields := told.get("properties"), dict):
        told["properties"] = {key: _untitled(one) for key, one in fields.items()}
    return told


def _open(schema: dict[str, Any]) -> dict[str, Any]:
    """Let a template stand wherever a value may."""
    inner = dict(schema)
    for key in ("properties", "patternProperties"):
        if isinstance(inner.get(key), dict):
            inner[key] = {name: _open(one) for name, one in inner[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(inner.get(key), dict):
            inner[key] = _open(inner[key])
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(inner.get(key), list):
            inner[key] = [_open(one) if isinstance(one, dict) else one for one in inner[key]]
    if not inner or (inner.get("type") == "string" and not inner.keys() & {"enum", "pattern"}):
        return inner
    told: dict[str, Any] = {}
    for key in ("description", "default"):
        if key in inner:
            told[key] = inner.pop(key)
    return {**told, "anyOf": [inner, _TEMPLATE]} if inner else told
