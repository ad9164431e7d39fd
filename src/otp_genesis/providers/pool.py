"""The providers as one thing that is shared: who there is, how they are, and who is asked."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, MutableMapping
from weakref import WeakKeyDictionary

from otp_genesis.contracts.provider import Models, Request
from otp_genesis.contracts.provider_registry import ProviderRegistry, Strategies, Strategy
from otp_genesis.errors import NoProvider, UnknownName, UsageError, did_you_mean
from otp_genesis.model.event import Event, ProviderHealth
from otp_genesis.providers import built_in_strategies
from otp_genesis.providers.budget import Purse
from otp_genesis.providers.circuit import DEFAULT_POLICY, CircuitPolicy
from otp_genesis.providers.explain import Explanation, explained
from otp_genesis.providers.gateway import Emit, Gateway, Site, refusal
from otp_genesis.providers.record import Record
from otp_genesis.providers.roster import Only, Plan, Question, Roster
from otp_genesis.providers.secrets import Secrets
from otp_genesis.providers.selection import Selection, select
from otp_genesis.providers.strangers import health_of

Tell = Callable[[Event], None]

CHECK_LIMIT_S = 5.0
"""How long a check may take."""
CHECK_INTERVAL_S = 30.0
AGAIN_AFTER_S = 1.0
"""Before nobody is found, those that were unavailable are checked again if it is so long ago."""


class Pool:
    """All providers of a runtime. It may be used from several event loops, one after the other.

    `secrets` are taken out of whatever the providers say.
    `strategy` is the one that holds where neither a request nor a run names one. `clock` counts
    seconds and never goes back; `jitter` gives numbers from 0 to 1. `tell` hears what the checks
    of `watch` and `check_all` find.
    """

    def __init__(
        self,
        registry: ProviderRegistry,
        strategies: Strategies | None = None,
        *,
        strategy: str = "priority",
        policy: CircuitPolicy = DEFAULT_POLICY,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        tell: Tell | None = None,
        check_limit_s: float = CHECK_LIMIT_S,
        secrets: Secrets | None = None,
    ):
        self.strategies = built_in_strategies() if strategies is None else strategies
        self.strategy, self.clock, self.jitter = strategy, clock, jitter
        self.faulty: set[Strategy] = set()
        """Strategies whose fault was told of; it is told once."""
        self.unpriced: set[tuple[str, str | None]] = set()
        """Providers and models without a known price that were told of."""
        self.secrets = Secrets({}) if secrets is None else secrets
        self._roster = Roster(registry, policy)
        self._tell, self._check_limit_s = tell, check_limit_s
        # A lock belongs to an event loop, the pool to none.
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]
        self._locks = WeakKeyDictionary()

    def models(
        self,
        path: str,
        emit: Emit,
        *,
        prefer: str | None = None,
        strategy: str | None = None,
        sessions: MutableMapping[str, str] | None = None,
        only: Only | None = None,
        site: Site | None = None,
        purse: Purse | None = None,
    ) -> Models:
        """Return what the step at `path` sees of the providers; its events go to `emit`.

        `prefer` is asked, and nobody else, where a request names no provider. `sessions` maps a
        conversation to the provider that has it; it is read and written. `only` says of whom the
        run may ask at all; give the same function to all steps of a run, for plans are kept by it.
        `site` makes what a provider finds at the step, `purse` says how much the step may spend.
        """
        return Gateway(self, path, emit, prefer, strategy, sessions, only, site=site, purse=purse)

    def record_of(self, name: str) -> Record:
        """Return what is known of a provider; raise `UnknownName`."""
        found = {one.name: one for one in self._roster.records()}
        if name not in found:
            raise UnknownName("provider", name, sorted(found))
        return found[name]

    async def close(self) -> None:
        """Let the providers that were asked let go of what they hold: those that have a `close`."""
        for record in self._roster.known():
            if record.calls and hasattr(record.entry.provider, "close"):
                await record.entry.provider.close()

    async def chosen(
        self,
        request: Request,
        prefer: str | None = None,
        strategy: str | None = None,
        *,
        talked_with: str | None = None,
        only: Only | None = None,
        emit: Emit | None = None,
    ) -> Selection:
        """Return who is asked, as `select`, once everybody who might be has been checked.

        Where nobody can be asked, those that said no are asked once more how they are.
        """
        if self._roster.stale:
            await self.load()
        question = _question(request, prefer, only)
        plan = self._roster.plan(question)
        if not plan.looked_at:
            await self._look(plan, emit)
        selection = self._select(plan, request, strategy, talked_with)
        if not selection.chosen:
            now = self.clock()
            away = [one for one in plan.fit if not one.fit]
            if old := [one for one in away if now - one.checked_at >= AGAIN_AFTER_S]:
                await self._check(old, emit)
                selection = self._select(plan, request, strategy, talked_with)
        return selection

    def select(
        self,
        request: Request,
        prefer: str | None = None,
        strategy: str | None = None,
        *,
        talked_with: str | None = None,
        only: Only | None = None,
    ) -> Selection:
        """Return who is asked, in which order, and why the others are not; wait for nothing.

        Who was never checked is taken to be available. Raises `UsageError` for a capability or a
        strategy that does not exist.
        """
        plan = self._roster.plan(_question(request, prefer, only))
        return self._select(plan, request, strategy, talked_with)

    def _select(
        self, plan: Plan, request: Request, strategy: str | None, talked_with: str | None
    ) -> Selection:
        by = self.strategy_named(request.strategy or strategy or self.strategy)
        return select(plan, by, request, self.clock(), talked_with)

    def strategy_named(self, name: str) -> Strategy:
        """Return the strategy; raise `UsageError`, which names the nearest."""
        try:
            return self.strategies.get(name)
        except UnknownName as error:
            message = f"no strategy named {name!r}{did_you_mean(name, error.known)}"
            raise UsageError(message) from None

    async def load(self) -> None:
        """Read the registry, in a thread: it may have to import plugins."""
        async with self._lock():
            await asyncio.to_thread(self._roster.refresh)

    async def require(self, name: str, *, only: Only | None = None) -> None:
        """Raise `NoProvider` unless there is a provider of that name and its check is good."""
        selection = await self.chosen(Request(prompt="", needs=frozenset()), name, only=only)
        if not selection.chosen:
            error = refusal(frozenset(("text",)), selection, self.clock())
            if isinstance(error, NoProvider):
                raise error

    async def check_all(self, emit: Emit | None = None) -> None:
        """Check every registered provider, all at once."""
        await self.load()
        await self._check(list(self._roster.records()), emit)

    async def watch(self, interval_s: float = CHECK_INTERVAL_S) -> None:
        """Check again and again whoever was checked before, until cancelled.

        A provider that no step has had a use for is left alone.
        """
        while True:
            await asyncio.sleep(interval_s)
            if self._roster.stale:
                await self.load()
            known = [one for one in self._roster.records() if one.health is not None]
            await self._check(known, None)

    def explain(
        self,
        needs: Iterable[str] = ("text",),
        *,
        provider: str | None = None,
        strategy: str | None = None,
        model: str | None = None,
        only: Only | None = None,
    ) -> Explanation:
        """Return who would be asked, and of each other why not, with all that is known of it.

        Raises `UsageError` for a capability or a strategy that does not exist. It checks nobody:
        `check_all` does.
        """
        request = Request(prompt="", needs=frozenset(needs), model=model)
        selection = self.select(request, provider, strategy, only=only)
        known = {one.name: one for one in (*self._roster.records(), *selection.plan.fit)}
        return explained(selection, request, known.values(), self.clock())

    async def _look(self, plan: Plan, emit: Emit | None) -> None:
        async with self._lock():
            if new := [one for one in plan.fit if one.health is None]:
                await self._check(new, emit)
            plan.looked_at = True

    async def _check(self, records: Iterable[Record], emit: Emit | None) -> None:
        """Ask all of them at once how they are, and tell of what has changed."""

        async def check(record: Record) -> ProviderHealth | None:
            health = await health_of(record.entry.provider, self._check_limit_s)
            return record.checked(health, self.clock())

        for event in await asyncio.gather(*map(check, records)):
            if event is None:
                continue
            if emit is not None:
                await emit(event)
            elif self._tell is not None:
                self._tell(event)

    def _lock(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        lock = self._locks.get(loop)
        if lock is None:
            lock = self._locks[loop] = asyncio.Lock()
        return lock


def _question(request: Request, prefer: str | None, only: Only | None) -> Question:
    return Question(request.needs, request.provider or prefer, request.model, only)
