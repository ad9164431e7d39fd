"""What belongs to an event loop, such as open connections: made in it, closed with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One value for each event loop that asks, closed by `close` or with the loop.

    A loop ends by closing the asynchronous generators that were begun in it: the value is kept in
    one, so that nobody who forgets `close` leaves connections open.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[None]]):
        self._make, self._close = make, close
        self._kept: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[None]]] = {}

    async def get(self) -> T:
        """Return the value of the loop that runs."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(loop)
        if kept is None:
            # Loops of other threads come and go meanwhile.
            for other in [one for one in tuple(self._kept) if one.is_closed()]:
                self._kept.pop(other, None)
            value = self._make()
            keeper = self._keep(loop, value)
            self._kept[loop] = kept = value, keeper
            # It goes as far as its `yield` without giving way to another task.
            await anext(keeper)
        return kept[0]

    async def close(self) -> None:
        """Close the value of the loop that runs; those of other loops are closed with them."""
        kept = self._kept.get(asyncio.get_running_loop())
        if kept is not None:
            await kept[1].aclose()

    async def _keep(self, loop: asyncio.AbstractEventLoop, value: T) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            self._kept.pop(loop, None)
            await self._close(value)
