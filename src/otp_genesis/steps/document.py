"""A pipeline document as a step type: its declared inputs are the type's parameters."""

from __future__ import annotations

from typing import Any

from pydantic import Field, create_model

from otp_genesis.contracts.step import Context, Params, PipelineFile
from otp_genesis.contracts.step_type import StepMetadata, StepType
from otp_genesis.errors import InvalidEntry
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.model.pipeline import Pipeline

_TYPES: dict[str, Any] = {
    "string": str, "integer": int, "number": float, "boolean": bool, "array": list[Any],
    "object": dict[str, Any], "any": Any,
}  # fmt: skip


async def run_document(block: PipelineFile, given: dict[str, Any], ctx: Context) -> Outcome:
    """Run a document as a step: its declared inputs are checked, its variables stay its own."""
    complaint, inputs = block.program.pipeline.take_inputs(given, nested=True)
    if complaint:
        return Failed(error=complaint)
    outcome = await ctx.run_block(block, block.program.pipeline.name, inputs=inputs)
    if isinstance(outcome, Ok):
        return outcome.model_copy(update={"variables": {}})
    return outcome


def document_type(
    pipeline: Pipeline, *, origin: str = "code", name: str | None = None
) -> StepType[Any]:
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
        version=pipeline.version or "1",
        origin=origin,
        file=pipeline.document.file,
        output_schema=pipeline.output_schema,
    )
    return StepType(name, params, run, metadata=metadata, pipeline=pipeline)
