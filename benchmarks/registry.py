"""What the registry costs: lookups among 10,000 while others write, registration, memory, start."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint

import pluggy
from stevedore.extension import Extension, ExtensionManager

from benchmarks.table import Figure, repeated
from otp_genesis.contracts.catalog import StepRegistry
from otp_genesis.contracts.params_schema import params_schema
from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import StepMetadata, StepType
from otp_genesis.model.outcome import Ok, Outcome

TYPES = 10_000
BATCH = 200
WRITERS = 4
RUNTIME = """
import asyncio
from otp_genesis.runtime import Runtime

async def main():
    async with Runtime.in_memory(discover=False):
        pass

asyncio.run(main())
"""
ASYNCIO = "import asyncio\nasyncio.run(asyncio.sleep(0))\n"
PYDANTIC = "from pydantic import BaseModel\nclass A(BaseModel):\n    a: int = 1\n"


class Ten(Params):
    """Ten parameters."""

    prompt: str
    """What is asked."""
    model: str | None = None
    """Which model."""
    temperature: float = 0.7
    """How daring."""
    max_tokens: int = 1000
    """How long."""
    stop: list[str] = []
    """Where to end."""
    options: dict[str, int] = {}
    """More."""
    stream: bool = False
    """At once."""
    retries: int = 3
    """How often."""
    tags: list[str] = []
    """For finding."""
    note: str = ""
    """For readers."""


async def ten(params: Ten, ctx: Context) -> Outcome:
    """Do nothing with ten parameters."""
    return Ok()


def filled() -> StepRegistry:
    """Return a registry of 10,000 types."""
    registry = StepRegistry()
    for number in range(TYPES):
        metadata = StepMetadata(description="One of many.")
        registry.add(StepType(f"type_{number}", Ten, ten, "none", metadata))
    return registry


@contextmanager
def written(registry: StepRegistry) -> Iterator[None]:
    """Have four threads register and unregister meanwhile."""
    over = threading.Event()

    def write(thread: int) -> None:
        number = 0
        while not over.is_set():
            name = f"new_{thread}_{number % 50}"
            registry.add(StepType(name, Ten, ten))
            registry.unregister(name)
            number += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def batch_ns(look: Callable[[str], object], rounds: int = 400) -> float:
    """Return the median time of a lookup, the loop's own share taken away."""
    names = [f"type_{number * 37 % TYPES}" for number in range(BATCH)]
    taken, empty = [], []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        for name in names:
            look(name)
        taken.append(time.perf_counter_ns() - began)
        began = time.perf_counter_ns()
        for name in names:  # noqa: B007 - the loop itself is measured
            pass
        empty.append(time.perf_counter_ns() - began)
    return (statistics.median(taken) - statistics.median(empty)) / BATCH


def tail_ns(look: Callable[[str], object], times: int = 100_000) -> float:
    """Return the time that 999 of 1,000 single lookups stay below, the clock's share taken away."""
    clock = time.perf_counter_ns
    bare = sorted(-clock() + clock() for _ in range(20_000))[10_000]
    taken = []
    for number in range(times):
        name = f"type_{number % TYPES}"
        began = clock()
        look(name)
        taken.append(clock() - began)
    return sorted(taken)[int(times * 0.999)] - bare


def peers() -> dict[str, Callable[[str], object]]:
    """Return how others look a name up among 10,000."""
    plain = {f"type_{number}": object() for number in range(TYPES)}
    lock = threading.Lock()

    def guarded(name: str) -> object:
        with lock:
            return plain[name]

    manager = pluggy.PluginManager("bench")
    for name, value in plain.items():
        manager.register(value, name=name)
    entry = EntryPoint("type", "builtins:object", "bench")
    extensions = [Extension(name, entry, object, value) for name, value in plain.items()]
    stevedore = ExtensionManager.make_test_instance(extensions)
    return {
        "a dict": plain.__getitem__,
        "a dict behind a lock": guarded,
        "pluggy get_plugin": manager.get_plugin,
        "stevedore manager[name]": stevedore.__getitem__,
    }


def register_us() -> float:
    """Return the time to register a ten-field type by name and have its schema."""
    registry = StepRegistry()
    taken = []
    for number in range(200):
        metadata = StepMetadata(description="One of many.")
        began = time.perf_counter()
        entry = registry.register(f"type_{number}", ten, params=Ten, metadata=metadata)
        params_schema(entry.params)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def register_among_us() -> float:
    """Return the same among 10,000 that are there: a write copies the names."""
    registry = filled()
    taken = []
    for number in range(100):
        began = time.perf_counter()
        registry.register(f"new_{number}", ten, params=Ten)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def bytes_a_type() -> float:
    """Return the memory of one of 10,000 types, beyond its class."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    registry = filled()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(registry) == TYPES
    return (after - before) / TYPES


def start_ms(before: str) -> float:
    """Return how much longer a process takes that starts a runtime after what `before` does.

    The quickest of five each: a process meets with whatever else the machine does.
    """
    pairs = [(_process(before + RUNTIME), _process(before)) for _ in range(5)]
    return (min(one for one, _ in pairs) - min(other for _, other in pairs)) * 1e3


def _process(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def figures() -> list[Figure]:
    """Measure."""
    registry = filled()
    found = []
    plain = peers()
    base = statistics.median(repeated(lambda: batch_ns(plain["a dict"]), 5))
    quiet = repeated(lambda: batch_ns(registry.get), 9)
    with written(registry):
        busy = repeated(lambda: batch_ns(registry.get), 9)
        tail = repeated(lambda: tail_ns(registry.get), 5)
    against = ("a dict", base)
    found += [
        Figure("lookup among 10,000 types, nobody writes", quiet, "ns", None, against),
        Figure("lookup among 10,000 types, 4 threads write", busy, "ns", 100, against),
        Figure("the same, 999 of 1,000 are below", tail, "ns", 1000),
    ]
    for name, look in plain.items():
        times = repeated(lambda look=look: batch_ns(look, 50), 5)  # type: ignore[misc]
        found.append(Figure(f"  beside it: {name}", times, "ns", None, against))
    # Taken on the BEAM, on another machine; they stand here to be compared, not to be kept.
    for name, value in (
        ("a GenServer call", 1300.0), ("ETS", 160.0), ("persistent_term", 40.0),
        ("a compiled case", 10.0),
    ):  # fmt: skip
        found.append(Figure(f"  measured elsewhere: {name}", [value], "ns", None, against))
    start = repeated(lambda: start_ms(PYDANTIC + ASYNCIO), 7)
    whole = repeated(lambda: start_ms(PYDANTIC), 7)
    return [
        *found,
        Figure(
            "register a type of 10 fields, with its schema", repeated(register_us, 9), "µs", 200
        ),
        Figure(
            "the same among 10,000, without the schema kept", repeated(register_among_us, 3), "µs"
        ),
        Figure("memory of a type, of 10,000", repeated(bytes_a_type, 3), "B", 4096),
        Figure("runtime start, beyond Python and pydantic", start, "ms", 60),
        Figure("  the import of asyncio counted too", whole, "ms"),
    ]
