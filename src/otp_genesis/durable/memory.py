"""A store that forgets when the process ends: dry runs and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from otp_genesis.errors import UsageError

if TYPE_CHECKING:
    from otp_genesis.contracts.store import Entry
    from otp_genesis.model.event import Event, ModelCalled
    from otp_genesis.model.run import RunRequest


class MemoryStore:
    """`Store` in dicts."""

    def __init__(self) -> None:
        self._requests: dict[str, RunRequest] = {}
        self._rows: dict[str, dict[str, Entry]] = {}
        self._events: dict[str, list[Event]] = {}

    async def create(self, request: RunRequest) -> None:
        """Keep the request."""
        if request.run_id in self._requests:
            raise UsageError(f"there is a run {request.run_id!r} already")
        self._requests[request.run_id] = request
        self._rows[request.run_id] = {}
        self._events[request.run_id] = []

    async def request(self, run_id: str) -> RunRequest:
        """Return the request."""
        try:
            return self._requests[run_id]
        except KeyError:
            raise UsageError(f"there is no run {run_id!r}") from None

    async def runs(self) -> Sequence[RunRequest]:
        """Return all requests, newest first."""
        return tuple(reversed(self._requests.values()))

    async def journal(self, run_id: str) -> Mapping[str, Entry]:
        """Return a copy of the rows."""
        return dict(self._rows[run_id])

    async def record(self, run_id: str, path: str, entry: Entry, event: Event) -> None:
        """Keep the row and the event."""
        self._rows[run_id][path] = entry
        self._events[run_id].append(event)

    async def append(self, run_id: str, event: Event) -> None:
        """Keep the event."""
        self._events[run_id].append(event)

    async def events(self, run_id: str, after: int = 0) -> Sequence[tuple[int, Event]]:
        """Return the events, numbered from 1."""
        return tuple(enumerate(self._events[run_id][after:], start=after + 1))

    async def model_calls(self, since: float) -> Sequence[ModelCalled]:
        """Return the calls since then, run by run."""
        kept = (event for events in self._events.values() for event in events)
        return tuple(e for e in kept if e.kind == "model_called" and e.at >= since)

    async def forget(self, run_id: str) -> None:
        """Remove the run."""
        for kept in (self._requests, self._rows, self._events):
            kept.pop(run_id, None)

    async def close(self) -> None:
        """Do nothing."""
