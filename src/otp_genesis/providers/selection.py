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
from otp_genesis.providers.strategies import BUILT_IN_ORDERS, WITHOUT_COST, priority, weighted

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
    candidates: Sequence[Candidate]
    if standing.prices and strategy.order not in WITHOUT_COST:
        candidates = _with_cost(standing, request)
    else:
        candidates = list(map(_candidate, standing.able))
    fault = None
    if talked_with is not None and (same := [c for c in candidates if c.name == talked_with]):
        told = f"session {request.session!r} is with {talked_with!r}"
        blocked = {**blocked, **{one.name: told for one in candidates if one is not same[0]}}
        candidates = same
    elif len(candidates) > 1:
        candidates, left_out, fault = _ordered(candidates, strategy, request)
        blocked = {**blocked, **left_out} if left_out else blocked
    passed_over = {**plan.unfit, **blocked} if blocked else plan.unfit
    return Selection(tuple(map(_entry, candidates)), passed_over, strategy.name, plan, fault)


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


def _with_cost(standing: Standing, request: Request) -> list[Candidate]:
    """Return the candidates with the price of this request."""
    into, out = tokens_of(request)
    # No call for each: there may be many, and this is done every time.
    return [
        _make(
            Candidate,
            (*one.seen, None if price is None else price[0] * into + price[1] * out),
        )
        for one, price in zip(standing.able, standing.prices, strict=True)
    ]


def _ordered(
    candidates: Sequence[Candidate], strategy: Strategy, request: Request
) -> tuple[Sequence[Candidate], dict[str, str], str | None]:
    """Return the strategy's order, whom it left out, and its fault where the order is none."""
    if strategy.order in BUILT_IN_ORDERS:
        return strategy.order(candidates, request), {}, None
    try:
        order = tuple(strategy.order(tuple(candidates), request))
        known, given = set(map(id, candidates)), set(map(id, order))
    # A strategy is anybody's function: its flaws must not stop a run.
    except Exception as error:
        fault = f"it raised {type(error).__name__}: {error}"
    else:
        if not given <= known or len(order) != len(given):
            fault = "it returned what it was not given, or one candidate twice"
        elif not order:
            fault = "it left out every candidate"
        else:
            if len(order) == len(candidates):
                return order, {}, None
            told = f"the strategy {strategy.name!r} left it out"
            return order, {one.name: told for one in candidates if id(one) not in given}, None
    return priority(candidates, request), {}, f"the strategy {strategy.name!r}: {fault}"
