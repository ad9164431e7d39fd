"""What every step of one run shares."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.provider import Models
from otp_genesis.contracts.store import Entry, Store
from otp_genesis.engine.ground import Ground
from otp_genesis.model.event import Event

if TYPE_CHECKING:
    from otp_genesis.engine.run import Place

Clock = Callable[[], float]
Listener = Callable[[Event], None]
Observer = Callable[[str, Event], None]
"""Told the run's id, too."""


@dataclass(frozen=True)
class Run:
    """What every step of one run shares."""

    run_id: str
    store: Store
    models: Callable[[Place], Models]
    """The gateway, told which step asks."""
    ground: Ground | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    journal: Mapping[str, Entry] = field(default_factory=dict)
    """The rows of the processes before this one."""
    answers: Mapping[str, str] = field(default_factory=dict)
    approve: bool = False
    output: Path | None = None
    listeners: tuple[Listener, ...] = ()
    observers: tuple[Observer, ...] = ()
    clock: Clock = time.time

    def emit(self, event: Event) -> Awaitable[None]:
        """Keep an event and tell those who listen."""
        kept = self.store.append(self.run_id, event)
        return self._told(kept, event) if self.listeners or self.observers else kept

    def record(self, path: str, entry: Entry, event: Event) -> Awaitable[None]:
        """Keep a step's outcome with the event that tells of it, and tell those who listen."""
        kept = self.store.record(self.run_id, path, entry, event)
        return self._told(kept, event) if self.listeners or self.observers else kept

    async def _told(self, kept: Awaitable[None], event: Event) -> None:
        await kept
        self.tell(event)

    def tell(self, event: Event) -> None:
        """Tell those who listen."""
        for listener in self.listeners:
            listener(event)
        for observer in self.observers:
            observer(self.run_id, event)
