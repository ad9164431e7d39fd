"""The order in which candidates are asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.contracts.provider import (
    FunctionProvider,
    ModelFacts,
    RegisteredProvider,
    Reply,
    Request,
)
from otp_genesis.contracts.provider_registry import Candidate
from otp_genesis.providers import built_in_strategies
from otp_genesis.providers.estimate import OUTPUT_TOKENS, price_of, tokens_of
from otp_genesis.providers.strategies import BUILT_IN

REQUEST = Request(prompt="hi")


async def answer(request: Request) -> Reply:
    return Reply(text="yes")


def entry(name: str, priority: int = 0, weight: float = 1.0) -> RegisteredProvider:
    provider = FunctionProvider(name, frozenset(("text",)), answer)
    return RegisteredProvider(provider, provider.capabilities, priority=priority, weight=weight)


def ordered(strategy: str, candidates: Sequence[Candidate]) -> list[str]:
    return [one.name for one in BUILT_IN[strategy](candidates, REQUEST)]


CANDIDATES = st.lists(
    st.builds(
        lambda priority, weight, latency, busy, calls, cost: Candidate(
            entry("x", priority, weight), latency, busy, calls, cost
        ),
        st.integers(-2, 2),
        st.just(0.0) | st.floats(0.1, 50),
        st.none() | st.floats(0, 100),
        st.integers(0, 5),
        st.integers(0, 100),
        st.none() | st.floats(0, 10),
    ),
    max_size=20,
)


@pytest.mark.parametrize("strategy", BUILT_IN)
@given(candidates=CANDIDATES)
def test_it_is_an_order(strategy: str, candidates: list[Candidate]) -> None:
    """Each of the candidates once, the same ones every time, and none is changed."""
    given_ones = tuple(candidates)
    first = list(BUILT_IN[strategy](given_ones, REQUEST))
    again = list(BUILT_IN[strategy](given_ones, REQUEST))

    assert sorted(map(id, given_ones)) == sorted(map(id, first))
    assert list(map(id, first)) == list(map(id, again))


def test_what_each_orders_by() -> None:
    """Where it sees no difference it leaves the order as it is."""
    a = Candidate(entry("a", priority=1), latency_s=3.0, in_flight=2, calls=5, cost_usd=0.2)
    b = Candidate(entry("b", priority=9), latency_s=1.0, in_flight=0, calls=7, cost_usd=None)
    c = Candidate(entry("c", priority=1), latency_s=2.0, in_flight=2, calls=2, cost_usd=0.1)

    assert ["b", "a", "c"] == ordered("priority", (a, b, c))
    assert ["c", "a", "b"] == ordered("cheapest", (a, b, c))
    assert ["b", "c", "a"] == ordered("fastest", (a, b, c))
    assert ["b", "a", "c"] == ordered("least_loaded", (a, b, c))
    assert ["c", "a", "b"] == ordered("round_robin", (a, b, c))


def test_the_unknown_is_tried_before_the_fast() -> None:
    """Whose latency nobody knows comes first, the idle one before the busy one."""
    known = Candidate(entry("known"), latency_s=0.1)
    busy = Candidate(entry("busy"), in_flight=1)
    idle = Candidate(entry("idle"))

    assert ["idle", "busy", "known"] == ordered("fastest", (known, busy, idle))


def played(
    strategy: str, weights: Sequence[float], calls: int, had: Sequence[int] = ()
) -> list[Counter[str]]:
    """Return how often each was the first, after each of so many calls."""
    entries = [entry(f"p{place:02}", weight=weight) for place, weight in enumerate(weights)]
    counts = Counter({one.name: n for one, n in zip(entries, had, strict=False)})
    after = []
    for _ in range(calls):
        candidates = [Candidate(one, calls=counts[one.name]) for one in entries]
        counts[BUILT_IN[strategy](candidates, REQUEST)[0].name] += 1
        after.append(counts.copy())
    return after


@given(st.integers(1, 9), st.integers(1, 60))
def test_round_robin_is_fair(number: int, calls: int) -> None:
    """No one is ever more than one call ahead of another."""
    for counts in played("round_robin", [1.0] * number, calls):
        had = [counts[f"p{place:02}"] for place in range(number)]
        assert max(had) - min(had) <= 1


@given(st.lists(st.integers(1, 100).map(float) | st.floats(0.01, 100), min_size=1, max_size=12))
def test_weighted_keeps_to_the_shares(weights: list[float]) -> None:
    """After any number of calls each has had its share, to within one call."""
    whole = sum(weights)
    for number, counts in enumerate(played("weighted", weights, 80), start=1):
        for place, weight in enumerate(weights):
            assert abs(counts[f"p{place:02}"] - number * weight / whole) <= 1.000001


def test_one_great_and_many_small() -> None:
    """The case in which a simple rule gives the great one too much: 100 beside 50 times 1."""
    last = played("weighted", [100.0, *[1.0] * 50], 150)[-1]

    assert (100, {1}) == (last["p00"], {last[f"p{place:02}"] for place in range(1, 51)})


def test_a_weight_of_nothing() -> None:
    """It comes last; where all have none they take turns."""
    some = (Candidate(entry("none", weight=0)), Candidate(entry("some", weight=0.1), calls=99))

    assert ["some", "none"] == ordered("weighted", some)
    assert {"p00": 2, "p01": 2} == played("weighted", [0.0, 0.0], 4)[-1]


def test_the_estimate() -> None:
    """Four characters are a token; an answer is as long as it may be, or as usual."""
    assert (3, OUTPUT_TOKENS) == tokens_of(Request(prompt="12345678", system="x"))
    assert (1, 7) == tokens_of(Request(prompt="", max_output_tokens=7))


def test_the_price() -> None:
    """That of the model, or of the first; nothing where one of its two parts is not known."""
    known = ModelFacts(name="a", input_usd_per_million=1, output_usd_per_million=2)
    half = ModelFacts(name="b", input_usd_per_million=1)
    provider = FunctionProvider("p", frozenset(("text",)), answer)
    registered = RegisteredProvider(provider, provider.capabilities, models=(known, half))

    assert (1e-6, 2e-6) == price_of(registered, None) == price_of(registered, "a")
    assert (None, None) == (price_of(registered, "b"), price_of(registered, "other"))


def test_they_are_registered_with_what_they_do() -> None:
    """Six of them, each with a line for the user."""
    registry = built_in_strategies()

    assert sorted(BUILT_IN) == list(registry.names())
    assert all(one.description.endswith(".") for one in registry)
