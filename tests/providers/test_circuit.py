"""The circuit breaker as a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from otp_genesis.providers.circuit import Circuit, CircuitPolicy

POLICY = CircuitPolicy(failures=3, window=6, minimum=4, cooldown_s=10, cooldown_max_s=60)


def after(outcomes: str, policy: CircuitPolicy = POLICY) -> Circuit:
    """Return a circuit after calls at 0 s that succeeded (`+`) or failed (`-`)."""
    circuit = Circuit(policy)
    for outcome in outcomes:
        if outcome == "+":
            circuit = circuit.succeeded(circuit.period)
        else:
            circuit = circuit.failed(0.0, 0.0, circuit.period)
    return circuit


@pytest.mark.parametrize(
    ("outcomes", "state", "cause"),
    [
        ("--", "closed", None),
        ("---", "open", "3 failures"),
        ("--+-", "open", "3 failures in its last 4 calls"),
        ("-+", "closed", None),
        ("-+-", "closed", None),
        ("+-+-", "open", "2 failures in its last 4 calls"),
        ("+++-+-", "closed", None),
        ("++++++-+-", "closed", None),
        ("++++++-+--", "open", "3 failures in its last 6 calls"),
    ],
)
def test_what_opens_it(outcomes: str, state: str, cause: str | None) -> None:
    """Failures one after the other, or too many of the last calls, once there are enough."""
    circuit = after(outcomes)

    assert state == circuit.state
    if cause is not None:
        assert cause == circuit.cause


def test_a_life() -> None:
    """Open, tried at its time by one call, open for twice as long, tried, closed, as before."""
    circuit = after("---")
    assert [False, True] == [circuit.allows(9.9), circuit.allows(10.0)]
    circuit = circuit.began(10.0)
    assert ("half_open", False) == (circuit.state, circuit.allows(10.0))
    circuit = circuit.failed(11.0, 0.0, circuit.period)
    assert ("open", 31.0) == (circuit.state, circuit.until)
    circuit = circuit.began(31.0)
    circuit = circuit.succeeded(circuit.period)
    assert ("closed", 0, ()) == (circuit.state, circuit.streak, circuit.recent)
    assert 10.0 == after("---").until


def test_a_trial_that_says_nothing() -> None:
    """A trial that is cancelled leaves room for the next one."""
    circuit = after("---").began(10.0)

    assert circuit.released(circuit.period).allows(10.0)


def test_what_began_before_counts_no_more() -> None:
    """A call from before the circuit opened neither closes it nor counts as its trial."""
    closed = after("--")
    opened = closed.failed(0.0, 0.0, closed.period)
    tried = opened.began(10.0)

    for circuit in (opened, tried):
        assert circuit == circuit.succeeded(closed.period)
        assert circuit == circuit.failed(5.0, 0.0, closed.period)
        assert circuit == circuit.released(closed.period)


def test_a_call_that_is_not_allowed() -> None:
    """Beginning one all the same is a flaw of the caller."""
    with pytest.raises(ValueError, match="does not allow"):
        after("---").began(9.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"failures": 0},
        {"error_rate": 0.0},
        {"error_rate": 1.1},
        {"minimum": 30},
        {"cooldown_s": 0.0},
        {"cooldown_s": 400.0},
        {"cooldown_max_s": float("inf")},
        {"jitter": 1.0},
        {"trials": 0},
    ],
)
def test_a_policy_that_makes_no_sense(wrong: dict[str, float]) -> None:
    """It is refused when it is made."""
    with pytest.raises(ValueError, match="no policy"):
        CircuitPolicy(**wrong)  # type: ignore[arg-type]


@given(st.floats(0, 1), st.integers(0, 5000))
def test_the_cooldown_grows_and_is_bounded(jitter: float, trips: int) -> None:
    """Each is at least as long as the one before with the same jitter, and never too long."""
    policy = CircuitPolicy()
    shorter, longer = policy.cooldown(trips, jitter), policy.cooldown(trips + 1, jitter)

    assert shorter <= longer <= policy.cooldown_max_s
    assert shorter >= policy.cooldown_s * (1 - policy.jitter)
    if longer < policy.cooldown_max_s * (1 - policy.jitter):
        assert longer == pytest.approx(2 * shorter)


class Life(RuleBasedStateMachine):
    """Calls begin, succeed, fail and are cancelled in any order, while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = CircuitPolicy(failures=3, window=6, minimum=4, trials=2)
        self.circuit = Circuit(self.policy)
        self.now = 0.0
        self.under_way: list[int] = []
        """The period in which each call began."""

    @rule(seconds=st.floats(0, 400))
    def time_passes(self, seconds: float) -> None:
        """The clock goes on."""
        self.now += seconds

    @rule()
    def begin(self) -> None:
        """A call begins where it may; while open it may not before its time."""
        before = self.circuit
        if not before.allows(self.now):
            assert before.state != "closed"
            return
        assert before.state != "open" or self.now >= before.until
        self.circuit = before.began(self.now)
        assert self.circuit.state != "open"
        self.under_way.append(self.circuit.period)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        """A trial that succeeds closes it; nothing else changes its state."""
        period = self.ended(data)
        before, self.circuit = self.circuit, self.circuit.succeeded(period)
        if before.state == "half_open" and period == before.period:
            assert self.circuit.state == "closed"
        else:
            assert before.state == self.circuit.state

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), jitter=st.floats(0, 1))
    def fail(self, data: st.DataObject, jitter: float) -> None:
        """A trial that fails opens it again, until later; an old call changes nothing."""
        period = self.ended(data)
        before, self.circuit = self.circuit, self.circuit.failed(self.now, jitter, period)
        if period != before.period:
            assert before == self.circuit
        elif before.state == "half_open" or before.streak + 1 >= self.policy.failures:
            assert self.circuit.state == "open"
        if before.state != "open" and self.circuit.state == "open":
            least = self.policy.cooldown_s * (1 - self.policy.jitter)
            assert self.now + least <= self.circuit.until
            assert self.circuit.until <= self.now + self.policy.cooldown_max_s
            assert not self.circuit.allows(self.now)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A call that says nothing changes no state."""
        before = self.circuit
        self.circuit = before.released(self.ended(data))
        assert before.state == self.circuit.state

    def ended(self, data: st.DataObject) -> int:
        """Take one of the calls that are under way."""
        return self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))

    @invariant()
    def trials_are_counted(self) -> None:
        """As many trials are under way as it says, and never more than may be."""
        if self.circuit.state == "half_open":
            assert self.circuit.trials == self.under_way.count(self.circuit.period)
            assert self.circuit.trials <= self.policy.trials
        else:
            assert self.circuit.trials == 0

    @invariant()
    def it_never_stays_shut(self) -> None:
        """Whatever happened, it can be tried again in the end."""
        if self.circuit.state == "open":
            assert self.circuit.allows(self.circuit.until)


TestLife = Life.TestCase
