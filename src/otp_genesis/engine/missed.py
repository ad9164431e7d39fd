"""What expressions of a document that is not strict found nothing at: told, and gone on with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from otp_genesis.expr.scope import UNRESOLVED, Names, Scope, nothing_at
from otp_genesis.model.event import Warned

if TYPE_CHECKING:
    from otp_genesis.engine.run import Run
    from otp_genesis.model.pipeline import Pipeline

UNKNOWN_INPUT = "unknown-input"


async def tell_missed(run: Run, path: str, names: Names) -> None:
    """Tell each reference of the expressions at `path` that led to nothing, once."""
    await tell_unresolved(run, path, names.missed)


async def tell_begun(run: Run, pipeline: Pipeline, scope: Scope, path: str) -> None:
    """Tell, when the steps of a document begin, what its author should know of how they do."""
    await tell_unresolved(run, path, scope.unresolved)
    if not pipeline.strict:
        for complaint in pipeline.undeclared(scope.inputs):
            event = Warned(at=run.clock(), path=path, code=UNKNOWN_INPUT, message=complaint)
            await run.emit(event)


async def tell_unresolved(run: Run, path: str, references: Iterable[str]) -> None:
    """Tell references that led to nothing at `path`."""
    for reference in references:
        event = Warned(at=run.clock(), path=path, code=UNRESOLVED, message=nothing_at(reference))
        await run.emit(event)
