"""Where a run's outcomes and events are kept, so that it can go on after a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from otp_genesis.model.event import Event, ModelCalled
    from otp_genesis.model.outcome import Outcome
    from otp_genesis.model.run import RunRequest


class Entry(NamedTuple):
    """A journal row: what a step at some path came to, and what type of step it was."""

    step_type: str
    outcome: Outcome


class Store(Protocol):
    """An append-only journal, one row a finished step, and the events of each run.

    Every method raises `StoreUnavailable` where the medium fails.
    """

    async def create(self, request: RunRequest) -> None:
        """Keep what is needed to take the run up again; raise `UsageError` for a taken id."""
        ...

    async def request(self, run_id: str) -> RunRequest:
        """Return how a run was asked for; raise `UsageError` for an unknown id."""
        ...

    async def runs(self) -> Sequence[RunRequest]:
        """Return all runs, newest first."""
        ...

    async def journal(self, run_id: str) -> Mapping[str, Entry]:
        """Return all rows of a run by path."""
        ...

    async def record(self, run_id: str, path: str, entry: Entry, event: Event) -> None:
        """Keep a row and the event that tells of it, both or neither."""
        ...

    async def append(self, run_id: str, event: Event) -> None:
        """Keep an event."""
        ...

    async def events(self, run_id: str, after: int = 0) -> Sequence[tuple[int, Event]]:
        """Return the events after number `after`, each with its number."""
        ...

    async def model_calls(self, since: float) -> Sequence[ModelCalled]:
        """Return the calls to models of all runs since then, in seconds since the epoch."""
        ...

    async def forget(self, run_id: str) -> None:
        """Remove a run and all that is kept of it."""
        ...

    async def close(self) -> None:
        """Let go of the medium."""
        ...
