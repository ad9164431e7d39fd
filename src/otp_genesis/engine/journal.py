"""What the journal says of a step, and what is written there of it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from otp_genesis.contracts.store import Entry
from otp_genesis.errors import HistoryMismatch
from otp_genesis.model.event import StepFinished
from otp_genesis.model.frozen import trusted
from otp_genesis.model.outcome import Failed, Ok, Outcome, Skipped, Suspended

if TYPE_CHECKING:
    from otp_genesis.engine.run import Place


_finished = trusted(StepFinished)
_STANDS = (Ok, Skipped)


def replayed(place: Place) -> Outcome | None:
    """Return what the journal has for this place; raise where it speaks of another step."""
    entry = place.run.journal.get(place.path)
    if entry is None:
        return None
    if entry.step_type != place.bound.type:
        raise HistoryMismatch(place.path, entry.step_type, place.bound.type)
    place.run.tell(finished(place, entry.outcome, place.run.clock(), replayed=True))
    return entry.outcome


def record(place: Place, outcome: Outcome, began: float) -> Awaitable[None]:
    """Journal an outcome that stands; one that another try may change is only told of."""
    run, bound = place.run, place.bound
    event = finished(place, outcome, began)
    stands = isinstance(outcome, _STANDS) or (
        isinstance(outcome, Failed) and bound.settings.on_error == "continue"
    )
    if stands:
        return run.record(place.path, Entry(bound.type, outcome), event)
    return run.emit(event)


def finished(
    place: Place, outcome: Outcome, began: float, *, replayed: bool = False
) -> StepFinished:
    """Return the event that tells of an outcome."""
    now = place.run.clock()
    return _finished(
        {
            "kind": "step_finished",
            "at": now,
            "path": place.path,
            "type": place.bound.type,
            "status": outcome.kind,
            "duration_s": now - began,
            "message": None if isinstance(outcome, Ok) else _message(outcome),
            "replayed": replayed,
        }
    )


def _message(outcome: Failed | Skipped | Suspended) -> str:
    match outcome:
        case Failed(error=text) | Skipped(reason=text) | Suspended(question=text):
            return text
