"""What the journal says of a step, and what is written there of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otp_genesis.contracts.store import Entry
from otp_genesis.errors import HistoryMismatch
from otp_genesis.model.event import StepFinished
from otp_genesis.model.outcome import Failed, Ok, Outcome, Skipped, Suspended

if TYPE_CHECKING:
    from otp_genesis.engine.run import Place


def replayed(place: Place) -> Outcome | None:
    """Return what the journal has for this place; raise where it speaks of another step."""
    entry = place.run.journal.get(place.path)
    if entry is None:
        return None
    if entry.step_type != place.bound.step.type:
        raise HistoryMismatch(place.path, entry.step_type, place.bound.step.type)
    place.run.tell(finished(place, entry.outcome, place.run.clock(), replayed=True))
    return entry.outcome


async def record(place: Place, outcome: Outcome, began: float) -> None:
    """Journal an outcome that stands; one that another try may change is only told of."""
    run, bound = place.run, place.bound
    event = finished(place, outcome, began)
    stands = isinstance(outcome, Ok | Skipped) or (
        isinstance(outcome, Failed) and bound.settings.on_error == "continue"
    )
    if stands:
        await run.store.record(run.run_id, place.path, Entry(bound.step.type, outcome), event)
        run.tell(event)
    else:
        await run.emit(event)


def finished(
    place: Place, outcome: Outcome, began: float, *, replayed: bool = False
) -> StepFinished:
    """Return the event that tells of an outcome."""
    now = place.run.clock()
    message: str | None = None
    match outcome:
        case Failed(error=text) | Skipped(reason=text) | Suspended(question=text):
            message = text
        case Ok():
            pass
    return StepFinished(
        at=now, path=place.path, type=place.bound.step.type, status=outcome.kind,
        duration_s=now - began, message=message, replayed=replayed,
    )  # fmt: skip
