"""One step, from its entry in the program to its journalled outcome: a function for each stage."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from otp_genesis.engine.journal import record, replayed
from otp_genesis.engine.missed import tell_missed
from otp_genesis.engine.output import as_journalled, described, write_output
from otp_genesis.engine.validating import judged_soon
from otp_genesis.errors import (
    EnvironmentLacks,
    ExpressionError,
    GenesisError,
    HistoryMismatch,
    NoProvider,
    ProviderError,
)
from otp_genesis.expr.scope import Names
from otp_genesis.model.event import StepStarted
from otp_genesis.model.json_schema import misfits
from otp_genesis.model.outcome import Failed, Ok, Outcome, Skipped

if TYPE_CHECKING:
    from otp_genesis.engine.run import Place

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


async def attempt(place: Place) -> Outcome:
    """Answer from the journal, or perform the step and journal what came of it."""
    if (kept := replayed(place)) is not None:
        return kept
    run, bound = place.run, place.bound
    began = run.clock()
    await run.emit(StepStarted(at=began, path=place.path, type=bound.step.type))
    outcome = await perform(place)
    await record(place, outcome, began)
    return outcome


async def perform(place: Place) -> Outcome:
    """Ask the condition, bind the params, and try as often as the step allows."""
    names = place.scope.names(place.bound.facts)
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
    if place.bound.constant is None:
        verdict = await judged_soon(place.bound.kind, params)
        if verdict.problem is not None:
            return Failed(error=verdict.problem)
        params = verdict.params
    settings = place.bound.settings
    outcome: Outcome = Failed(error="no attempt was made")
    for number in range(settings.attempts):
        if number:
            await asyncio.sleep(min(FIRST_PAUSE_S * 2 ** (number - 1), LONGEST_PAUSE_S))
        outcome = await perform_once(place, params)
        if not (isinstance(outcome, Failed) and outcome.retryable):
            break
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
    settings = place.bound.settings
    try:
        async with asyncio.timeout(settings.timeout_s) if settings.timeout_s else nullcontext():
            outcome = await on_ground(place, params)
        if isinstance(outcome, Ok):
            outcome = kept_promise(place, outcome)
        return as_journalled(outcome)
    except TimeoutError as error:
        limit = f"no result within {settings.timeout_s:g} s" if settings.timeout_s else None
        return Failed(error=str(error) or limit or "no result in time", retryable=True)
    except ProviderError as error:
        return Failed(error=str(error), retryable=error.retryable)
    except (HistoryMismatch, EnvironmentLacks, NoProvider):
        raise
    except GenesisError as error:
        return Failed(error=str(error))
    except Exception as error:
        return Failed(error=f"{type(error).__name__}: {error}", retryable=True)


async def on_ground(place: Place, params: Any) -> Outcome:
    """Run the step on the code that its scope speaks of, and keep the code that it leaves."""
    kind, ground = place.bound.kind, place.run.ground
    if kind.effects == "none" or ground is None:
        return await kind.run(params, place)
    before = place.scope.revision
    await ground.stand_on(before)
    if kind.effects == "reads":
        return await kind.run(params, place)
    ground.shake()
    outcome = await kind.run(params, place)
    if kind.effects == "runs" or not isinstance(outcome, Ok):
        return outcome
    settled = await ground.settle(outcome.revision or before)
    return outcome.model_copy(update={"revision": settled})


def kept_promise(place: Place, outcome: Ok) -> Outcome:
    """Hold the output against the step's schema, and write it where the step says."""
    settings = place.bound.settings
    schema = settings.output_schema
    if schema is not None and (errors := misfits(outcome.output, schema)):
        message = f"the output does not fit output_schema: {errors[0]}"
        return Failed(error=message, output=outcome.output)
    if settings.output_to_file is not None:
        write_output(place, settings.output_to_file, outcome.output)
    return outcome
