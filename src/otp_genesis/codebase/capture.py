"""What a command prints, read to its end and kept up to a limit."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractAsyncContextManager
from types import TracebackType


class Capture(asyncio.Protocol):
    """The head and the tail of a stream, each up to half of `limit_bytes`."""

    def __init__(self, limit_bytes: int):
        self._half = max(limit_bytes // 2, 1)
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0
        self.ended = asyncio.Event()

    @property
    def truncated(self) -> bool:
        """Whether the middle was left out."""
        return self._dropped + max(len(self._tail) - self._half, 0) > 0

    @property
    def text(self) -> str:
        """What was kept; bytes that are no UTF-8 are replaced."""
        tail = self._tail[-self._half :]
        dropped = self._dropped + len(self._tail) - len(tail)
        gap = f"\n… {dropped} bytes left out …\n".encode() if dropped else b""
        return bytes(self._head + gap + tail).decode(errors="replace")

    def data_received(self, data: bytes) -> None:
        """Keep what is wanted of `data`."""
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room else data
        if len(self._tail) > 4 * self._half + 65536:
            surplus = len(self._tail) - self._half
            del self._tail[:surplus]
            self._dropped += surplus

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more will come."""
        self.ended.set()


class CapturedPipe(AbstractAsyncContextManager["CapturedPipe"]):
    """A pipe whose reading end feeds a `Capture`; its own, so that it can be closed for certain."""

    def __init__(self, limit_bytes: int):
        self.capture = Capture(limit_bytes)
        self._reading, self.writing = os.pipe()
        self._transport: asyncio.ReadTransport | None = None

    async def __aenter__(self) -> CapturedPipe:
        loop = asyncio.get_running_loop()
        stream = os.fdopen(self._reading, "rb", buffering=0)
        self._transport, _ = await loop.connect_read_pipe(lambda: self.capture, stream)
        return self

    def hand_over(self) -> None:
        """Close this process's copy of the writing end, once the command has its own."""
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hand_over()
        if self._transport is not None:
            self._transport.close()
        # A closed transport gives its file back in the loop's next round.
        await asyncio.sleep(0)
