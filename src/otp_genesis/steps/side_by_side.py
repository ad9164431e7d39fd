"""Work that is done at once: all of it comes to its end, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def side_by_side(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what each gave; where one raises, end the others and raise that."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def at_most(room: int, work: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Do the same with so many at once at most."""
    free = asyncio.Semaphore(room)

    async def one(begin: Callable[[], Awaitable[T]]) -> T:
        async with free:
            return await begin()

    return await side_by_side([one(begin) for begin in work])
