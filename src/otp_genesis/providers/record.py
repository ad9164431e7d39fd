"""What is known of one registered provider while the program runs."""

from __future__ import annotations

import time
from typing import Literal

from otp_genesis.contracts.provider import Health, RegisteredProvider
from otp_genesis.contracts.provider_registry import Candidate
from otp_genesis.model.event import ProviderHealth
from otp_genesis.providers.circuit import Circuit, CircuitPolicy, CircuitState
from otp_genesis.providers.throttle import Throttle

LATENCY_HALF_LIFE = 5
"""After so many calls the latencies before them make up half of the moving average."""
_NEWEST = 1 - 0.5 ** (1 / LATENCY_HALF_LIFE)


def shortened(reason: str, limit: int = 200) -> str:
    """Return a reason that can be told with every call: models and vendors can be wordy."""
    return reason if len(reason) <= limit else f"{reason[: limit - 1]}…"


class Changes:
    """How often it has changed, of all records together, who can be asked."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Record:
    """Health, circuit, latency and counts of one provider; a replaced one begins anew.

    `candidate` is kept ready, because every selection reads it of every provider.
    The latency is an exponentially weighted moving average over the calls that were answered:
    `new = old + a * (seconds - old)` with `a = 1 - 0.5 ** (1 / LATENCY_HALF_LIFE)`. A call that was
    cancelled counts with the time it had taken, where that is more: it would have taken longer yet.
    """

    __slots__ = (
        "_changes",
        "_rest_reason",
        "calls",
        "candidate",
        "checked_at",
        "circuit",
        "entry",
        "failures",
        "health",
        "in_flight",
        "late",
        "latency_s",
        "name",
        "throttle",
        "turns",
        "warning",
    )

    def __init__(self, entry: RegisteredProvider, policy: CircuitPolicy, changes: Changes):
        self._changes = changes
        self.entry, self.name = entry, entry.name
        self.circuit = Circuit(policy)
        self.throttle = Throttle(entry.limits)
        self.health: Health | None = None
        """What its last check said; nothing where it was never checked."""
        self.checked_at = 0.0
        self.latency_s: float | None = None
        self.in_flight = 0
        """Calls under way, those that wait for a limit among them."""
        self.calls = self.failures = 0
        """Calls that were made, and those that ended in an error, whosever fault it was."""
        self.turns = 0
        """Its calls as strategies see them: counted on from the others' where it came late."""
        self.late = True
        """Whether it has yet to be brought level with the others: it is new, or was away."""
        self.warning = ""
        """The last failure."""
        self._rest_reason = ""
        self._count()

    def _count(self) -> None:
        """Keep what strategies see up to date."""
        self.candidate = Candidate(self.entry, self.latency_s, self.in_flight, self.turns)

    def _turn(self, circuit: Circuit) -> Circuit:
        """Take on the circuit, and return the one before."""
        before, self.circuit = self.circuit, circuit
        if before.period != circuit.period or before.trials != circuit.trials:
            self._changes.count += 1
        return before

    @property
    def fit(self) -> bool:
        """Whether its last check said that it can be asked, as far as there was one."""
        return self.health is None or self.health.available

    def obstacle(self, now: float) -> str | None:
        """Return why it cannot be asked, or nothing where it can."""
        if self.health is not None and not self.health.available:
            return " — ".join(filter(None, (self.health.reason, self.health.remedy)))
        return self.rest(now)

    def rest(self, now: float) -> str | None:
        """Return why its circuit breaker does not let it be asked, or nothing where it does."""
        if self.circuit.allows(now):
            return None
        if self.circuit.state == "half_open":
            return "its circuit is half-open: a trial call is under way"
        return self._rest_reason

    def level(self, turns: float) -> None:
        """Count its turns on from `turns`, where the others are.

        This is what start-time fair queueing does with a flow that has been idle (P. Goyal et al.,
        1996): one that was away does not get every call until it has caught up.
        """
        self.turns = max(self.turns, int(turns))
        self.late = False
        self._count()

    def enter(self) -> None:
        """Count a call from the moment it was chosen for it."""
        self.in_flight += 1
        self.turns += 1
        self._count()

    def leave(self, period: int | None) -> None:
        """Give back what `enter` and `begin` took; a trial that came to nothing is free again."""
        self.in_flight -= 1
        if period is not None:
            self._turn(self.circuit.released(period))
        self._count()

    def begin(self, now: float) -> tuple[int, ProviderHealth | None]:
        """Return the circuit's period for a call that is made now, and its change, if any."""
        before = self._turn(self.circuit.began(now))
        self.calls += 1
        return self.circuit.period, self._change(before, now, "it is tried again")

    def answered(self, period: int, seconds: float, now: float) -> ProviderHealth | None:
        """Take in a good call; return the circuit's change, if any."""
        before = self._turn(self.circuit.succeeded(period))
        self._took(seconds)
        return self._change(before, now, "a trial call was answered")

    def failed(
        self, period: int, why: str, now: float, jitter: float, *, counts: bool
    ) -> ProviderHealth | None:
        """Take in a bad call; return the circuit's change, if any.

        One that does not count says nothing of the provider: it is the request's fault.
        """
        self.failures += 1
        self.warning = why = shortened(why)
        if not counts:
            return None
        before = self._turn(self.circuit.failed(now, jitter, period))
        return self._change(before, now, why)

    def given_up(self, seconds: float) -> None:
        """Take in a call that was cancelled after so long: it says little, but not nothing."""
        if self.latency_s is None or seconds > self.latency_s:
            self._took(seconds)

    def _took(self, seconds: float) -> None:
        old = self.latency_s
        self.latency_s = seconds if old is None else old + _NEWEST * (seconds - old)

    def checked(self, health: Health, now: float) -> ProviderHealth | None:
        """Take in what its check said; return the event where that is another thing than before."""
        before, self.health, self.checked_at = self.health, health, now
        if before is not None and before == health:
            return None
        self._changes.count += 1
        if before is None or before.available == health.available:
            return None
        self.late = True
        if health.available:
            return self._told(self.circuit.state, "its check is good again", now)
        return self._told("unavailable", self.obstacle(now) or "", now)

    def _told(
        self, state: CircuitState | Literal["unavailable"], reason: str, now: float
    ) -> ProviderHealth:
        wall = time.time()
        until = wall + self.circuit.until - now if state == "open" else None
        return ProviderHealth(at=wall, provider=self.name, state=state, reason=reason, until=until)

    def _change(self, before: Circuit, now: float, why: str) -> ProviderHealth | None:
        if before.state == self.circuit.state:
            return None
        self.late = True
        if self.circuit.state == "open":
            at = time.strftime("%H:%M:%S", time.localtime(time.time() + self.circuit.until - now))
            why = f"after {self.circuit.cause}: {why}"
            self._rest_reason = f"its circuit is open until {at}, {why}"
        return self._told(self.circuit.state, why, now)
