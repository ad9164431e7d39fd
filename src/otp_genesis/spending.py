"""What the steps of one run may spend on models: budgets found, what was spent before read off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from otp_genesis.contracts.store import Store
from otp_genesis.model.budget import CHOICES, SPEND_MORE, Budget, Spent
from otp_genesis.model.event import Answered, Event, ModelCalled, RunFinished
from otp_genesis.model.frozen import Frozen
from otp_genesis.providers.budget import DayLedger, Ledger, Purse

if TYPE_CHECKING:
    from otp_genesis.engine.run import Place


class BudgetSettings(Frozen):
    """The section `[budget]` of `genesis.toml`."""

    step: Budget | None = None
    """Of each step that asks a model and has no budget of its own."""
    run: Budget | None = None
    """Of each run whose document says none."""
    day: Budget | None = None
    """Of all runs together, from midnight to midnight."""


class Spending:
    """The ledgers of one run. What the processes before this one spent is in its events."""

    def __init__(
        self, settings: BudgetSettings, run: Budget | None, events: Sequence[Event], store: Store
    ):
        self._step = settings.step
        self._events, self._store = events, store
        self._of_steps: dict[tuple[str, str | None], Ledger] = {}
        self._common: list[Ledger] = []
        if budget := run or settings.run:
            ledger = Ledger("the run's budget", budget)
            self._common.append(_taken_up(ledger, "", events))
        if settings.day is not None:
            self._common.append(_taken_up(DayLedger(settings.day, self._today), "", events))

    def purse(self, place: Place) -> Purse | None:
        """Return what the step may spend, or nothing where no budget says anything."""
        ledgers = [*self._around(place), *self._common]
        return Purse(ledgers, stop=place.answer == CHOICES[1]) if ledgers else None

    def _around(self, place: Place) -> Iterable[Ledger]:
        """Yield the ledgers of the step and of those that it is in."""
        at: Place | None = place
        while at is not None:
            budget = at.bound.settings.budget
            if budget is None and at is place:
                budget = self._step
            if budget is not None:
                yield self._of_step(at.path, budget)
            for program in at.bound.blocks if at is not place else ():
                if program.own_scope and program.pipeline.budget is not None:
                    yield self._of_step(at.path, program.pipeline.budget, program.pipeline.name)
            at = at.around.outer

    def _of_step(self, path: str, budget: Budget, document: str | None = None) -> Ledger:
        if (path, document) not in self._of_steps:
            name = path.rsplit("/", 1)[-1]
            whose = f"step {name!r}" if document is None else f"pipeline {document!r}"
            ledger = Ledger(f"the budget of {whose}", budget)
            self._of_steps[path, document] = _taken_up(ledger, path, self._events)
        return self._of_steps[path, document]

    async def _today(self) -> Spent:
        now = datetime.now().astimezone()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        calls = await self._store.model_calls(midnight.timestamp())
        return _sum(calls)


def _taken_up(ledger: Ledger, path: str, events: Iterable[Event]) -> Ledger:
    """Count in what the events below `path` tell: calls, and the answers that allowed more."""
    asked: set[str | None] = set()
    for event in events:
        match event:
            case ModelCalled() if _below(event.path, path):
                ledger.spent = ledger.spent.plus(_of(event))
            case RunFinished(status="suspended", choices=choices) if choices == CHOICES:
                asked.add(event.path)
            case Answered(answer=answer) if answer == SPEND_MORE and event.path in asked:
                if _below(event.path, path) and ledger.budget.on_reached == "suspend":
                    ledger.extend()
    return ledger


def _below(path: str, top: str) -> bool:
    return not top or path == top or path.startswith(f"{top}/")


def _of(event: ModelCalled) -> Spent:
    usage = event.usage
    tokens = usage.input_tokens + usage.output_tokens
    return Spent(usage.cost_usd, tokens, event.requests, event.duration_s)


def _sum(events: Iterable[ModelCalled]) -> Spent:
    total = Spent()
    for event in events:
        total = total.plus(_of(event))
    return total
