"""Who can be asked: the registered providers with what is known of each, and one plan a question.

A plan is what does not change from call to call: who offers what is needed. It is made once and
kept until the registry is written to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

from otp_genesis.contracts.provider import RegisteredProvider
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.errors import NOT_ASKED, GenesisError, UnknownName, UsageError, did_you_mean
from otp_genesis.providers.circuit import CircuitPolicy
from otp_genesis.providers.estimate import Price, price_of
from otp_genesis.providers.record import Changes, Record

Only = Callable[[RegisteredProvider], bool]
MOST_PLANS = 512
"""More are not kept: a caller may bring a new `only` with every question."""


class Question(NamedTuple):
    """What a plan is made for."""

    needs: frozenset[str]
    provider: str | None = None
    """The one that was asked for by name."""
    model: str | None = None
    only: Only | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Who of a plan can be asked, for as long as nothing changes."""

    changes: int
    until: float
    """When the first circuit lets a trial call through."""
    able: tuple[Record, ...]
    prices: tuple[Price | None, ...]
    """Beside `able`; empty where no price is known."""
    blocked: Mapping[str, str]


@dataclass(slots=True)
class Plan:
    """Who offers what a question needs, by priority, then by name; why the others do not."""

    fit: tuple[Record, ...]
    unfit: Mapping[str, str]
    prices: tuple[Price | None, ...]
    """Beside `fit`."""
    changes: Changes
    standing: Standing | None = None
    looked_at: bool = False
    """Whether each of them was checked once."""


@dataclass(frozen=True)
class View:
    """The registry as it was at one moment, with the records of its providers."""

    generation: int = -1
    records: Mapping[str, Record] = field(default_factory=dict)
    """By priority, then by name."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """Names that are registered but cannot be loaded, each with the reason."""
    plans: dict[Question, Plan] = field(default_factory=dict)


class Roster:
    """The registered providers, each with its record. Registering again begins a new record."""

    def __init__(self, registry: ProviderRegistry, policy: CircuitPolicy):
        self.registry, self.policy = registry, policy
        self._listed = False
        self._reading = Lock()
        self._changes = Changes()
        self._view = View()
        self._found: dict[str, Record] = {}

    @property
    def stale(self) -> bool:
        """Whether the registry was written to since it was read last."""
        return self._view.generation != self.registry.generation

    def refresh(self) -> View:
        """Read the registry if it was written to; this may load plugins, and then takes long."""
        if not self.stale:
            return self._view
        with self._reading:
            return self._read() if self.stale else self._view

    def _read(self) -> View:
        if not self._listed:
            # It has every plugin bring what it promised; afterwards a snapshot has them all.
            self.registry.names()
            self._listed = True
        generation = self.registry.generation
        snapshot = self.registry.snapshot()
        known, records, broken = self._view.records, [], {}
        for name in snapshot:
            try:
                entry = snapshot[name]
            except UsageError:
                raise
            except GenesisError as error:
                broken[name] = str(error)
                continue
            record = known.get(name)
            if record is None or record.entry is not entry:
                record = self._new(entry)
            records.append(record)
        records.sort(key=lambda one: (-one.entry.priority, one.name))
        self._view = View(generation, {one.name: one for one in records}, broken)
        return self._view

    def plan(self, question: Question) -> Plan:
        """Return who may be asked; raise `UsageError` for a capability that nobody declared."""
        view = self.refresh()
        found = view.plans.get(question)
        if found is None:
            found = self._made(question, view)
            # A resolver may be added at any time, and know the name then.
            if question.provider is None or found.fit:
                if len(view.plans) >= MOST_PLANS:
                    view.plans.clear()
                view.plans[question] = found
        return found

    def known(self) -> Iterable[Record]:
        """Return the records there are, without reading the registry again."""
        return self._view.records.values()

    def records(self) -> Iterable[Record]:
        """Return every provider's record, by priority, then by name."""
        return self.refresh().records.values()

    def _made(self, question: Question, view: View) -> Plan:
        for name in sorted(question.needs):
            self.registry.capabilities.asked(name)
        records, unfit = list(view.records.values()), dict(view.broken)
        wanted = question.provider
        if wanted is not None and wanted not in view.records:
            try:
                extra = self._by_other_name(wanted, view)
            except UnknownName:
                unfit[wanted] = f"it is not registered{did_you_mean(wanted, view.records)}"
            except UsageError:
                raise
            except GenesisError as error:
                unfit[wanted] = str(error)
            else:
                wanted = extra.name
                if wanted not in view.records:
                    records.append(extra)
        fit = []
        for record in records:
            reason = _unfit(record.entry, question, wanted)
            if reason is None:
                fit.append(record)
            else:
                unfit[record.name] = reason
        prices = tuple(price_of(one.entry, question.model) for one in fit)
        return Plan(tuple(fit), unfit, prices, self._changes)

    def _by_other_name(self, wanted: str, view: View) -> Record:
        """Return the record of what an alias or a resolver leads to; raise `UnknownName`."""
        entry = self.registry.resolve(wanted).entry
        if (record := view.records.get(entry.name)) is not None:
            return record
        record = self._found.get(entry.name)
        if record is None or record.entry is not entry:
            record = self._found[entry.name] = self._new(entry)
        return record

    def _new(self, entry: RegisteredProvider) -> Record:
        return Record(entry, self.policy, self._changes)


def _unfit(entry: RegisteredProvider, question: Question, wanted: str | None) -> str | None:
    if wanted is not None and entry.name != wanted:
        return f"{question.provider!r} {NOT_ASKED}"
    if question.only is not None and not question.only(entry):
        return "this run may not ask it"
    if missing := sorted(question.needs - entry.capabilities):
        return f"cannot do {', '.join(missing)}"
    return None
