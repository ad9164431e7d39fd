"""The working tree under a run's steps: each starts from the code that its scope speaks of."""

from __future__ import annotations

from otp_genesis.contracts.codebase import Codebase, Revision


class Ground:
    """Knows what is in the working tree now, as far as this process has seen.

    A resumed run does not know, and so restores before the first step that looks.
    """

    def __init__(self, codebase: Codebase, now: Revision | None = None):
        self.codebase = codebase
        self._now = now

    async def stand_on(self, revision: Revision | None) -> None:
        """Make the files those of `revision`, unless they are known to be."""
        if revision is None or (self._now is not None and self._now.tree == revision.tree):
            return
        await self.codebase.restore(revision)
        self._now = revision

    def shake(self) -> None:
        """Say that the files may change from here on."""
        self._now = None

    async def settle(self, before: Revision | None) -> Revision:
        """Keep the files as they are now; the commit that the work is at stays `before`'s."""
        kept = await self.codebase.snapshot()
        head = before.head if before and before.head else kept.head
        self._now = Revision(tree=kept.tree, head=head)
        return self._now
