"""Background tasks of a runtime: one that crashes is restarted alone, with back-off."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otp_genesis.deferred import deferred

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = deferred("asyncio")

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 60.0
CALM_S = 60.0
"""A task that ran this long is taken to be well: its next pause is the first one again."""
STOP_LIMIT_S = 10.0

Work = Callable[[], Awaitable[None]]
Crashed = Callable[[str, str, float], None]
"""Told the task's name, what it raised, and in how many seconds it is restarted."""


@dataclass
class _Child:
    name: str
    work: Work
    task: asyncio.Task[None] | None = None
    crashes: int = 0


class Background:
    """Runs tasks until it is stopped; they do not know each other.

    As an OTP supervisor with the strategy `one_for_one` and restart `transient`: a task that
    returns is done, a task that raises is begun again. There is no limit to restarts, only a pause
    that doubles up to a minute: a task of this kind is never worth the runtime.
    """

    def __init__(self, crashed: Crashed | None = None):
        self._children: list[_Child] = []
        self._crashed = crashed

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks that are running, in the order in which they were begun."""
        return tuple(one.name for one in self._children if one.task and not one.task.done())

    def begin(self, name: str, work: Work) -> None:
        """Begin a task; `work` is called anew for each restart."""
        child = _Child(name, work)
        self._children.append(child)
        child.task = asyncio.get_running_loop().create_task(self._kept(child), name=name)

    async def end(self, name: str) -> None:
        """End the tasks of that name, if there are any."""
        ending = [one for one in self._children if one.name == name]
        self._children = [one for one in self._children if one.name != name]
        await self._ended(ending)

    async def stop(self) -> None:
        """End all tasks, the last begun first; return when nothing is left."""
        children, self._children = self._children, []
        await self._ended(list(reversed(children)))

    async def _ended(self, children: list[_Child]) -> None:
        for child in children:
            task = child.task
            if task is None or task.get_loop() is not asyncio.get_running_loop():
                continue
            task.cancel()
            with suppress(asyncio.CancelledError):
                done, _ = await asyncio.wait([task], timeout=STOP_LIMIT_S)
                if not done:
                    log.error("background task %r does not end; it is left behind", child.name)

    async def _kept(self, child: _Child) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await child.work()
                return
            # Whatever it is, it must not take anything else with it.
            except Exception as error:
                if loop.time() - began >= CALM_S:
                    child.crashes = 0
                child.crashes += 1
                pause = pause_after(child.crashes, random.random())
                told = f"{type(error).__name__}: {error}"
                log.exception("background task %r crashed; again in %.1f s", child.name, pause)
                if self._crashed is not None:
                    self._crashed(child.name, told, pause)
                await asyncio.sleep(pause)


def pause_after(crashes: int, chance: float) -> float:
    """Return the seconds to wait after so many crashes in a row; `chance` (0 to 1) spreads them."""
    pause = min(FIRST_PAUSE_S * 2.0 ** min(crashes - 1, 20), LONGEST_PAUSE_S)
    return pause * (0.5 + chance / 2)
