"""What it costs to choose among many providers, and what the gateway adds to a call."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter

from benchmarks.table import Figure, repeated
from otp_genesis.contracts.provider import FunctionProvider, ModelFacts, Reply, Request
from otp_genesis.contracts.provider_registry import Candidate, ProviderRegistry
from otp_genesis.model.event import Event
from otp_genesis.providers.pool import Pool
from otp_genesis.providers.strategies import BUILT_IN

PROVIDERS = 50
AWAY = 5
"""So many of them have an open circuit, and are passed over."""
TIMES = 1000
REQUEST = Request(prompt="a question of some length " * 40, needs=frozenset(("text", "tools")))


def figures() -> list[Figure]:
    """Measure."""
    baseline = _baseline()
    found = []
    for name in (*BUILT_IN, "own"):
        pool = asyncio.run(_pool())
        pool.strategies.register("own", _own)
        values = repeated(partial(_selecting, pool, name), 15)
        label = f"selection among {PROVIDERS}, {name}"
        # What a registered strategy costs is its own; here it is told every price, and then sorts.
        limit = 20 if name in BUILT_IN else None
        found.append(Figure(label, values, "µs", limit, (f"sorted() of {PROVIDERS}", baseline)))
    calls = repeated(_calling, 9)
    direct = repeated(_calling_directly, 9)
    against = ("the call itself", sorted(direct)[len(direct) // 2])
    found.append(Figure("gateway, a call among 50 providers", calls, "µs", 150, against))
    return found


def _own(candidates: Sequence[Candidate], request: Request) -> Sequence[Candidate]:
    return sorted(candidates, key=attrgetter("in_flight"))


async def _answer(request: Request) -> Reply:
    return Reply(text="yes")


async def _fail(request: Request) -> Reply:
    raise ConnectionError("down")


async def _pool() -> Pool:
    """Return a pool in which everybody was asked, and some have failed too often."""
    registry = ProviderRegistry()
    for number in range(PROVIDERS):
        price = (number * 7 % PROVIDERS) / 4
        registry.register(
            FunctionProvider(
                f"p{number:02}",
                frozenset(("text", "tools")),
                _fail if number < AWAY else _answer,
            ),
            models=[
                ModelFacts(name="m", input_usd_per_million=price, output_usd_per_million=4 * price)
            ],
            priority=number * 13 % 5,
            weight=1 + number % 3,
        )
    pool = Pool(registry, strategy="round_robin")
    models = pool.models("bench", _nobody)
    for _ in range(10 * PROVIDERS):
        await models.complete(REQUEST)
    return pool


async def _nobody(event: Event) -> None:
    """Listen to nothing."""


def _selecting(pool: Pool, strategy: str) -> float:
    """Return microseconds a selection: capabilities, health and order."""
    assert len(pool.select(REQUEST, strategy=strategy).chosen) == PROVIDERS - AWAY
    return _each(lambda: pool.select(REQUEST, strategy=strategy))


def _baseline() -> float:
    numbers = [complex(number * 7 % PROVIDERS) for number in range(PROVIDERS)]
    key = attrgetter("real")
    return min(repeated(lambda: _each(lambda: sorted(numbers, key=key)), 5))


def _each(action: Callable[[], object]) -> float:
    gc.collect()
    began = time.perf_counter()
    for _ in range(TIMES):
        action()
    return (time.perf_counter() - began) / TIMES * 1e6


def _calling() -> float:
    async def go() -> float:
        pool = await _pool()
        gc.collect()
        began = time.perf_counter()
        for number in range(TIMES):
            await pool.models(f"bench/{number}", _nobody).complete(REQUEST)
        return time.perf_counter() - began

    return asyncio.run(go()) / TIMES * 1e6


def _calling_directly() -> float:
    async def go() -> float:
        began = time.perf_counter()
        for _ in range(TIMES):
            await _answer(REQUEST)
        return time.perf_counter() - began

    return asyncio.run(go()) / TIMES * 1e6
