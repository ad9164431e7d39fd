"""What the loop costs with documents of pipeline_ex: 1,000 `set_variable` steps, in memory.

The limits are what the compiled original needs for the same documents on the BEAM. What keeping
each step costs (its checkpoints) must not grow with the number of steps.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.table import Figure, repeated
from otp_genesis.contracts.store import Store
from otp_genesis.durable.memory import MemoryStore
from otp_genesis.durable.sqlite import SqliteStore
from otp_genesis.engine.program import Program
from otp_genesis.engine.run import Run, run_program
from otp_genesis.expr.scope import Scope
from otp_genesis.model.outcome import Ok
from otp_genesis.model.run import RunRequest
from otp_genesis.providers.pool import Pool
from otp_genesis.runtime import Runtime
from otp_genesis.testing import parse_pipeline

STEPS = 1000
CONSTANT = "- {{name: s{0}, type: set_variable, variables: {{v{0}: {0}}}}}\n"
TEMPLATE = '- {{name: s{0}, type: set_variable, variables: {{v{0}: "{{{{state.x + 1}}}}"}}}}\n'
CONDITION = (
    "- {{name: s{0}, type: set_variable, condition: 'first.variable_count > 0',"
    " variables: {{v{0}: {0}}}}}\n"
)


def figures() -> list[Figure]:
    """Measure."""
    rows = (
        ("a constant", CONSTANT, 10.0),
        ("a template", TEMPLATE, 15.0),
        ("a condition", CONDITION, 17.0),
    )
    found = []
    for what, step, limit in rows:
        program = _program(step, STEPS)
        values = repeated(partial(_run, program, MemoryStore), 15)
        found.append(Figure(f"older set_variable with {what}", values, "µs", limit))
    few = repeated(partial(_kept, _program(CONSTANT, 10)), 15)
    baseline = ("a step of 10", sorted(few)[len(few) // 2])
    for steps in (100, STEPS):
        many = repeated(partial(_kept, _program(CONSTANT, steps)), 9)
        limit = 1.5 * baseline[1]
        found.append(Figure(f"kept in SQLite, a step of {steps}", many, "µs", limit, baseline))
    return found


def _program(step: str, steps: int) -> Program:
    runtime = Runtime.in_memory(discover=False)
    first = "- {name: first, type: set_variable, variables: {x: 0}}\n"
    body = first + "".join(step.format(number) for number in range(1, steps))
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    return runtime.check(parse_pipeline(f"workflow:\n  name: bench\n  steps:\n{indented}"))


def _kept(program: Program) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return _run(program, lambda: SqliteStore(Path(folder, "runs.sqlite")))


def _run(program: Program, store: Callable[[], Store]) -> float:
    """Return microseconds a step."""

    async def go() -> float:
        kept = store()
        pool = Pool(Runtime.in_memory(discover=False).providers)
        request = RunRequest(run_id="r", pipeline="", name="bench", started_at=0)
        await kept.create(request)
        run = Run("r", kept, lambda place: pool.models(place.path, place.emit))
        gc.collect()
        began = time.perf_counter()
        outcome = await run_program(run, program, Scope(), "bench")
        spent = time.perf_counter() - began
        assert isinstance(outcome, Ok), outcome
        await kept.close()
        return spent

    return asyncio.run(go()) / len(program.steps) * 1e6
