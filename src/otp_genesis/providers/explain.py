"""Every provider with the reason why it would be asked, or not: for `genesis providers`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from otp_genesis.contracts.provider import Limits, ModelFacts, Request
from otp_genesis.model.frozen import Frozen
from otp_genesis.providers.estimate import price_of, tokens_of
from otp_genesis.providers.record import Record
from otp_genesis.providers.selection import Selection


class ExplainedProvider(Frozen):
    """One provider: whether it would be asked, and all that is known of it."""

    name: str
    place: int | None = None
    """It would be asked as the first, the second …; nothing where it would not be asked."""
    reason: str = ""
    """Why it would not be asked."""
    capabilities: tuple[str, ...] = ()
    priority: int = 0
    weight: float = 1.0
    origin: str = ""
    health: Literal["available", "unavailable", "unknown"] = "unknown"
    """What its last check said; `unknown` where it was never checked."""
    health_reason: str = ""
    remedy: str = ""
    checked_s_ago: float | None = None
    circuit: Literal["closed", "open", "half_open"] = "closed"
    opens_in_s: float | None = None
    """In how many seconds an open circuit lets a trial call through."""
    latency_s: float | None = None
    """Moving average."""
    in_flight: int = 0
    calls: int = 0
    failures: int = 0
    last_failure: str = ""
    limits: Limits = Limits()
    models: tuple[ModelFacts, ...] = ()
    cost_usd: float | None = None
    """Estimated price of an empty prompt with an answer of the usual length."""


class Explanation(Frozen):
    """Who would be asked: those first, in their order; then the others by name."""

    needs: tuple[str, ...]
    strategy: str
    fault: str | None = None
    """What the strategy did wrong."""
    providers: tuple[ExplainedProvider, ...]


def explained(
    selection: Selection, request: Request, records: Iterable[Record], now: float
) -> Explanation:
    """Return the selection with what is known of everybody."""
    places = {entry.name: place for place, entry in enumerate(selection.chosen, start=1)}
    known = {record.name: record for record in records}
    rows = []
    for name in {**known, **selection.passed_over}:
        row = _row(known[name], request, now) if name in known else ExplainedProvider(name=name)
        told = {"place": places.get(name), "reason": selection.passed_over.get(name, "")}
        rows.append(row.model_copy(update=told))
    rows.sort(key=lambda row: (row.place is None, row.place or 0, row.name))
    return Explanation(
        needs=tuple(sorted(request.needs)),
        strategy=selection.strategy,
        fault=selection.fault,
        providers=tuple(rows),
    )


def _row(record: Record, request: Request, now: float) -> ExplainedProvider:
    entry, health = record.entry, record.health
    price, (into, out) = price_of(entry, request.model), tokens_of(request)
    waits = record.circuit.until - now if record.circuit.state == "open" else None
    row = ExplainedProvider(
        name=entry.name,
        capabilities=tuple(sorted(entry.capabilities)),
        priority=entry.priority,
        weight=entry.weight,
        origin=entry.origin,
        circuit=record.circuit.state,
        opens_in_s=None if waits is None else max(waits, 0.0),
        latency_s=record.latency_s,
        in_flight=record.in_flight,
        calls=record.calls,
        failures=record.failures,
        last_failure=record.warning,
        limits=entry.limits,
        models=entry.models,
        cost_usd=None if price is None else price[0] * into + price[1] * out,
    )
    if health is None:
        return row
    told = {
        "health": "available" if health.available else "unavailable",
        "health_reason": health.reason,
        "remedy": health.remedy,
        "checked_s_ago": now - record.checked_at,
    }
    return row.model_copy(update=told)
