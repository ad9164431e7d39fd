"""Steps that run others again and again: once an item, or as long as a condition holds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Annotated, Any

from pydantic import Field, field_validator

from otp_genesis.contracts.step import (
    Block,
    Brings,
    Concurrent,
    Condition,
    Context,
    Params,
    StepNames,
)
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import UsageError
from otp_genesis.expr.scope import ROOTS, Scope
from otp_genesis.model.outcome import Failed, Ok, Outcome, Suspended
from otp_genesis.steps.loops_conditions import Conditions
from otp_genesis.steps.side_by_side import side_by_side
from otp_genesis.steps.sources import data_of, step_in_source

_SOURCE = re.compile(r"(previous_response:|context:)?[^\s:{}]+(:[^\s:{}]+)?|.*\{[{%].*", re.DOTALL)
"""A name of data, or a template that will give it."""
_IN_THE_LOOP = Brings(("loop",), ("iterator",))


class ForLoop(Params):
    """Parameters of `for_loop`."""

    data_source: Annotated[list[Any] | str, StepNames(step_in_source)]
    """The items: a list, or where one is: a variable's or a step's name, `NAME:path`,
    `previous_response:STEP:path`."""
    steps: Annotated[Block, _IN_THE_LOOP, Concurrent("parallel")]
    iterator: str = "item"
    """The name that the steps see the item under, beside `loop.item`."""
    parallel: bool = False
    max_parallel: int = Field(default=5, ge=1, le=1000)
    batch_size: int | None = Field(default=None, ge=1)
    """With `parallel`: how many items are begun before all of them must be done."""
    break_on_error: bool = True
    """Whether a failed item fails the loop; else it is noted, and the next one begins."""
    continue_condition: Annotated[Condition | None, _IN_THE_LOOP] = None
    """Asked before an item's steps: where it holds the item is passed over."""
    break_condition: Annotated[
        Condition | None, Brings(("loop",), ("iterator",), blocks=("steps",))
    ] = None
    """Asked after an item's steps; where it holds the loop ends. It sees their results by their
    names, and all of them as `loop.results`."""

    @field_validator("data_source")
    @classmethod
    def _names_data(cls, source: list[Any] | str) -> list[Any] | str:
        if isinstance(source, str) and not _SOURCE.fullmatch(source):
            raise ValueError("must be a list, or name a variable or a step that holds one")
        return source

    @field_validator("iterator")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in ROOTS:
            raise ValueError(f"cannot be {name!r}: expressions mean something else by it")
        return name


@step("for_loop", capabilities={"control_flow"})
async def for_loop(params: ForLoop, ctx: Context) -> Outcome:
    """Run the nested steps once for each item, in order or, with `parallel`, side by side."""
    try:
        items = _items(params.data_source, ctx)
    except UsageError as error:
        return Failed(error=f"data_source: {error}")
    loop = _Loop(params, ctx, items)
    return await loop.side_by_side() if params.parallel else await loop.in_order()


def _items(source: Any, ctx: Context) -> Sequence[Any]:
    if isinstance(source, str) and not source.startswith(("previous_response:", "context:")):
        name, colon, path = source.partition(":")
        source = f"{name}.{path}" if colon else name
    found = data_of(source, ctx)
    if not isinstance(found, list | tuple):
        raise UsageError(f"a list is needed, and this is {_told(found)}")
    return found


