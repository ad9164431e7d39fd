"""The keys of a step that change nothing: each is named in the run's events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from otp_genesis.contracts.step import Context, NoEffect
from otp_genesis.model.event import Warned


async def warn(ctx: Context, code: str, message: str) -> None:
    """Tell the author of the document something that does not stop the run."""
    await ctx.emit(Warned(at=time.time(), path=ctx.path, code=code, message=message))


async def tell_ineffective(params: BaseModel, ctx: Context) -> None:
    """Name every key that was written and has no effect."""
    for key, why in ineffective(params):
        await warn(ctx, "no-effect", f"{key!r} has no effect: {why}")


def ineffective(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield the keys below `value` that were written and are marked as `NoEffect`, with the why."""
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from ineffective(item, f"{at}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from ineffective(item, f"{at}.{key}")
    elif isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            if name not in value.model_fields_set:
                continue
            place = f"{at}.{name}" if at else name
            mark = next((one for one in info.metadata if isinstance(one, NoEffect)), None)
            if mark is None:
                yield from ineffective(getattr(value, name), place)
            elif getattr(value, name) is not None:
                yield place, mark.why
