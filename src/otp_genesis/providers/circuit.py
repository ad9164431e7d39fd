"""The circuit breaker as a value: closed, open, half-open, without a clock or chance inside.

After M. T. Nygard, "Release It!" (2nd ed. 2018, ch. 5, "Circuit Breaker"): a provider that keeps
failing is not asked for a while, then by a trial call, and as before once that succeeds. The error
rate over the last calls, with a minimum of calls before it counts, is that of resilience4j's
count-based window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

CircuitState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """When a circuit opens, and for how long. Raises `ValueError` for what makes no sense."""

    failures: int = 5
    """So many failures one after the other open it."""
    error_rate: float = 0.5
    """So does this share of failures among the last `window` calls,"""
    window: int = 20
    minimum: int = 10
    """once there were at least this many of them."""
    cooldown_s: float = 10.0
    """How long it stays open the first time; twice as long each time a trial fails,"""
    cooldown_max_s: float = 300.0
    """but never longer than this."""
    jitter: float = 0.2
    """Up to this share of the cool-down is taken off, so that not all are tried at once."""
    trials: int = 1
    """So many trial calls at once are let through when the cool-down is over."""

    def __post_init__(self) -> None:
        sound = (
            self.failures >= 1
            and 0 < self.error_rate <= 1
            and 1 <= self.minimum <= self.window
            and 0 < self.cooldown_s <= self.cooldown_max_s < float("inf")
            and 0 <= self.jitter < 1
            and self.trials >= 1
        )
        if not sound:
            raise ValueError(f"no policy for a circuit breaker: {self}")

    def cooldown(self, trips: int, jitter: float) -> float:
        """Return the seconds to stay open after `trips` openings before; 0 <= `jitter` <= 1."""
        # 2.0**1024 is too large for a float, and any bound is reached long before.
        longest = min(self.cooldown_s * 2.0 ** min(trips, 60), self.cooldown_max_s)
        return longest * (1 - self.jitter * jitter)


DEFAULT_POLICY = CircuitPolicy()


@dataclass(frozen=True, slots=True)
class Circuit:
    """The circuit of one provider. Each transition returns the next one.

    `now` is in seconds of any clock that does not go back. A call remembers the `period` in which
    it began: what comes of it counts in that period only. So a call that was begun before the
    circuit opened, and ends after, neither closes it nor opens it once more.
    """

    policy: CircuitPolicy = DEFAULT_POLICY
    state: CircuitState = "closed"
    period: int = 0
    """How often the state has changed."""
    recent: tuple[bool, ...] = ()
    """The last calls while closed, the newest last: whether each failed."""
    streak: int = 0
    """Failures one after the other, up to now."""
    trips: int = 0
    """How often it opened since it was closed last."""
    until: float = 0.0
    """When an open one lets a trial call through."""
    trials: int = 0
    """Trial calls that are under way."""

    def allows(self, now: float) -> bool:
        """Whether a call may be made."""
        if self.state == "closed":
            return True
        if self.state == "open":
            return now >= self.until
        return self.trials < self.policy.trials

    def began(self, now: float) -> Circuit:
        """Return the circuit with one more call under way; raise `ValueError` if none may be."""
        if self.state == "closed":
            return self
        if not self.allows(now):
            raise ValueError("a call was made that the circuit breaker does not allow")
        if self.state == "open":
            return replace(self, state="half_open", period=self.period + 1, trials=1)
        return replace(self, trials=self.trials + 1)

    def succeeded(self, period: int) -> Circuit:
        """Return the circuit after a good call. A trial that succeeds closes it."""
        if period != self.period or self.state == "open":
            return self
        if self.state == "half_open":
            return Circuit(self.policy, period=self.period + 1)
        return replace(self, recent=self._recent(False), streak=0)

    def failed(self, now: float, jitter: float, period: int) -> Circuit:
        """Return the circuit after a bad call; 0 <= `jitter` <= 1 shortens the cool-down."""
        if period != self.period or self.state == "open":
            return self
        streak, recent = self.streak + 1, self._recent(True)
        if self.state == "closed" and not self._too_much(streak, recent):
            return replace(self, recent=recent, streak=streak)
        return Circuit(
            self.policy,
            state="open",
            period=self.period + 1,
            recent=recent,
            streak=streak,
            trips=self.trips + 1,
            until=now + self.policy.cooldown(self.trips, jitter),
        )

    def released(self, period: int) -> Circuit:
        """Return the circuit after a call that says nothing: it was cancelled, say."""
        if period != self.period or self.state != "half_open":
            return self
        return replace(self, trials=self.trials - 1)

    @property
    def cause(self) -> str:
        """What opened it: `5 failures`, say."""
        if self.streak >= self.policy.failures or self.trips > 1:
            return "a failure" if self.streak == 1 else f"{self.streak} failures"
        return f"{sum(self.recent)} failures in its last {len(self.recent)} calls"

    def _recent(self, failed: bool) -> tuple[bool, ...]:
        return (*self.recent, failed)[-self.policy.window :]

    def _too_much(self, streak: int, recent: tuple[bool, ...]) -> bool:
        if streak >= self.policy.failures:
            return True
        enough = len(recent) >= self.policy.minimum
        return enough and sum(recent) >= self.policy.error_rate * len(recent)
