"""A provider's limits, kept: calls at once, requests and tokens a minute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from weakref import WeakKeyDictionary

from aiolimiter import AsyncLimiter

from otp_genesis.contracts.provider import Limits

_MINUTE_S = 60.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


class Throttle:
    """Lets calls through as the limits allow, first come, first served.

    What waits and wakes belongs to one event loop; each loop that comes along gets its own, and
    a new one begins with a full minute's allowance.
    """

    __slots__ = ("_gates", "limits", "pausing")

    def __init__(self, limits: Limits):
        self.limits = limits
        self.pausing = False
        """Whether it was ever asked too often since it answered last."""
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gates] = WeakKeyDictionary()

    @asynccontextmanager
    async def slot(self, tokens: int) -> AsyncIterator[None]:
        """Wait until a call of about so many tokens may be made; it lasts as long as the block."""
        gates = self._of_this_loop()
        async with gates.slots or nullcontext():
            await gates.rested()
            if gates.requests is not None:
                await gates.requests.acquire()
            if gates.tokens is not None:
                await gates.tokens.take(tokens)
            yield

    def pause(self, retry_after_s: float | None) -> float:
        """Let nobody through for a while, because the provider said that it was asked too often.

        Where it does not say for how long, it is 1 s, and twice as long each time that it says so
        again; a call that is answered ends that. Returns the seconds.
        """
        self.pausing = True
        return self._of_this_loop().pause(retry_after_s)

    @property
    def paused(self) -> bool:
        """Whether nobody is let through now because of that."""
        gates = self._gates.get(asyncio.get_running_loop())
        return gates is not None and gates.paused

    def answered(self) -> None:
        """Take note that the provider answers."""
        if self.pausing:
            gates = self._of_this_loop()
            gates.refused = 0
            self.pausing = gates.paused

    def correct(self, estimated: int, used: int) -> None:
        """Count what a call used, where its estimate was counted before."""
        if (tokens := self._of_this_loop().tokens) is not None:
            tokens.correct(used - estimated)

    def _of_this_loop(self) -> _Gates:
        loop = asyncio.get_running_loop()
        gates = self._gates.get(loop)
        if gates is None:
            gates = self._gates[loop] = _Gates(self.limits)
        return gates


class _Gates:
    """What keeps the limits in one event loop."""

    __slots__ = ("_loop", "_until", "refused", "requests", "slots", "tokens")

    def __init__(self, limits: Limits):
        self._loop = asyncio.get_running_loop()
        self._until = 0.0
        self.refused = 0
        """How often in a row the provider said that it was asked too often."""
        at_once, requests = limits.concurrency, limits.requests_per_minute
        self.slots = None if at_once is None else asyncio.Semaphore(at_once)
        self.requests = None if requests is None else _limiter(requests)
        tokens = limits.tokens_per_minute
        self.tokens = None if tokens is None else _Tokens(tokens)

    def pause(self, retry_after_s: float | None) -> float:
        now = self._loop.time()
        if self._until > now and retry_after_s is None:
            # Said to a call that was under way when the pause began: it is the same news.
            return self._until - now
        wait = FIRST_PAUSE_S * 2**self.refused if retry_after_s is None else retry_after_s
        wait = min(wait, LONGEST_PAUSE_S)
        self.refused = min(self.refused + 1, 10)
        self._until = max(self._until, now + wait)
        return self._until - now

    @property
    def paused(self) -> bool:
        return self._until > self._loop.time()

    async def rested(self) -> None:
        # More than once only where it is said again meanwhile.
        while (left := self._until - self._loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)


def _limiter(a_minute: float) -> AsyncLimiter:
    """Return what lets so many through a minute; less than one a minute is one in longer."""
    whole = max(a_minute, 1.0)
    return AsyncLimiter(whole, _MINUTE_S * whole / a_minute)


class _Tokens:
    """A leaky bucket, as `AsyncLimiter`, but what was put in can be corrected afterwards.

    It is also served in line: `AsyncLimiter` wakes the smallest request first, and a long prompt
    could wait behind short ones for ever.
    """

    __slots__ = ("_at", "_level", "_line", "_loop", "_size")

    def __init__(self, a_minute: float):
        self._size, self._level = a_minute, 0.0
        self._loop = asyncio.get_running_loop()
        self._at = self._loop.time()
        self._line = asyncio.Lock()

    async def take(self, amount: int) -> None:
        # More than a minute's worth is let through once nothing is in the bucket; it then overflows
        # and those behind wait the longer.
        room = max(self._size - amount, 0.0)
        async with self._line:
            # More than once only where a call before it is found to have used more.
            while (over := self._leaked() - room) > 1e-6:  # noqa: ASYNC110
                await asyncio.sleep(over / self._size * _MINUTE_S)
            self._level += amount

    def correct(self, by: int) -> None:
        self._level = max(self._leaked() + by, 0.0)

    def _leaked(self) -> float:
        now = self._loop.time()
        self._level = max(self._level - (now - self._at) * self._size / _MINUTE_S, 0.0)
        self._at = now
        return self._level
