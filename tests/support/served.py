"""A loopback server in a thread of its own, for tests that call the command."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from otp_genesis.loopback.server import LoopbackServer

S = TypeVar("S", bound=LoopbackServer)


@contextmanager
def served(server: S) -> Iterator[S]:
    """Open the server for as long as the block lasts."""
    ready, over = threading.Event(), threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())
        over.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        assert over.is_set()