def _told(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


class _Loop:
    """One `for_loop` that runs."""

    def __init__(self, params: ForLoop, ctx: Context, items: Sequence[Any]):
        self.params, self.ctx, self.items = params, ctx, items
        self.iterations: list[dict[str, Any]] = []
        self.conditions = Conditions(ctx)

    async def in_order(self) -> Outcome:
        params = self.params
        done = Ok()
        previous: Any = None
        for index in range(len(self.items)):
            local = self._turn(index, previous)
            scope = self.ctx.scope.after(done.variables, done.revision).inside(local)
            if await self._passed_over(scope):
                self.iterations.append({**self._row(index), "success": True, "skipped": True})
                continue
            outcome = await self.ctx.run_block(params.steps, str(index), after=done, local=local)
            if isinstance(outcome, Suspended):
                return outcome
            self.iterations.append(self._iteration(index, outcome))
            if isinstance(outcome, Ok):
                variables = {**done.variables, **outcome.variables}
                done = Ok(variables=variables, revision=outcome.revision or done.revision)
                previous = outcome.output
            elif isinstance(outcome, Failed) and params.break_on_error:
                return self._broken(outcome)
            if await self._ends(local, done, outcome):
                break
        return done.model_copy(update={"output": self._summary()})

    async def _passed_over(self, scope: Scope) -> bool:
        condition = self.params.continue_condition
        return condition is not None and await self.conditions.hold(condition, scope)

    async def _ends(self, local: dict[str, Any], done: Ok, outcome: Outcome) -> bool:
        condition = self.params.break_condition
        if condition is None or not isinstance(outcome, Ok):
            return False
        results = outcome.output if isinstance(outcome.output, dict) else {}
        loop = {**local["loop"], "results": results}
        scope: Scope = self.ctx.scope.after(done.variables, done.revision)
        # Older documents name the loop's steps without more.
        inner = scope.inside({**results, **local, "loop": loop})
        return await self.conditions.hold(condition, inner)

    async def side_by_side(self) -> Outcome:
        params = self.params
        stop = asyncio.Event()
        outcomes: dict[int, Outcome] = {}
        batches = 0
        for batch in self._batches():
            room = asyncio.Semaphore(params.max_parallel)
            found = await side_by_side(self._one(index, room, stop) for index in batch)
            outcomes |= {
                index: outcome
                for index, outcome in zip(batch, found, strict=True)
                if outcome is not None
            }
            batches += 1
            if stop.is_set():
                break
        self.iterations = [self._iteration(*pair) for pair in outcomes.items()]
        for outcome in outcomes.values():
            if isinstance(outcome, Suspended):
                return outcome
            if isinstance(outcome, Failed) and params.break_on_error:
                return self._broken(outcome)
        output = {**self._summary(), "parallel": True, "max_parallel": params.max_parallel}
        if params.batch_size is not None:
            output["batches_processed"] = batches
        return Ok(output=output)

    async def _one(
        self, index: int, room: asyncio.Semaphore, stop: asyncio.Event
    ) -> Outcome | None:
        async with room:
            if stop.is_set():
                return None
            local = self._turn(index, None)
            if await self._passed_over(self.ctx.scope.inside(local)):
                return None
            outcome = await self.ctx.run_block(self.params.steps, str(index), local=local)
            failed = isinstance(outcome, Failed) and self.params.break_on_error
            if failed or await self._ends(local, Ok(), outcome):
                stop.set()
            return outcome

    def _batches(self) -> Iterator[range]:
        total = len(self.items)
        size = self.params.batch_size or max(total, 1)
        for start in range(0, total, size):
            yield range(start, min(start + size, total))

    def _turn(self, index: int, previous: Any) -> dict[str, Any]:
        item, total = self.items[index], len(self.items)
        parent = self.ctx.scope.local.get("loop")
        first, last = index == 0, index == total - 1
        loop = {
            self.params.iterator: item,
            "item": item,
            "index": index,
            "total": total,
            "length": total,
            "first": first,
            "last": last,
            "is_first": first,
            "is_last": last,
            "level": parent.get("level", 0) + 1 if isinstance(parent, dict) else 0,
            "previous": previous,
            "parent": parent,
        }
        return {"loop": loop, self.params.iterator: item}

    def _row(self, index: int) -> dict[str, Any]:
        return {"index": index, "item": self.items[index]}

    def _iteration(self, index: int, outcome: Outcome) -> dict[str, Any]:
        if isinstance(outcome, Ok):
            return {**self._row(index), "success": True, "results": outcome.output}
        return {**self._row(index), "success": False, "error": getattr(outcome, "error", None)}

    def _summary(self) -> dict[str, Any]:
        failed = sum(1 for row in self.iterations if not row["success"])
        return {
            "iterations": self.iterations,
            "success": failed == 0,
            "total_items": len(self.items),
            "completed_items": len(self.iterations) - failed,
        }

    def _broken(self, outcome: Failed) -> Failed:
        at = self.iterations[-1]["index"] if not self.params.parallel else "one"
        error = f"item {at}: {outcome.error}"
        return Failed(error=error, output=self._summary(), path=outcome.path)


class WhileLoop(Params):
    """Parameters of `while_loop`."""

    condition: Annotated[Condition, Brings(("loop",))]
    """Asked before each iteration; it sees `loop.first`, `loop.index` and `loop.previous`."""
    steps: Annotated[Block, Brings(("loop",))]
    max_iterations: int = Field(default=100, ge=1, le=100_000)
    timeout_seconds: float | None = Field(default=None, gt=0)
    """Seconds that all iterations together may take."""


@step("while_loop", capabilities={"control_flow"})
async def while_loop(params: WhileLoop, ctx: Context) -> Outcome:
    """Run the nested steps as long as the condition holds, at most `max_iterations` times.

    The result holds `iterations` (how many), `condition_met` (whether it still holds) and `last`
    (the results of the last one).
    """
    limit = params.timeout_seconds
    try:
        async with asyncio.timeout(limit) if limit else nullcontext():
            return await _while(params, ctx)
    except TimeoutError:
        return Failed(error=f"the loop did not end within {limit:g} s")


async def _while(params: WhileLoop, ctx: Context) -> Outcome:
    done = Ok()
    last: Any = None
    count = 0
    conditions = Conditions(ctx)
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
        holds = await conditions.hold(params.condition, scope)
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


STEPS = (for_loop, while_loop)
