"""What a running step tells the author of its document without stopping the run."""

from __future__ import annotations

import time

from otp_genesis.contracts.step import Context
from otp_genesis.model.event import Warned


async def warn(ctx: Context, code: str, message: str) -> None:
    """Tell it, as an event of the run."""
    await ctx.emit(Warned(at=time.time(), path=ctx.path, code=code, message=message))
