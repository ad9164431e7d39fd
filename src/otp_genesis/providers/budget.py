"""Budgets kept: what a step, a run and a day may spend, asked before each call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from otp_genesis.errors import BudgetReached
from otp_genesis.model.budget import SPEND_MORE, Budget, Spent

_UNITS = {"cost_usd": "${:.4g}", "tokens": "{:g} tokens", "calls": "{:g} calls", "time_s": "{:g} s"}


NOTHING = Spent()


class Ledger:
    """What was spent under one budget, and what the calls under way may spend yet."""

    def __init__(self, whose: str, budget: Budget, spent: Spent = NOTHING):
        self.whose, self.budget = whose, budget
        """`whose` begins a message: `the run's budget`."""
        self.spent, self.reserved = spent, NOTHING
        self._allowed = Spent(*(getattr(budget, name) or 0 for name in Spent._fields))

    def extend(self) -> None:
        """Allow as much again as the budget, beyond what is spent."""
        whole = Spent(*(getattr(self.budget, name) or 0 for name in Spent._fields))
        self._allowed = self.spent.plus(whole)

    def obstacle(self, estimate: Spent) -> str | None:
        """Return why a call of about so much may not be made, or nothing where it may."""
        used = self.spent.plus(self.reserved)
        for name, before, more, allowed in zip(
            Spent._fields, used, estimate, self._allowed, strict=True
        ):
            if getattr(self.budget, name) is None:
                continue
            # Of time nothing is estimated: what is used up is used up.
            if before + more > allowed or before + min(more, 0) >= allowed:
                unit = _UNITS[name]
                told = f"{unit.format(before)} of {unit.format(allowed)} are spent"
                needs = f", the next call may take {unit.format(more)}" if more > 0 else ""
                return f"{self.whose} is reached: {told}{needs}"
        return None

    def left(self) -> dict[str, float]:
        """Return what may still be spent, with what is reserved, by what is limited."""
        free = self._allowed.less(self.spent)
        limited = [name for name in Spent._fields if getattr(self.budget, name) is not None]
        return {name: max(getattr(free, name), 0) for name in limited}

    def reserve(self, estimate: Spent) -> None:
        """Count a call that is about to be made."""
        self.reserved = self.reserved.plus(estimate)

    def settle(self, estimate: Spent, used: Spent) -> None:
        """Count what the call took in the place of its estimate."""
        self.reserved = self.reserved.less(estimate)
        self.spent = self.spent.plus(used)


class DayLedger(Ledger):
    """What all runs together spent since midnight; each call that ended is read from the store."""

    def __init__(self, budget: Budget, read: Callable[[], Awaitable[Spent]]):
        super().__init__("the day's budget", budget)
        self._read = read

    async def refresh(self) -> None:
        """Read what was spent by now, by other processes too."""
        self.spent = await self._read()

    def settle(self, estimate: Spent, used: Spent) -> None:
        """Forget the reservation: what it took is read from the store."""
        self.reserved = self.reserved.less(estimate)


class Purse:
    """The ledgers that a step's calls are counted in: its own, those around it, the run's, the
    day's.
    """

    def __init__(self, ledgers: Iterable[Ledger], *, stop: bool = False):
        self.ledgers = tuple(ledgers)
        self._stop = stop
        """Whether a person has said that no more is to be spent."""

    async def take(self, estimate: Spent) -> None:
        """Reserve what a call may take; raise `BudgetReached` where that is not there."""
        await self._require(estimate)
        for ledger in self.ledgers:
            ledger.reserve(estimate)

    async def more(self, reserved: Spent, so_far: Spent) -> None:
        """Let a call that has spent so much go on with one more request, or raise the same."""
        await self._require(so_far.plus(Spent(calls=1)).less(reserved))

    def reached(self) -> BudgetReached | None:
        """Return the error where no further call could be made."""
        for ledger in self.ledgers:
            if (why := ledger.obstacle(Spent())) is not None:
                return self._error(ledger, why)
        return None

    def left(self) -> dict[str, float]:
        """Return what may still be spent under all of them together."""
        left: dict[str, float] = {}
        for ledger in self.ledgers:
            for name, amount in ledger.left().items():
                left[name] = min(amount, left.get(name, amount))
        return left

    async def _require(self, estimate: Spent) -> None:
        for ledger in self.ledgers:
            if isinstance(ledger, DayLedger):
                await ledger.refresh()
        for ledger in self.ledgers:
            if (why := ledger.obstacle(estimate)) is not None:
                raise self._error(ledger, why)

    def _error(self, ledger: Ledger, why: str) -> BudgetReached:
        if ledger.budget.on_reached == "fail" or self._stop:
            return BudgetReached(why)
        question = f"{why}. Answer {SPEND_MORE!r} to allow as much again, or 'stop'."
        return BudgetReached(why, question=question)

    def give_back(self, estimate: Spent, used: Spent) -> None:
        """Count what the call took; nothing where it was not made."""
        for ledger in self.ledgers:
            ledger.settle(estimate, used)

    @property
    def counts_money(self) -> bool:
        """Whether it matters what a call costs."""
        return any(ledger.budget.cost_usd is not None for ledger in self.ledgers)
