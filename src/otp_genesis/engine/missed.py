"""What expressions of a document that is not strict found nothing at: told, and gone on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otp_genesis.expr.scope import Names
from otp_genesis.model.event import Warned

if TYPE_CHECKING:
    from otp_genesis.engine.run import Run

CODE = "unresolved"


async def tell_missed(run: Run, path: str, names: Names) -> None:
    """Tell each reference of the expressions at `path` that led to nothing, once."""
    for reference in names.missed:
        message = f"there is nothing at {reference!r}"
        await run.emit(Warned(at=run.clock(), path=path, code=CODE, message=message))
