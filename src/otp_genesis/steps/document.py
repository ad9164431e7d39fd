"""A pipeline document as a step type: its declared inputs are the type's parameters."""

from __future__ import annotations

from typing import Any

from pydantic import Field, create_model

from otp_genesis.contracts.step import (
    Context,
    Params,
    PipelineFile,
    StepMetadata,
    StepType,
)
from otp_genesis.errors import InvalidEntry
from otp_genesis.model.outcome import Outcome
from otp_genesis.model.pipeline import Pipeline
from otp_genesis.steps.control import run_document

_TYPES: dict[str, Any] = {
    "string": str, "integer": int, "number": float, "boolean": bool, "array": list[Any],
    "object": dict[str, Any], "any": Any,
}  # fmt: skip


def document_type(pipeline: Pipeline, *, origin: str, name: str | None = None) -> StepType[Any]:
    """Return the step type that runs `pipeline`, under its workflow's name.

    Raises `InvalidEntry` where an input has a name that a step uses for itself.
    """
    name = name or pipeline.name
    fields: dict[str, Any] = {}
    for key, declared in pipeline.inputs.items():
        if key in ("name", "type", "body", "condition"):
            raise InvalidEntry(f"pipeline {name!r}: an input cannot be named {key!r}")
        kind = _TYPES[declared.type]
        required = declared.must_be_given
        field = Field(... if required else declared.default, description=declared.description)
        fields[key] = (kind if required else kind | None, field)
    fields["body"] = (PipelineFile, Field(exclude=True))
    params = create_model(f"{name}_params", __base__=Params, **fields)

    async def run(given: Any, ctx: Context) -> Outcome:
        inputs = {key: getattr(given, key) for key in pipeline.inputs}
        return await run_document(given.body, inputs, ctx)

    metadata = StepMetadata(
        description=pipeline.description or f"The pipeline {name}.",
        required_fields=tuple(k for k, one in pipeline.inputs.items() if one.must_be_given),
        optional_fields=tuple(k for k, one in pipeline.inputs.items() if not one.must_be_given),
        version=pipeline.version or "1",
        origin=origin,
    )
    return StepType(name, params, run, metadata=metadata, pipeline=pipeline)
