"""1,000 calls of 50 ms, 100 at once, to a server in a process of its own: time and memory.

Our provider is asked through a gateway, the vendor's package as its makers show it. Each
measurement is a process of its own, so that the peak of its memory is its own, too.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.table import Figure

CALLS = 1000
AT_ONCE = 100
DELAY_S = 0.05
RUNS = 7
LIMIT_S = 0.65
LIMIT_MB = 150.0
SERVER = """
import asyncio
from otp_genesis.loopback.openai import OpenAIServer

async def main():
    async with OpenAIServer(["fine"], delay_s={delay}) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
PROMPT = "a question of some length " * 20


def figures() -> list[Figure]:
    """Measure."""
    with _served() as url:
        ours = [_measured("ours", url) for _ in range(RUNS)]
        theirs = [_measured("theirs", url) for _ in range(3)]
    against = ("openai", sorted(one["s"] for one in theirs)[1])
    name = f"{CALLS} calls of {DELAY_S * 1e3:g} ms, {AT_ONCE} at once"
    best = CALLS / AT_ONCE * DELAY_S
    return [
        Figure(f"{name}, openai adapter", [one["s"] for one in ours], "s", LIMIT_S, against),
        Figure("  waiting alone", [best], "s"),
        Figure("  its processor time", [one["cpu_s"] for one in ours], "s"),
        Figure("  peak memory", [one["mb"] for one in ours], "MB", LIMIT_MB),
        Figure("  beside it: the package openai", [one["s"] for one in theirs], "s"),
        Figure("  its peak memory", [one["mb"] for one in theirs], "MB"),
    ]


@contextmanager
def _served() -> Iterator[str]:
    code = SERVER.format(delay=DELAY_S)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        try:
            yield one.stdout.readline().strip()
        finally:
            one.kill()


def _measured(who: str, url: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.openai_adapter", who, url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


async def _all(ask: Callable[[], Awaitable[None]]) -> dict[str, float]:
    """Ask `CALLS` times, `AT_ONCE` at once, once everything is imported and connected."""

    async def some(times: int) -> None:
        for _ in range(times):
            await ask()

    async def everybody(times: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some(times // AT_ONCE))

    await everybody(AT_ONCE)
    before, began = time.process_time(), time.perf_counter()
    await everybody(CALLS)
    taken, used = time.perf_counter() - began, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"s": taken, "cpu_s": used, "mb": peak}


async def _ours(url: str) -> dict[str, float]:
    from otp_genesis.contracts.provider import RegisteredProvider, Request
    from otp_genesis.contracts.provider_registry import ProviderRegistry
    from otp_genesis.model.event import Event
    from otp_genesis.providers.kind import Surroundings
    from otp_genesis.providers.openai import KIND, OpenAISettings
    from otp_genesis.providers.pool import Pool
    from otp_genesis.providers.secrets import Secrets

    async def nobody(event: Event) -> None:
        """Listen to nothing."""

    settings = OpenAISettings(base_url=f"{url}/v1", model="m", concurrency=AT_ONCE)
    provider = KIND.make("openai", settings, Surroundings(Secrets({}), Path(), {}))
    registry = ProviderRegistry()
    registry.register(RegisteredProvider(provider, provider.capabilities))
    models = Pool(registry).models("bench", nobody)

    async def ask() -> None:
        reply = await models.complete(Request(prompt=PROMPT))
        assert reply.text == "fine"

    return await _all(ask)


async def _theirs(url: str) -> dict[str, float]:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:

        async def ask() -> None:
            said = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": PROMPT}]
            )
            assert said.choices[0].message.content == "fine"

        return await _all(ask)


if __name__ == "__main__":
    measure = {"ours": _ours, "theirs": _theirs}[sys.argv[1]]
    print(json.dumps(asyncio.run(measure(sys.argv[2]))))
