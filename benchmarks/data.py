"""What the operations of `data_transform` take for 100,000 rows, each in a run of its own."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from typing import Any

from benchmarks.table import Figure, repeated
from otp_genesis.engine.program import Program
from otp_genesis.runtime import Runtime
from otp_genesis.testing import parse_pipeline

ROWS = 100_000
LIMIT_S = 10.0
OPERATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("filter by a literal", {"operation": "filter", "condition": "n > 50000"}),
    ("filter by an expression", {"operation": "filter", "condition": "n > 9 and k != 'k1'"}),
    ("map by a mapping", {"operation": "map", "field": "k", "mapping": {"k1": "one"}}),
    ("map by an expression", {"operation": "map", "expression": "{k: k, n: n * 2}"}),
    ("aggregate", {"operation": "aggregate", "value_field": "n", "function": "median"}),
    ("group_by", {"operation": "group_by", "key": "k", "aggregate": {"s": "sum(n)"}}),
    ("join", {"operation": "join", "right_source": "inputs.rows", "join_key": "n"}),
    ("sort by two fields", {"operation": "sort", "by": "k, n desc"}),
    ("unique", {"operation": "unique"}),
    ("flatten", {"operation": "flatten", "field": "l"}),
    ("extract by JSONPath", {"operation": "extract", "path": "$[?@.n > 9].l[0]"}),
)


def figures() -> list[Figure]:
    """Measure."""
    runtime = Runtime.in_memory(discover=False)
    rows = [{"k": f"k{n % 1000}", "n": n, "l": [n, n + 1]} for n in range(ROWS)]
    found = []
    nothing = _program(runtime, [])
    alone = sorted(repeated(partial(_run, runtime, nothing, rows), 3))[1]
    for what, one in OPERATIONS:
        program = _program(runtime, [one])
        values = repeated(partial(_run, runtime, program, rows), 3)
        name = f"{what}, {ROWS:,} rows"
        found.append(Figure(name, values, "s", LIMIT_S, ("no operation", alone)))
    return found


def _program(runtime: Runtime, operations: list[dict[str, Any]]) -> Program:
    step = {
        "name": "t", "type": "data_transform", "input_source": "inputs.rows",
        "operations": operations, "output_format": "count",
    }  # fmt: skip
    document = {"workflow": {"name": "t", "inputs": {"rows": {}}, "steps": [step]}}
    return runtime.check(parse_pipeline(json.dumps(document)))


def _run(runtime: Runtime, program: Program, rows: list[Any]) -> float:
    """Return the seconds of one run."""
    began = time.perf_counter()
    report = asyncio.run(runtime.run(program.pipeline, {"rows": rows}))
    assert report.error is None, report.error
    return time.perf_counter() - began
