"""Two thousand calls to providers that do everything a provider may, and much that it may not."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from otp_genesis.contracts.provider import (
    Health,
    Limits,
    ModelFacts,
    RegisteredProvider,
    Reply,
    Request,
)
from otp_genesis.contracts.provider_registry import Candidate
from otp_genesis.errors import NoProvider, ProviderError
from otp_genesis.model.outcome import Usage
from otp_genesis.providers.explain import Explanation
from otp_genesis.providers.strategies import BUILT_IN
from providers.fakes import Fake, House, house, loop_time, run

CALLS = 2000
AT_ONCE = 40
STEP_TIMEOUT_S = 20.0
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
BOTH = frozenset(("text", "structured_output"))


class Wild(Fake):
    """A provider that does at random one of a few things."""

    def __init__(self, name: str, chance: random.Random, **odds: float):
        super().__init__(name, self.answer, capabilities=BOTH)
        self.chance, self.odds = chance, odds
        self.now = self.most = 0

    async def check(self) -> Health:
        """Be there, mostly."""
        await asyncio.sleep(self.chance.choice((0, 0.1, 6.0)))
        if self.chance.random() < 0.1:
            raise OSError("no route")
        return Health(self.chance.random() < 0.9, "it has gone fishing")

    async def answer(self, request: Request) -> Any:
        """Do it."""
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            (act,) = self.chance.choices(list(self.odds), list(self.odds.values()))
            return await getattr(self, act)(request)
        finally:
            self.now -= 1

    async def fine(self, request: Request) -> Reply:
        """Answer, after a while."""
        await asyncio.sleep(self.chance.random() * 3)
        return Reply(text='{"n": 1}', usage=Usage(input_tokens=5, output_tokens=5))

    async def misfit(self, request: Request) -> Reply:
        """Answer something else."""
        return Reply(text='{"n": "one"}')

    async def busy(self, request: Request) -> Reply:
        """Be busy."""
        raise ProviderError("busy", retryable=True)

    async def refuse(self, request: Request) -> Reply:
        """Refuse."""
        raise ProviderError("not this", retryable=False)

    async def crash(self, request: Request) -> Reply:
        """Be flawed."""
        await asyncio.sleep(0.5)
        raise RuntimeError("oh")

    async def stray(self, request: Request) -> Reply:
        """Let out a cancellation that nobody asked for."""
        raise asyncio.CancelledError

    async def wrong(self, request: Request) -> int:
        """Return what is no reply."""
        return 7

    async def hang(self, request: Request) -> Reply:
        """Never answer."""
        await asyncio.Event().wait()
        raise AssertionError

    async def swallow(self, request: Request) -> Reply:
        """Not even end when it is told to."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("interrupted") from None
        raise AssertionError


def without_the_first(them: Sequence[Candidate], request: Request) -> Sequence[Candidate]:
    """Leave one out, which is allowed, or everybody, which is not."""
    return them[1:]


def wild_house(chance: random.Random) -> tuple[House, list[Wild]]:
    """Return a pool of all kinds."""
    facts = (ModelFacts(name="m", input_usd_per_million=2, output_usd_per_million=9),)
    wild = [
        Wild("steady", chance, fine=95, busy=5),
        Wild("flaky", chance, fine=50, busy=30, crash=20),
        Wild("broken", chance, crash=40, stray=30, wrong=30),
        Wild("hanging", chance, fine=50, hang=40, swallow=10),
        Wild("vague", chance, fine=30, misfit=70),
        Wild("picky", chance, fine=60, refuse=40),
    ]
    limits = Limits(concurrency=5, requests_per_minute=600, tokens_per_minute=900_000)
    entries = [
        RegisteredProvider(
            one,
            BOTH,
            facts if number % 2 else (),
            limits if number < 4 else Limits(),
            priority=len(wild) - number,
            weight=float(number),
        )
        for number, one in enumerate(wild)
    ]
    at = house(*entries, clock=loop_time, jitter=chance.random)
    at.pool.strategies.register("own", without_the_first)
    return at, wild


def wild_request(number: int, chance: random.Random, wild: list[Wild]) -> Request:
    """Return a request; every second one wants data."""
    return Request(
        prompt="x" * chance.randrange(400),
        output_schema=SCHEMA if number % 2 else None,
        needs=BOTH if number % 2 else frozenset(("text",)),
        strategy=chance.choice([None, "own", *BUILT_IN]),
        provider=chance.choice([None] * 9 + [chance.choice(wild).name]),
        session=chance.choice([None] * 9 + [f"s{chance.randrange(20)}"]),
    )


async def end_of(request: Request, at: House) -> str:
    """Return how it ended; anything else than these ends is raised."""
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            reply = await at.models().complete(request)
    except TimeoutError:
        return "timeout"
    except (NoProvider, ProviderError) as error:
        return type(error).__name__ if str(error) else "an error without a word"
    fits = request.output_schema is None or reply.data == {"n": 1}
    return "answered" if fits and reply.provider else "no answer"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_request_comes_to_an_end(seed: int) -> None:
    """An answer that fits, or an error that says why; limits are kept, and nothing is left over."""
    chance = random.Random(seed)
    at, wild = wild_house(chance)
    ends: Counter[str] = Counter()

    async def worker(numbers: range) -> None:
        for number in numbers:
            ends[await end_of(wild_request(number, chance, wild), at)] += 1

    async def go() -> Explanation:
        await at.pool.load()
        watching = asyncio.create_task(at.pool.watch(30))
        async with asyncio.TaskGroup() as group:
            for first in range(AT_ONCE):
                group.create_task(worker(range(first, CALLS, AT_ONCE)))
        watching.cancel()
        await asyncio.wait([watching])
        return at.pool.explain()

    rows = run(go()).providers
    assert CALLS == sum(ends.values())
    assert {"answered", "timeout", "ProviderError"} <= set(ends)
    assert set(ends) <= {"answered", "timeout", "ProviderError", "NoProvider"}
    assert ends["answered"] > CALLS / 2
    assert {0} == {row.in_flight for row in rows} | {one.now for one in wild}
    assert all(one.most <= 5 for one in wild[:4])
    assert sum(row.calls for row in rows) == len(at.told.calls) == sum(len(w.asked) for w in wild)
    assert {"broken", "flaky"} <= {name for name, state in at.told.health if state == "open"}
    assert {"closed", "open", "half_open", "unavailable"} == {how for _, how in at.told.health}
    assert 1 == len(at.told.warnings)
