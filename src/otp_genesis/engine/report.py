"""How a run ended: the event that closes it, and the report for who asked for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from otp_genesis.contracts.store import Entry
from otp_genesis.engine.program import Program
from otp_genesis.model.event import RunFinished
from otp_genesis.model.outcome import Failed, Ok, Outcome, Suspended
from otp_genesis.model.run import RunError, RunReport, RunRequest, RunState

_STATUS: dict[type, Literal["succeeded", "failed", "suspended"]] = {
    Ok: "succeeded",
    Failed: "failed",
    Suspended: "suspended",
}


def finished(outcome: Outcome) -> RunFinished:
    """Return the event that ends the run with this outcome."""
    error = path = None
    choices: tuple[str, ...] = ()
    if isinstance(outcome, Failed):
        error, path = outcome.error, outcome.path
    elif isinstance(outcome, Suspended):
        error, path = outcome.question, outcome.path
        choices = outcome.choices
    outputs = outcome.output if isinstance(outcome, Ok) and isinstance(outcome.output, dict) else {}
    return RunFinished(
        at=time.time(),
        status=_STATUS[type(outcome)],
        error=error,
        path=path,
        choices=choices,
        outputs=outputs,
    )


def report(
    request: RunRequest,
    program: Program,
    outcome: Outcome,
    state: RunState,
    began: float,
    rows: Mapping[str, Entry],
) -> RunReport:
    """Return how the run ended; what was finished is in it also where it failed."""
    output = outcome.output if isinstance(outcome, Ok) else _so_far(request, program, rows)
    declared = bool(program.pipeline.outputs)
    error = question = None
    if isinstance(outcome, Failed):
        path = outcome.path or request.name
        error = RunError(step=path.rsplit("/", 1)[-1], path=path, message=outcome.error)
    if isinstance(outcome, Suspended):
        question = outcome.question
        if outcome.choices:
            question += f" ({' / '.join(outcome.choices)})"
    return RunReport(
        run_id=request.run_id,
        status=_STATUS[type(outcome)],
        results={} if declared and isinstance(outcome, Ok) else output,
        outputs=output if declared and isinstance(outcome, Ok) else {},
        error=error,
        question=question,
        usage=state.usage,
        duration_s=time.time() - began,
    )


def _so_far(request: RunRequest, program: Program, rows: Mapping[str, Entry]) -> dict[str, Any]:
    """Return the results of the steps that are done."""
    names = (bound.name for bound in program.steps)
    found = {name: rows.get(f"{request.name}/{name}") for name in names}
    return {
        name: row.outcome.output
        for name, row in found.items()
        if row is not None and isinstance(row.outcome, Ok)
    }
