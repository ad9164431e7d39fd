"""The proxy between a program and its vendor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from otp_genesis.loopback.anthropic import AnthropicServer, cut_stream, error
from otp_genesis.loopback.server import Asked, Fault, LoopbackServer, event_stream
from otp_genesis.providers.wire_proxy import WireFault, WireProxy
from providers.fakes import until
from providers.tapes import MemoryTape

KEY = SecretStr("sk-ant-real")
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


async def post(
    proxy: WireProxy, path: str = "/v1/messages", body: Any = None, **headers: str
) -> tuple[int, str]:
    """Ask through the proxy, as the program would."""
    given = {"x-api-key": proxy.token, **{n.replace("_", "-"): v for n, v in headers.items()}}
    async with (
        aiohttp.ClientSession() as session,
        session.post(proxy.url + path, json=body or QUESTION, headers=given) as answer,
    ):
        return answer.status, await answer.text()


def test_the_key_is_put_in() -> None:
    """The vendor sees the key and all other headers, and the path with its query."""

    async def main() -> AnthropicServer:
        async with AnthropicServer(["ok"]) as server, WireProxy(server.url, KEY) as proxy:
            await post(proxy, "/v1/messages?beta=true", authorization="Bearer x", x_own="1")
            return server

    server = asyncio.run(main())
    headers = {name.lower(): value for name, value in server.requests[0].headers.items()}

    assert (headers["x-api-key"], headers["x-own"]) == ("sk-ant-real", "1")
    assert "authorization" not in headers
    assert server.requests[0].body == QUESTION


@pytest.mark.parametrize("shown", ["", "another", "sk-ant-real"])
def test_strangers_are_not_let_in(shown: str) -> None:
    """Who does not show the token of the call is not answered, and the vendor not asked."""

    async def main() -> tuple[int, list[Asked]]:
        async with AnthropicServer(["ok"]) as server, WireProxy(server.url, KEY) as proxy:
            status, _ = await post(proxy, x_api_key=shown)
            return status, server.requests

    assert asyncio.run(main()) == (401, [])


def test_without_a_key_the_program_s_own_passes() -> None:
    """The token is in the address then; what the program shows is the vendor's to judge."""

    async def main() -> tuple[tuple[int, str], list[Asked]]:
        async with AnthropicServer(["ok"]) as server, WireProxy(server.url, None) as proxy:
            return await post(proxy, x_api_key="own", authorization="Bearer own"), server.requests

    (status, _), (asked,) = asyncio.run(main())
    headers = {name.lower(): value for name, value in asked.headers.items()}

    assert (status, asked.path) == (200, "/v1/messages")
    assert (headers["x-api-key"], headers["authorization"]) == ("own", "Bearer own")


class _Slow(LoopbackServer):
    """Sends its second event when it is told that the first has come."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def respond(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """Stream."""

        async def events() -> AsyncIterator[str]:
            yield "data: one"
            await self.go_on.wait()
            yield "data: two"

        return await event_stream(request, events())


def test_a_stream_comes_as_it_is_sent() -> None:
    """Nothing is held back until the end."""

    async def main() -> list[bytes]:
        async with (
            _Slow() as server,
            WireProxy(server.url, KEY) as proxy,
            aiohttp.ClientSession() as session,
            session.post(f"{proxy.url}/x", headers={"x-api-key": proxy.token}) as answer,
        ):
            first = await answer.content.readuntil(b"\n\n")
            server.go_on.set()
            return [first, await answer.content.readuntil(b"\n\n")]

    assert asyncio.run(main()) == [b"data: one\n\n", b"data: two\n\n"]


def faulted(script: Any) -> tuple[int, WireFault | None]:
    async def main() -> tuple[int, WireFault | None]:
        async with AnthropicServer([script]) as server, WireProxy(server.url, KEY) as proxy:
            try:
                status, _ = await post(proxy)
            except aiohttp.ClientPayloadError:
                status = 0
            return status, proxy.fault

    return asyncio.run(main())


def test_faults_are_noticed() -> None:
    """What the vendor says of a failure, and when to come again; a number is asked of nothing."""
    limited = error(429, "rate_limit_error", "slow", {"retry-after": "2.5"})
    dated = error(503, "api_error", "off", {"retry-after": "Mon, 01 Jan 2035 00:00:00 GMT"})

    assert faulted("ok") == (200, None)
    assert faulted(limited) == (429, WireFault(429, "slow", 2.5))
    assert faulted(dated) == (503, WireFault(503, "off"))
    assert faulted(Fault(502, "<html>")) == (502, WireFault(502, "<html>"))
    assert faulted(cut_stream("half")) == (
        0, WireFault(0, "the connection ended before the answer did", broken=True)
    )  # fmt: skip


def test_what_the_program_is_told() -> None:
    """The vendor's headers that its SDK reads, and no others."""
    said = {"anthropic-ratelimit-unified-status": "allowed", "set-cookie": "a=1", "X-Own": "1"}
    limited = error(429, "rate_limit_error", "slow", {"retry-after": "1", **said})

    async def main() -> set[str]:
        async with (
            AnthropicServer([limited]) as server,
            WireProxy(server.url, KEY) as proxy,
            aiohttp.ClientSession() as session,
            session.post(
                f"{proxy.url}/v1/messages", json=QUESTION, headers={"x-api-key": proxy.token}
            ) as answer,
        ):
            return {name.lower() for name in answer.headers}

    assert asyncio.run(main()) - {"content-length", "date", "server", "transfer-encoding"} == {
        "anthropic-ratelimit-unified-status", "content-type", "retry-after",
    }  # fmt: skip


def test_nobody_there() -> None:
    """The program is answered in the vendor's shape, and the fault says who was not there."""

    async def main() -> tuple[int, str, WireFault | None]:
        async with WireProxy("http://127.0.0.1:1", KEY) as proxy:
            return *await post(proxy), proxy.fault

    status, body, fault = asyncio.run(main())

    assert status == 502
    assert fault is not None
    assert fault.message.startswith("http://127.0.0.1:1 cannot be reached: ")
    assert json.loads(body)["error"] == {"type": "api_error", "message": fault.message}


def test_a_program_that_goes_away_is_not_waited_for() -> None:
    """The vendor's answer is given up with it."""

    async def main() -> None:
        hanging = AnthropicServer([Fault(hang=True)])
        async with hanging as server, WireProxy(server.url, KEY) as proxy:
            asking = asyncio.create_task(post(proxy))
            await until(lambda: server.requests)
            asking.cancel()
            await asyncio.wait({asking})

    asyncio.run(main())


def test_a_tape_is_recorded_and_replayed() -> None:
    """What is on it is not asked again while recording, and is all there is in a replay."""
    tape = MemoryTape()

    async def record() -> tuple[int, str]:
        async with (
            AnthropicServer(["ok"]) as server,
            WireProxy(server.url, KEY, tape=tape) as proxy,
        ):
            return await post(proxy)

    async def replay(body: Any) -> tuple[int, str, str | None]:
        player = tape.rewound()
        async with WireProxy("http://127.0.0.1:1", KEY, tape=player) as proxy:
            return *await post(proxy, body=body), proxy.missed

    status, said = asyncio.run(record())
    again = asyncio.run(replay(QUESTION))
    other = asyncio.run(replay({**QUESTION, "model": "n"}))

    assert (again[0], json.loads(again[1]), again[2]) == (status, json.loads(said), None)
    assert (other[0], other[2]) == (400, "not on the tape: POST /v1/messages")
    assert json.loads(other[1])["error"]["message"] == other[2]
