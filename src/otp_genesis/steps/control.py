"""Steps that run other steps. They ask the context; the engine stays the only dispatcher."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from otp_genesis.contracts.step import (
    Bare,
    Block,
    Brings,
    Concurrent,
    Condition,
    Context,
    Params,
    PipelineFile,
)
from otp_genesis.contracts.step_type import step
from otp_genesis.expr.environment import as_text
from otp_genesis.expr.scope import ROOTS
from otp_genesis.model.outcome import Failed, Ok, Outcome, Suspended
from otp_genesis.steps.document import run_document
from otp_genesis.steps.side_by_side import side_by_side


class ForLoop(Params):
    """Parameters of `for_loop`."""

    data_source: list[Any]
    """The items."""
    steps: Annotated[Block, Brings(("loop",), ("iterator",)), Concurrent("parallel")]
    iterator: str = "item"
    """The name that the steps see the item under, beside `loop.item`."""
    parallel: bool = False
    max_parallel: int = Field(default=5, ge=1, le=1000)
    break_on_error: bool = True
    """Whether a failed item fails the loop; else it is noted, and the next one begins."""

    @field_validator("iterator")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in ROOTS:
            raise ValueError(f"cannot be {name!r}: expressions mean something else by it")
        return name


@step("for_loop", capabilities={"control_flow"})
async def for_loop(params: ForLoop, ctx: Context) -> Outcome:
    """Run the nested steps once for each item, in order or, with `parallel`, side by side."""
    if params.parallel:
        return await _for_parallel(params, ctx)
    return await _for_sequential(params, ctx)


async def _for_sequential(params: ForLoop, ctx: Context) -> Outcome:
    iterations: list[dict[str, Any]] = []
    done = Ok()
    previous: Any = None
    for index in range(len(params.data_source)):
        local = _turn(params, ctx, index, previous)
        outcome = await ctx.run_block(params.steps, str(index), after=done, local=local)
        if isinstance(outcome, Suspended):
            return outcome
        iterations.append(_iteration(params, index, outcome))
        if isinstance(outcome, Ok):
            variables = {**done.variables, **outcome.variables}
            done = Ok(variables=variables, revision=outcome.revision or done.revision)
            previous = outcome.output
        elif isinstance(outcome, Failed) and params.break_on_error:
            return _broken(params, iterations, outcome)
    return done.model_copy(update={"output": _summary(params, iterations)})


async def _for_parallel(params: ForLoop, ctx: Context) -> Outcome:
    room = asyncio.Semaphore(params.max_parallel)
    stop = asyncio.Event()

    async def one(index: int) -> Outcome | None:
        async with room:
            if stop.is_set():
                return None
            local = _turn(params, ctx, index, None)
            outcome = await ctx.run_block(params.steps, str(index), local=local)
            if isinstance(outcome, Failed) and params.break_on_error:
                stop.set()
            return outcome

    outcomes = await side_by_side(one(index) for index in range(len(params.data_source)))
    begun = [(index, outcome) for index, outcome in enumerate(outcomes) if outcome is not None]
    iterations = [_iteration(params, index, outcome) for index, outcome in begun]
    for _, outcome in begun:
        if isinstance(outcome, Suspended):
            return outcome
        if isinstance(outcome, Failed) and params.break_on_error:
            return _broken(params, iterations, outcome)
    summary = _summary(params, iterations)
    return Ok(output={**summary, "parallel": True, "max_parallel": params.max_parallel})


def _turn(params: ForLoop, ctx: Context, index: int, previous: Any) -> dict[str, Any]:
    item, total = params.data_source[index], len(params.data_source)
    loop = {
        params.iterator: item,
        "item": item,
        "index": index,
        "total": total,
        "first": index == 0,
        "last": index == total - 1,
        "previous": previous,
        "parent": ctx.scope.local.get("loop"),
    }
    return {"loop": loop, params.iterator: item}


def _iteration(params: ForLoop, index: int, outcome: Outcome) -> dict[str, Any]:
    row = {"index": index, "item": params.data_source[index]}
    if isinstance(outcome, Ok):
        return {**row, "success": True, "results": outcome.output}
    return {**row, "success": False, "error": getattr(outcome, "error", None)}


def _summary(params: ForLoop, iterations: list[dict[str, Any]]) -> dict[str, Any]:
    completed = sum(1 for row in iterations if row["success"])
    return {
        "iterations": iterations,
        "success": completed == len(params.data_source),
        "total_items": len(params.data_source),
        "completed_items": completed,
    }


def _broken(params: ForLoop, iterations: list[dict[str, Any]], outcome: Failed) -> Failed:
    at = iterations[-1]["index"] if not params.parallel else "one"
    return Failed(
        error=f"item {at}: {outcome.error}", output=_summary(params, iterations), path=outcome.path
    )


class WhileLoop(Params):
    """Parameters of `while_loop`."""

    condition: Annotated[Condition, Brings(("loop",))]
    """Asked before each iteration; it sees `loop.first`, `loop.index` and `loop.previous`."""
    steps: Annotated[Block, Brings(("loop",))]
    max_iterations: int = Field(default=100, ge=1, le=1000)


@step("while_loop", capabilities={"control_flow"})
async def while_loop(params: WhileLoop, ctx: Context) -> Outcome:
    """Run the nested steps as long as the condition holds, at most `max_iterations` times.

    The result holds `iterations` (how many), `condition_met` (whether it still holds) and `last`
    (the results of the last one).
    """
    done = Ok()
    last: Any = None
    count = 0
    while True:
        loop = {
            "index": count,
            "iteration": count,
            "count": count,
            "first": count == 0,
            "previous": last,
            "parent": ctx.scope.local.get("loop"),
        }
        scope = ctx.scope.after(done.variables, done.revision).inside({"loop": loop})
        holds = params.condition.holds(scope)
        if not holds or count >= params.max_iterations:
            break
        outcome = await ctx.run_block(params.steps, str(count), after=done, local={"loop": loop})
        if not isinstance(outcome, Ok):
            return outcome
        variables = {**done.variables, **outcome.variables}
        done = Ok(variables=variables, revision=outcome.revision or done.revision)
        last = outcome.output
        count += 1
    output = {"success": not holds, "iterations": count, "condition_met": holds, "last": last}
    if holds:
        output |= {"max_iterations_reached": True, "reason": "Maximum iterations exceeded"}
    return done.model_copy(update={"output": output})


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


STEPS = (for_loop, while_loop, switch, parallel, pipeline)
