"""What the engine itself costs a step: no-op steps, in memory and with the SQLite journal."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from pathlib import Path

from benchmarks.table import Figure, repeated
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.store import Store
from otp_genesis.durable.memory import MemoryStore
from otp_genesis.durable.sqlite import SqliteStore
from otp_genesis.engine.run import Run, run_program
from otp_genesis.expr.scope import Scope
from otp_genesis.model.load import parse_pipeline
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.model.run import RunRequest
from otp_genesis.providers.pool import Pool
from otp_genesis.runtime import Runtime

STEPS = 1000


class Nothing(Params):
    """No parameters."""


async def no_op(params: Nothing, ctx: Context) -> Outcome:
    """Do nothing."""
    return Ok()


def figures() -> list[Figure]:
    """Measure."""
    plain = repeated(_plain, 15)
    floor = sorted(plain)[len(plain) // 2]
    steps = "- {{name: s{0}, type: no_op}}\n"
    templated = '- {{name: s{0}, type: set_variable, variables: {{x: "{{{{ state.x + 1 }}}}"}}}}\n'
    baseline = ("awaiting 1,000 coroutines", floor)
    return [
        Figure(
            "no-op step, in memory",
            repeated(lambda: _run(steps, None), 15), "µs", 40, baseline,
        ),
        Figure(
            "no-op step, SQLite journal",
            repeated(lambda: _run(steps, "sqlite"), 9), "µs", 250, baseline,
        ),
        Figure(
            "set_variable with a template, in memory",
            repeated(lambda: _run(templated, None), 15), "µs", None, baseline,
        ),
    ]  # fmt: skip


def _plain() -> float:
    async def step(number: int) -> int:
        return number

    async def go() -> float:
        began = time.perf_counter()
        results = {}
        for number in range(STEPS):
            results[number] = await step(number)
        return time.perf_counter() - began

    return asyncio.run(go()) / STEPS * 1e6


def _run(step: str, store: str | None) -> float:
    """Return microseconds a step."""
    runtime = Runtime.in_memory(discover=False)
    runtime.steps.register("no_op", no_op)
    body = "".join(step.format(number) for number in range(STEPS))
    text = "name: bench\nvariables: {x: 0}\nsteps:\n" + body
    program = runtime.check(parse_pipeline(text))
    with tempfile.TemporaryDirectory() as folder:
        kept: Store = SqliteStore(Path(folder, "runs.sqlite")) if store else MemoryStore()

        async def go() -> float:
            pool = Pool(ProviderRegistry())
            request = RunRequest(run_id="r", pipeline="", name="bench", started_at=0)
            await kept.create(request)
            run = Run("r", kept, lambda place: pool.models(place.path, place.emit))
            gc.collect()
            began = time.perf_counter()
            outcome = await run_program(run, program, Scope(state={"x": 0}), "bench")
            spent = time.perf_counter() - began
            assert isinstance(outcome, Ok), outcome
            await kept.close()
            return spent

        return asyncio.run(go()) / STEPS * 1e6
