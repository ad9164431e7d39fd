"""Which providers are asked, in which order, and why the others are not.

This is done for every call, with all that could be asked: the loops run in C where they can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from operator import attrgetter, itemgetter

from otp_genesis.contracts.provider import RegisteredProvider, Request
from otp_genesis.contracts.provider_registry import Candidate, Strategy
from otp_genesis.providers.estimate import Price, tokens_of
from otp_genesis.providers.record import Record
from otp_genesis.providers.roster import Plan, Standing
from otp_genesis.providers.strategies import BUILT_IN_ORDERS, by_cost, cheapest, priority, weighted

_candidate = attrgetter("candidate")
_entry = itemgetter(0)
_make = tuple.__new__


@dataclass(frozen=True, slots=True)
class Selection:
    """Who is asked, in this order, and why the others are not."""

    chosen: tuple[RegisteredProvider, ...]
    passed_over: Mapping[str, str]
    """Those that are not asked at all, each with the reason."""
    strategy: str
    plan: Plan
    fault: str | None = None
    """What the strategy did wrong; the order is then that of `priority`."""

    def record(self, entry: RegisteredProvider) -> Record:
        """Return the record of one of the chosen."""
        return next(one for one in self.plan.fit if one.entry is entry)


def select(
    plan: Plan, strategy: Strategy, request: Request, now: float, talked_with: str | None = None
) -> Selection:
    """Put those of the plan that can be asked now in the order of the strategy.

    `talked_with` is who had the conversation so far: if it can be asked, nobody else is.
    """
    standing = plan.standing
    if standing is None or standing.changes != plan.changes.count or now >= standing.until:
        standing = plan.standing = _standing(plan, strategy, now)
    blocked = standing.blocked
    able, passed_over = standing.able, plan.unfit
    fault = None
    chosen: Sequence[RegisteredProvider]
    if talked_with is not None and (same := [one for one in able if one.name == talked_with]):
        told = f"session {request.session!r} is with {talked_with!r}"
        blocked = {**blocked, **{one.name: told for one in able if one is not same[0]}}
        chosen = [same[0].entry]
    elif strategy.order is cheapest:
        chosen = _cheapest(standing, request)
    else:
        order, left_out, fault = _ordered(standing, strategy, request)
        blocked = {**blocked, **left_out} if left_out else blocked
        chosen = list(map(_entry, order))
    if blocked:
        passed_over = {**passed_over, **blocked}
    return Selection(tuple(chosen), passed_over, strategy.name, plan, fault)


def _standing(plan: Plan, strategy: Strategy, now: float) -> Standing:
    """Find out who can be asked, and bring those that come new or back level with the others."""
    blocked: dict[str, str] = {}
    able, until = [], inf
    for record in plan.fit:
        if (why := record.obstacle(now)) is None:
            able.append(record)
            continue
        blocked[record.name] = why
        if record.circuit.state == "open":
            until = min(until, record.circuit.until)
    late = [one for one in able if one.late]
    for record in late:
        # Turns are compared as the strategy does; each of the late ones then is where the least is.
        weights = [one.entry.weight if strategy.order is weighted else 1.0 for one in able]
        pairs = zip(able, weights, strict=True)
        turns = [one.turns / weight for one, weight in pairs if weight and not one.late]
        own = record.entry.weight if strategy.order is weighted else 1.0
        record.level(min(turns, default=0.0) * own)
    prices: tuple[Price | None, ...] = ()
    if any(price is not None for price in plan.prices):
        known = dict(zip(plan.fit, plan.prices, strict=True))
        prices = tuple(known[one] for one in able)
    return Standing(plan.changes.count, until, tuple(able), prices, blocked)


def _costs(standing: Standing, request: Request) -> list[float | None]:
    into, out = tokens_of(request)
    return [
        None if price is None else price[0] * into + price[1] * out for price in standing.prices
    ]


def _cheapest(standing: Standing, request: Request) -> list[RegisteredProvider]:
    """Order as the strategy `cheapest` does, without a candidate made for each price."""
    able = standing.able
    if not standing.prices:
        return [one.entry for one in able]
    return [able[place].entry for place in by_cost(_costs(standing, request))]


def _candidates(standing: Standing, request: Request) -> list[Candidate]:
    """Return the candidates with the price of this request."""
    if not standing.prices:
        return list(map(_candidate, standing.able))
    return [
        _make(Candidate, (one.entry, one.latency_s, one.in_flight, one.turns, cost))
        for one, cost in zip(standing.able, _costs(standing, request), strict=True)
    ]


def _ordered(
    standing: Standing, strategy: Strategy, request: Request
) -> tuple[Sequence[Candidate], dict[str, str], str | None]:
    """Return the strategy's order, whom it left out, and its fault where the order is none."""
    if strategy.order in BUILT_IN_ORDERS:
        return strategy.order(list(map(_candidate, standing.able)), request), {}, None
    candidates = _candidates(standing, request)
    try:
        # It is given a tuple, for it could empty a list.
        order = tuple(strategy.order(tuple(candidates), request))
        missing = set(map(id, candidates))
        missing.difference_update(map(id, order))
    # A strategy is anybody's function: its flaws must not stop a run.
    except Exception as error:
        fault = f"it raised {type(error).__name__}: {error}"
    else:
        # As many as there are, and none missing: it is the same ones in another order.
        if len(order) + len(missing) != len(candidates):
            fault = "it returned what it was not given, or one candidate twice"
        elif candidates and not order:
            fault = "it left out every candidate"
        else:
            told = f"the strategy {strategy.name!r} left it out"
            left_out = [one for one in candidates if id(one) in missing] if missing else []
            return order, {one.name: told for one in left_out}, None
    return priority(candidates, request), {}, f"the strategy {strategy.name!r}: {fault}"
