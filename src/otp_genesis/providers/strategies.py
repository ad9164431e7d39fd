"""The strategies that ship: pure functions from candidates to the order in which they are asked.

Candidates come by priority, then by name; where a strategy sees no difference it leaves them so.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from operator import attrgetter

from otp_genesis.contracts.provider import Request
from otp_genesis.contracts.provider_registry import Candidate, Order, Strategies, Strategy

_priority = attrgetter("entry.priority")
_latency = attrgetter("latency_s")
_in_flight = attrgetter("in_flight")
_calls = attrgetter("calls")
_weight = attrgetter("entry.weight")


def priority(candidates: Sequence[Candidate], request: Request) -> Sequence[Candidate]:
    """The highest priority first."""
    return sorted(candidates, key=_priority, reverse=True)


def cheapest(candidates: Sequence[Candidate], request: Request) -> Sequence[Candidate]:
    """The lowest estimated price of this request first; those of unknown price last."""
    return sorted(candidates, key=lambda one: inf if one.cost_usd is None else one.cost_usd)


def fastest(candidates: Sequence[Candidate], request: Request) -> Sequence[Candidate]:
    """The lowest moving average of latency first; before them those that nobody knows yet."""
    unknown = [one for one in candidates if one.latency_s is None]
    if not unknown:
        return sorted(candidates, key=_latency)
    known = sorted((one for one in candidates if one.latency_s is not None), key=_latency)
    # Otherwise all calls that come before the first answer would go to the same one.
    return sorted(unknown, key=_in_flight) + known


def least_loaded(candidates: Sequence[Candidate], request: Request) -> Sequence[Candidate]:
    """The fewest calls under way first, those that wait for a limit among them."""
    return sorted(candidates, key=_in_flight)


def round_robin(candidates: Sequence[Candidate], request: Request) -> Sequence[Candidate]:
    """One after the other: the fewest calls so far first."""
    return sorted(candidates, key=_calls)


def weighted(candidates: Sequence[Candidate], request: Request) -> Sequence[Candidate]:
    """Calls in proportion to weights; a weight of 0 is asked only where all others fail.

    After any number of calls each has had its share to within one call: R. Tijdeman, "The chairman
    assignment problem", Discrete Mathematics 32 (1980). Of those that the next call would not put
    ahead of their share by too much, the first is the one that must have a call soonest.
    """
    weights, calls = list(map(_weight, candidates)), list(map(_calls, candidates))
    whole, number = sum(weights), len(candidates)
    if whole <= 0 or number == 1:
        return round_robin(candidates, request)
    slack = 1 / (2 * number - 2)
    # When, in calls of all together, each must have its next one, up to what they have in common.
    due = [
        (1 - slack + had) / weight if weight else inf
        for weight, had in zip(weights, calls, strict=True)
    ]
    order = sorted(range(number), key=due.__getitem__)
    after = (sum(calls) + 1) / whole
    ahead = (one for one in order if weights[one] * after - calls[one] >= slack - 1e-9)
    first = next(ahead, order[0])
    order.remove(first)
    return [candidates[first], *map(candidates.__getitem__, order)]


BUILT_IN: dict[str, Order] = {
    order.__name__: order
    for order in (priority, cheapest, fastest, least_loaded, round_robin, weighted)
}
BUILT_IN_ORDERS = frozenset(BUILT_IN.values())
WITHOUT_COST = BUILT_IN_ORDERS - {cheapest}
"""For these no price is estimated: they do not look at it."""


def built_in_strategies() -> Strategies:
    """Return a registry of the strategies that ship."""
    return Strategies(
        Strategy(name, order, (order.__doc__ or "").partition("\n")[0])
        for name, order in BUILT_IN.items()
    )
