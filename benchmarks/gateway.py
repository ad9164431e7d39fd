"""What the gateway adds to a call, with schema and budget; how soon the next one is asked."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.table import Figure
from otp_genesis.contracts.provider import FunctionProvider, Reply, Request
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.durable.sqlite import SqliteStore
from otp_genesis.errors import ProviderError
from otp_genesis.model.budget import Budget
from otp_genesis.model.event import Event
from otp_genesis.model.run import RunRequest
from otp_genesis.providers.budget import Ledger, Purse
from otp_genesis.providers.pool import Pool

CALLS = 2000
RUNS = 5
SCHEMA = {
    "type": "object",
    "properties": {"severity": {"enum": ["low", "high"]}, "line": {"type": "integer"}},
    "required": ["severity", "line"],
    "additionalProperties": False,
}
ABILITIES = frozenset(("text", "structured_output"))
Emit = Callable[[Event], Awaitable[None]]


async def _answers(request: Request) -> Reply:
    return Reply(text='{"severity": "high", "line": 7}')


async def _nothing(event: Event) -> None:
    pass


async def _a_call(emit: Emit, *, budget: bool) -> float:
    """Return the microseconds that the gateway adds to a call."""
    registry = ProviderRegistry()
    for name in ("a", "b", "c"):
        registry.register(FunctionProvider(name, ABILITIES, _answers))
    purse = Purse([Ledger("it", Budget(calls=10**9))]) if budget else None
    models = Pool(registry).models("bench/step", emit, purse=purse)
    request = Request(prompt="how grave?", needs=ABILITIES, output_schema=SCHEMA)
    await models.complete(request)
    began = time.perf_counter()
    for _ in range(CALLS):
        await models.complete(request)
    return (time.perf_counter() - began) / CALLS * 1e6


async def _kept_in_sqlite() -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder, "runs.sqlite"))
        await store.create(RunRequest(run_id="r", pipeline="", name="bench", started_at=0))
        try:
            return await _a_call(lambda event: store.append("r", event), budget=True)
        finally:
            await store.close()


async def _fallback() -> list[float]:
    """Return the milliseconds from one provider's failure to the asking of the next."""
    registry, gaps = ProviderRegistry(), []
    failed_at = 0.0

    async def fails(request: Request) -> Reply:
        nonlocal failed_at
        await asyncio.sleep(0)
        failed_at = time.perf_counter()
        raise ProviderError("this request is none of mine", retryable=False)

    async def answers(request: Request) -> Reply:
        gaps.append((time.perf_counter() - failed_at) * 1e3)
        return Reply(text="ok")

    registry.register("first", fails, priority=1)
    registry.register("second", answers)
    models = Pool(registry).models("bench/step", _nothing)
    for _ in range(200):
        await models.complete(Request(prompt="hello"))
    return gaps


def figures() -> list[Figure]:
    """Measure."""

    def measured(work: Callable[[], Any]) -> list[float]:
        return [asyncio.run(work()) for _ in range(RUNS)]

    gaps = asyncio.run(_fallback())
    return [
        Figure(
            "gateway, a call with schema and budget",
            measured(lambda: _a_call(_nothing, budget=True)), "µs", 150,
        ),
        Figure("  its events kept in SQLite", measured(_kept_in_sqlite), "µs", 150),
        Figure("fallback to the next provider", gaps, "ms", 5),
    ]  # fmt: skip
