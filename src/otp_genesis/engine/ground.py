"""The working tree under a run's steps: each starts from the code that its scope speaks of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.codebase import Codebase, Revision
from otp_genesis.model.outcome import Ok, Outcome

if TYPE_CHECKING:
    from otp_genesis.engine.run import Place


class Ground:
    """Knows what is in the working tree now, as far as this process has seen.

    A resumed run does not know, and so restores before the first step that looks.
    """

    def __init__(self, codebase: Codebase, now: Revision | None = None):
        self.codebase = codebase
        self.keep: Callable[[Revision], Awaitable[None]] | None = None
        """Where the files as they were at first are kept for a resumed run, if they must be."""
        self._now = now
        self.touched: set[str] = set()
        """The steps whose models have changed files though their types only read."""
        self._first: Revision | None = None
        self._keeping = asyncio.Lock()

    async def stand_on(self, revision: Revision | None) -> None:
        """Make the files those of `revision`, unless they are known to be."""
        revision = revision or self._first
        if revision is None or (self._now is not None and self._now.tree == revision.tree):
            return
        await self.codebase.restore(revision)
        self._now = revision

    def shake(self) -> None:
        """Say that the files may change from here on."""
        self._now = None

    async def keep_first(self, revision: Revision | None) -> None:
        """Be ready for changes by a step that was not known to make any.

        Where no state of the files was kept before, the one before the first change is kept now,
        so that a step which fails, or is taken up again, begins where it began.
        """
        async with self._keeping:
            if revision is None and self._first is None:
                self._first = await self.codebase.snapshot()
                if self.keep is not None:
                    await self.keep(self._first)
        self.shake()

    async def settle(self, before: Revision | None) -> Revision:
        """Keep the files as they are now; the commit that the work is at stays `before`'s."""
        kept = await self.codebase.snapshot()
        head = before.head if before and before.head else kept.head
        self._now = Revision(tree=kept.tree, head=head)
        return self._now


def on_ground(place: Place, params: Any) -> Awaitable[Outcome]:
    """Run the step on the code that its scope speaks of, and keep the code that it leaves."""
    kind, ground = place.bound.kind, place.run.ground
    if kind.effects == "none" or ground is None:
        return kind.run(params, place)
    return _on_the_code(place, ground, params)


async def _on_the_code(place: Place, ground: Ground, params: Any) -> Outcome:
    kind = place.bound.kind
    before = place.scope.revision
    await ground.stand_on(before)
    if kind.effects != "reads":
        ground.shake()
    outcome = await kind.run(params, place)
    wrote = kind.effects == "writes" or place.path in ground.touched
    if not wrote or not isinstance(outcome, Ok):
        return outcome
    settled = await ground.settle(outcome.revision or before)
    return outcome.model_copy(update={"revision": settled})
