"""What the loopback servers share: a port, what was asked, and the faults that they can play."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True)
class Asked:
    """One request that came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    """What its JSON says; nothing where there is none."""


@dataclass(frozen=True)
class Fault:
    """A way for a vendor to fail."""

    status: int = 200
    body: str = ""
    """Sent as it is, so that it may be no JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    """Whether nothing is ever sent."""
    cut: bool = False
    """Whether the connection is closed in the middle of `body`: a length is promised and not
    kept."""


Handle = Callable[[Asked], Awaitable[web.StreamResponse]]


class LoopbackServer:
    """An HTTP server on a free port of 127.0.0.1, as an async context manager.

    A vendor's server derives from it and answers in `respond`.
    """

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        """Everything that was asked, in order."""
        self.url = ""
        """`http://127.0.0.1:PORT`, once it is open."""
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()

    async def respond(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """Answer one request."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        try:
            body = json.loads(text) if text else None
        except ValueError:
            body = None
        asked = Asked(request.method, request.path, dict(request.headers), body)
        self.requests.append(asked)
        return await self.respond(request, asked)

    async def play(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """Fail as the fault says."""
        if fault.hang:
            await self._closing.wait()
        headers = {"content-type": "application/json", **fault.headers}
        if not fault.cut:
            return web.Response(status=fault.status, text=fault.body, headers=headers)
        body = fault.body.encode()
        headers["content-length"] = str(2 * len(body) + 1)
        response = web.StreamResponse(status=fault.status, headers=headers)
        await response.prepare(request)
        await response.write(body)
        if request.transport is not None:
            request.transport.abort()
        return response


async def event_stream(
    request: web.Request, events: AsyncIterator[str], headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Send server-sent events; each is the whole text of one, `event:` line and all."""
    response = web.StreamResponse(
        headers={
            "content-type": "text/event-stream",
            "cache-control": "no-cache",
            **(headers or {}),
        }
    )
    await response.prepare(request)
    async for event in events:
        await response.write(f"{event}\n\n".encode())
    await response.write_eof()
    return response
