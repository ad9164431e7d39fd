"""The strategies that ship: pure functions from candidates to the order in which they are asked.

Candidates come by priority, then by name; where a strategy sees no difference it leaves them so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from operator import attrgetter, truediv

from otp_genesis.contracts.provider import Request
from otp_genesis.contracts.provider_registry import Candidate, Order, Strategy

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
    return [candidates[place] for place in by_cost([one.cost_usd for one in candidates])]


def by_cost(costs: Iterable[float | None]) -> list[int]:
    """Return the places of the costs, the lowest first, the unknown ones last."""
    known = [inf if cost is None else cost for cost in costs]
    return sorted(range(len(known)), key=known.__getitem__)


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
    if 0 in weights:
        last = [one for one in candidates if one.entry.weight == 0]
        others = [one for one in candidates if one.entry.weight != 0]
        return [*(weighted(others, request) if others else ()), *round_robin(last, request)]
    if len(candidates) < 2:
        return candidates
    slack = 1 / (2 * len(candidates) - 2)
    # When each must have its next call, counted in calls of all: up to a factor they share.
    due = list(map(truediv, map((1 - slack).__add__, calls), weights))
    order = sorted(range(len(candidates)), key=due.__getitem__)
    after = (sum(calls) + 1) / sum(weights)
    behind = (one for one in order if weights[one] * after - calls[one] >= slack - 1e-9)
    first = next(behind, order[0])
    order.remove(first)
    return [candidates[first], *map(candidates.__getitem__, order)]


BUILT_IN: dict[str, Order] = {
    order.__name__: order
    for order in (priority, cheapest, fastest, least_loaded, round_robin, weighted)
}
BUILT_IN_ORDERS = frozenset(BUILT_IN.values())


def strategy(name: str) -> Strategy:
    """Return a strategy that ships; raise `KeyError` for any other."""
    order = BUILT_IN[name]
    return Strategy(name, order, (order.__doc__ or "").partition("\n")[0])
