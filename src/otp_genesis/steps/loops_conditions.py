"""The conditions of a loop, asked again and again."""

from __future__ import annotations

from otp_genesis.contracts.step import Condition, Context
from otp_genesis.expr.scope import UNRESOLVED, Scope, nothing_at
from otp_genesis.steps.warning import warn


class Conditions:
    """Asks the conditions of one loop; what they found nothing at is told once."""

    def __init__(self, ctx: Context):
        self._ctx = ctx
        self._told: set[str] = set()

    async def hold(self, condition: Condition, scope: Scope) -> bool:
        """Return what a condition says in `scope`; raise `ExpressionError`."""
        held, missed = condition.asked(scope)
        for reference in missed:
            if reference not in self._told:
                self._told.add(reference)
                await warn(self._ctx, UNRESOLVED, nothing_at(reference))
        return held
