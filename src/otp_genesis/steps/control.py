"""Steps that run other steps. They ask the context; the engine stays the only dispatcher."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import Field, model_validator

from otp_genesis.contracts.step import (
    Bare,
    Block,
    Concurrent,
    Context,
    Params,
    PipelineFile,
)
from otp_genesis.contracts.step_type import step
from otp_genesis.expr.environment import as_text
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.steps.document import run_document
from otp_genesis.steps.side_by_side import side_by_side


class Switch(Params):
    """Parameters of `switch`."""

    expression: Annotated[Any, Bare()]
    """What decides; its text is looked up among the cases."""
    cases: dict[str, Block]
    default: Block | None = None


@step("switch", capabilities={"control_flow"})
async def switch(params: Switch, ctx: Context) -> Outcome:
    """Run the steps of the case that the expression names, or those of `default`."""
    chosen = as_text(params.expression)
    block = params.cases.get(chosen, params.default)
    if block is None:
        return Ok(output={"case": None, "value": chosen, "results": {}})
    case = chosen if chosen in params.cases else "default"
    outcome = await ctx.run_block(block, case)
    if not isinstance(outcome, Ok):
        return outcome
    output = {"case": case, "value": chosen, "results": outcome.output}
    return outcome.model_copy(update={"output": output})


class Parallel(Params):
    """Parameters of `parallel`."""

    branches: Annotated[dict[str, Block], Concurrent()]
    max_parallel: int = Field(default=10, ge=1, le=1000)


@step("parallel", capabilities={"control_flow"})
async def parallel(params: Parallel, ctx: Context) -> Outcome:
    """Run the branches side by side; the result maps each to its steps' results."""
    room = asyncio.Semaphore(params.max_parallel)

    async def one(name: str, block: Block) -> Outcome:
        async with room:
            return await ctx.run_block(block, name)

    outcomes = await side_by_side(one(name, block) for name, block in params.branches.items())
    results: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    for name, outcome in zip(params.branches, outcomes, strict=True):
        if isinstance(outcome, Failed):
            return outcome.model_copy(update={"error": f"branch {name!r}: {outcome.error}"})
        if not isinstance(outcome, Ok):
            return outcome
        results[name] = outcome.output
        variables |= outcome.variables
    return Ok(output=results, variables=variables)


class Nested(Params):
    """Parameters of `pipeline`: one of `pipeline_file` and `pipeline`."""

    pipeline_file: PipelineFile | None = None
    """Path of a document, beside this one."""
    pipeline: PipelineFile | None = None
    """A document written here."""
    inputs: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_source(self) -> Nested:
        if (self.pipeline_file is None) == (self.pipeline is None):
            raise ValueError("give one of 'pipeline_file' and 'pipeline'")
        return self


@step("pipeline", capabilities={"control_flow"})
async def pipeline(params: Nested, ctx: Context) -> Outcome:
    """Run another document with `inputs`; the result is its outputs, or all its results."""
    block = params.pipeline_file or params.pipeline
    assert block is not None
    return await run_document(block, params.inputs, ctx)


STEPS = (switch, parallel, pipeline)
