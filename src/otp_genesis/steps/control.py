"""Steps that run other steps. They ask the context; the engine stays the only dispatcher."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from otp_genesis.contracts.step import (
    Bare,
    Block,
    Concurrent,
    Context,
    NoEffect,
    Params,
    PipelineFile,
    PipelineRef,
)
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import UsageError
from otp_genesis.expr.environment import as_text
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.steps.document import run_document
from otp_genesis.steps.picking import picked
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


class Extract(Params):
    """One result of a nested pipeline under a name of its own."""

    model_config = ConfigDict(populate_by_name=True)

    path: str
    """A step's name, and fields and indexes of its result: `step.items[0].name`."""
    name: str | None = Field(default=None, alias="as")
    """What it is called; the path itself without it."""


class NestedConfig(Params):
    """How a nested pipeline is run."""

    timeout_seconds: float | None = Field(default=None, gt=0)
    """Seconds that it may take."""
    max_depth: int | None = Field(default=None, ge=1)
    """How many pipelines may be within each other, this one counted."""
    inherit_context: bool = False
    """Whether it sees the inputs of the pipeline around it, where it is given none."""
    max_total_steps: Annotated[
        int | None, NoEffect("loops have limits of their own: max_iterations")
    ] = None
    memory_limit_mb: Annotated[
        int | None, NoEffect("what a program may take is limited where it is run")
    ] = None
    workspace_enabled: Annotated[
        bool | None, NoEffect("a nested pipeline works in the workspace of the run")
    ] = None
    cleanup_on_error: Annotated[bool | None, NoEffect("nothing is left to clean up")] = None


class Nested(Params):
    """Parameters of `pipeline`: one of `pipeline_file`, `pipeline` and `pipeline_ref`."""

    pipeline_file: PipelineFile | None = None
    """Path of a document, beside this one."""
    pipeline: PipelineFile | None = None
    """A document written here."""
    pipeline_ref: PipelineRef | None = None
    """The name of a document that is registered as a step type."""
    inputs: dict[str, Any] = {}
    outputs: list[str | Extract] | None = None
    """Which of its results are this step's: `STEP`, or `{path: STEP.field, as: NAME}`; all of them
    without it."""
    config: NestedConfig = NestedConfig()

    @model_validator(mode="after")
    def _one_source(self) -> Nested:
        given = (self.pipeline_file, self.pipeline, self.pipeline_ref)
        if sum(one is not None for one in given) != 1:
            raise ValueError("give one of 'pipeline_file', 'pipeline' and 'pipeline_ref'")
        return self


@step("pipeline", capabilities={"control_flow"})
async def pipeline(params: Nested, ctx: Context) -> Outcome:
    """Run another document with `inputs`; the result is its outputs, or all its results."""
    block = params.pipeline_file or params.pipeline or params.pipeline_ref
    assert block is not None
    config = params.config
    if config.max_depth is not None and (depth := _depth(block.program)) > config.max_depth:
        return Failed(error=f"{depth} pipelines within each other; max_depth is {config.max_depth}")
    inputs = params.inputs
    if config.inherit_context and not inputs:
        inputs = {**ctx.scope.inputs}
    limit = config.timeout_seconds
    try:
        async with asyncio.timeout(limit) if limit else nullcontext():
            outcome = await run_document(block, inputs, ctx)
    except TimeoutError:
        return Failed(error=f"the pipeline did not end within {limit:g} s")
    if isinstance(outcome, Ok) and params.outputs is not None:
        return _extracted(outcome, params.outputs)
    return outcome


def _depth(program: Any) -> int:
    """Return how many documents are within each other, from this one on."""
    deepest = 0
    for bound in program.steps:
        for inner in bound.blocks:
            deepest = max(deepest, _depth(inner))
    return deepest + (1 if program.own_scope else 0)


def _extracted(outcome: Ok, wanted: list[str | Extract]) -> Outcome:
    found: dict[str, Any] = {}
    for one in wanted:
        path, name = (one, one) if isinstance(one, str) else (one.path, one.name or one.path)
        try:
            found[name] = picked(outcome.output, path)
        except UsageError as error:
            return Failed(error=f"output {path!r}: {error}", output=outcome.output)
    return outcome.model_copy(update={"output": found})


STEPS = (switch, parallel, pipeline)
