"""One step, from its entry in the program to its journalled outcome: a function for each stage."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from otp_genesis.engine.ground import on_ground
from otp_genesis.engine.journal import record, replayed
from otp_genesis.engine.missed import tell_missed
from otp_genesis.engine.output import as_journalled, described, kept_promise
from otp_genesis.engine.validating import judged_soon
from otp_genesis.errors import (
    BudgetReached,
    EnvironmentLacks,
    ExpressionError,
    GenesisError,
    HistoryMismatch,
    NoProvider,
    ProviderError,
)
from otp_genesis.expr.scope import Names
from otp_genesis.model.budget import CHOICES as BUDGET_CHOICES
from otp_genesis.model.event import StepStarted
from otp_genesis.model.frozen import trusted
from otp_genesis.model.outcome import Failed, Ok, Outcome, Skipped, Suspended

if TYPE_CHECKING:
    from otp_genesis.engine.program import BoundStep
    from otp_genesis.engine.run import Place

_started = trusted(StepStarted)
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


async def attempt(place: Place) -> Outcome:
    """Answer from the journal, or perform the step and journal what came of it."""
    run, bound = place.run, place.bound
    if run.journal and (kept := replayed(place)) is not None:
        return kept
    began = run.clock()
    started = {"kind": "step_started", "at": began, "path": place.path, "type": bound.type}
    await run.emit(_started(started))
    outcome = await perform(place)
    await record(place, outcome, began)
    return outcome


def perform(place: Place) -> Awaitable[Outcome]:
    """Ask the condition, bind the params, and try as often as the step allows."""
    bound = place.bound
    if bound.gate is None and bound.constant is not None:
        return perform_with(place, bound.constant)
    return perform_where_it_holds(place, bound)


async def perform_where_it_holds(place: Place, bound: BoundStep) -> Outcome:
    """Perform the step with filled params, unless its condition says no."""
    names = place.scope.names(bound.facts)
    try:
        reason = gate(place, names)
        params = bind(place, names) if reason is None else None
    except ExpressionError as error:
        return Failed(error=str(error))
    except ValidationError as error:
        return Failed(error=described(error))
    finally:
        if names.missed:
            await tell_missed(place.run, place.path, names)
    if reason is not None:
        return Skipped(reason=reason)
    if bound.constant is None and bound.kind.validator is not None:
        verdict = await judged_soon(bound.kind, params)
        if verdict.problem is not None:
            return Failed(error=verdict.problem)
        params = verdict.params
    return await perform_with(place, params)


def perform_with(place: Place, params: Any) -> Awaitable[Outcome]:
    """Perform the step as often as its settings allow."""
    return (perform_once if place.bound.plain else perform_often)(place, params)


async def perform_often(place: Place, params: Any) -> Outcome:
    """Perform the step again where it failed and may be tried again."""
    outcome = await perform_once(place, params)
    for number in range(1, place.bound.settings.attempts):
        if not (isinstance(outcome, Failed) and outcome.retryable):
            break
        await asyncio.sleep(min(FIRST_PAUSE_S * 2 ** (number - 1), LONGEST_PAUSE_S))
        outcome = await perform_once(place, params)
    return outcome


def gate(place: Place, names: Names) -> str | None:
    """Return why the step is passed over, or nothing where it is to run."""
    condition = place.bound.gate
    if condition is None or condition is True:
        return None
    if condition is False:
        return "Condition not met: false"
    return None if condition.holds(names) else f"Condition not met: {condition.source}"


def bind(place: Place, names: Names) -> Any:
    """Return the step's params, filled from its scope and typed."""
    bound = place.bound
    if bound.constant is not None:
        return bound.constant
    filled = {name: fill(names) for name, fill in bound.fills.items()}
    return bound.kind.params.model_validate({**bound.values, **filled})


async def perform_once(place: Place, params: Any) -> Outcome:
    """Turn whatever the step does into an outcome. The only place that catches."""
    bound = place.bound
    try:
        if bound.plain:
            return as_journalled(await on_ground(place, params))
        async with asyncio.timeout(bound.settings.timeout_s):
            outcome = await on_ground(place, params)
        if isinstance(outcome, Ok):
            outcome = kept_promise(place, outcome)
        return as_journalled(outcome)
    except TimeoutError as error:
        limit_s = bound.settings.timeout_s
        limit = f"no result within {limit_s:g} s" if limit_s else None
        return Failed(error=str(error) or limit or "no result in time", retryable=True)
    except ProviderError as error:
        return Failed(error=str(error), retryable=error.retryable, output=error.output)
    except BudgetReached as error:
        if error.question is None:
            return Failed(error=str(error))
        return Suspended(question=error.question, choices=BUDGET_CHOICES)
    except (HistoryMismatch, EnvironmentLacks, NoProvider):
        raise
    except GenesisError as error:
        return Failed(error=str(error))
    except Exception as error:
        return Failed(error=f"{type(error).__name__}: {error}", retryable=True)
