"""Ten thousand requests to a server that fails in every way it can, by the content of each."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

from otp_genesis.contracts.provider import Request
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.errors import ProviderError
from otp_genesis.loopback.openai import OpenAIServer, cut_stream, error
from otp_genesis.loopback.server import Asked, Fault
from otp_genesis.providers.circuit import CircuitPolicy
from otp_genesis.providers.gateway import MAX_ROUNDS
from otp_genesis.providers.pool import Pool
from providers.fakes import Told
from providers.vendors import OPENAI, nothing_left

REQUESTS = 10_000
AT_ONCE = 100
TIMEOUT_S = 2.0
KINDS = 20
HANGING = 200
"""One of so many hangs."""
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
# A circuit that opens would keep most of them from being asked.
NEVER_OPEN = CircuitPolicy(failures=10**9, error_rate=1.0, window=1000, minimum=1000)
ENDS = {
    0: "answered 429: slow down",
    1: "answered 500: broken",
    2: "answered 529: overloaded",
    3: "no answer within",
    4: "broke off",
    5: "answered what is no JSON: <html>",
    6: "no answer that fits the schema: $.n: 'six' is not of type 'integer'",
    7: "broke",
}
"""What the error of a kind says; the others are answered."""
LIMITED, CUT, MISFIT, MENDED, STREAMED = 0, 4, 6, 8, 9
TIMES = {LIMITED: MAX_ROUNDS, MISFIT: 3, MENDED: 2}
"""How often the gateway asks for one of a kind; the others once."""


def kind_of(number: int) -> int:
    """Return how the server takes a request."""
    kind = number % KINDS
    return kind if kind != 3 or number % HANGING == 3 else KINDS


def number_of(asked: Asked) -> int:
    """Return which request it is."""
    found = re.match(r"request (\d+)", asked.body["messages"][0]["content"])
    assert found is not None
    return int(found[1])


def answer(asked: Asked) -> Any:
    """Answer, or fail."""
    number = number_of(asked)
    fine = f'{{"n": {number}}}'
    match kind_of(number):
        case 0:
            return error(429, "slow down", headers={"retry-after": "0"})
        case 1:
            return error(500, "broken")
        case 2:
            return error(529, "overloaded")
        case 3:
            return Fault(hang=True)
        case 4:
            return cut_stream(fine * 10)
        case 5:
            return Fault(body="<html>a proxy speaks</html>")
        case 6:
            return '{"n": "six"}'
        case 7:
            return Fault(body='{"choices": [', cut=True)
        case 8:
            mended = "did not fit the schema" in asked.body["messages"][0]["content"]
            return fine if mended else "I would rather not."
    return fine


async def storm(requests: int) -> tuple[dict[int, str], Counter[int], Told, int]:
    """Return how each request ended, how often each was asked, what was told, and what is left."""
    ends: dict[int, str] = {}
    told = Told()

    async with OpenAIServer(answer) as server:
        provider = OPENAI.made(server.url, timeout_s=TIMEOUT_S, concurrency=AT_ONCE)
        registry = ProviderRegistry()
        registry.register(provider)
        models = Pool(registry, policy=NEVER_OPEN).models("storm", told.emit)

        async def ask(number: int) -> None:
            request = Request(
                prompt=f"request {number}",
                output_schema=SCHEMA,
                needs=frozenset(("text", "structured_output")),
                stream=kind_of(number) in (CUT, STREAMED),
            )
            assert number not in ends
            try:
                reply = await models.complete(request)
            except ProviderError as failed:
                ends[number] = str(failed)
            else:
                ends[number] = "answered" if reply.data == {"n": number} else "somebody else's"

        numbers = iter(range(requests))

        async def some() -> None:
            for number in numbers:
                await ask(number)

        own = len(asyncio.all_tasks())
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())
        await provider.close()
        asked = Counter(number_of(one) for one in server.asked)
    left = len(asyncio.all_tasks()) - own
    return ends, asked, told, left


def test_every_request_is_answered_or_told_why_not() -> None:
    """None is lost, none is asked once too often; no task and no connection is left."""
    asyncio.run(storm(3))
    with nothing_left():
        ends, asked, told, left = asyncio.run(storm(REQUESTS))

    wrong = {
        number: end
        for number, end in ends.items()
        if ENDS.get(kind_of(number), "answered") not in end
    }
    assert wrong == {}
    assert sorted(ends) == list(range(REQUESTS))
    assert asked == {number: TIMES.get(kind_of(number), 1) for number in range(REQUESTS)}
    assert len(told.calls) == sum(asked.values())
    assert left <= 0
    assert Counter(end == "answered" for end in ends.values())[True] > REQUESTS / 2
