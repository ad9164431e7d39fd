"""One run in one process: its files opened, its models at hand, performed, its end told."""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from otp_genesis.codebase.tools import codebase_tools
from otp_genesis.contracts.call_site import CallSite, Tape
from otp_genesis.contracts.plugin import CONFIG, Quarantined
from otp_genesis.contracts.provider import Models, RegisteredProvider
from otp_genesis.contracts.step import WRITE_OUTPUT
from otp_genesis.contracts.store import Entry, Store
from otp_genesis.deferred import deferred
from otp_genesis.engine.output import write_below
from otp_genesis.engine.program import Program
from otp_genesis.engine.report import finished, report
from otp_genesis.engine.run import Listener, Observer, Place, Run, inner_scope, run_program
from otp_genesis.errors import GenesisError, StoreUnavailable
from otp_genesis.expr.scope import Scope
from otp_genesis.extension.installing import Registries
from otp_genesis.model.change import Revision
from otp_genesis.model.event import (
    Event,
    Noted,
    PluginChanged,
    RegistryObserved,
    Replayed,
    RunFinished,
    RunStarted,
    Warned,
)
from otp_genesis.model.outcome import Failed, Ok, Suspended
from otp_genesis.model.pipeline import Pipeline
from otp_genesis.model.run import Mode, RunReport, RunRequest, fold
from otp_genesis.provider_tables import mock
from otp_genesis.providers.cassette import Cassette
from otp_genesis.providers.mock import MockProvider
from otp_genesis.providers.pool import Pool
from otp_genesis.providers.scripted import ScriptedProvider
from otp_genesis.providers.secrets import Secrets
from otp_genesis.settings import Settings, load_settings
from otp_genesis.spending import BudgetSettings, Spending

if TYPE_CHECKING:
    from otp_genesis import opening, telemetry
else:
    telemetry = deferred("otp_genesis.telemetry")
    opening = deferred("otp_genesis.opening")

_END: dict[type, Literal["done", "failed", "waiting"]] = {
    Ok: "done",
    Failed: "failed",
    Suspended: "waiting",
}
START = "@start"
"""The journal's row for the files at the first start."""
HEALTH_INTERVAL_S = 30.0
MOCK = MockProvider.name
TAPE = "tape"
"""In a step's `ctx.facts`: the cassette of a run that is recorded or replayed."""


class Performer:
    """Performs runs with the registries of one runtime."""

    def __init__(
        self,
        settings: Settings,
        registries: Registries,
        listeners: tuple[Listener, ...],
        observers: list[Observer],
        *,
        strategy: str,
        bring: Callable[[], None],
        quarantined: Callable[[], tuple[Quarantined, ...]],
        secrets: Secrets,
    ):
        self.settings, self.registries = settings, registries
        self.listeners, self.observers = listeners, observers
        self.bring, self.quarantined = bring, quarantined
        self._going: dict[str, Run] = {}
        self._told: set[asyncio.Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._telemetry: telemetry.Telemetry | None = None
        self.pool = Pool(
            registries.providers, registries.strategies, strategy=strategy,
            tell=self.broadcast, secrets=secrets,
        )  # fmt: skip

    async def watch_health(self) -> None:
        """Ask the providers how they are, again and again, while runs are going."""
        await self.pool.watch(interval_s=HEALTH_INTERVAL_S)

    async def open_telemetry(self) -> None:
        """Switch on the logs, metrics and traces that the settings ask for, once."""
        if self._telemetry is None:
            wanted = self.settings.section("telemetry", telemetry.TelemetrySettings)
            self._telemetry = telemetry.open_telemetry(wanted)
            self.observers += self._telemetry.observers

    async def close(self) -> None:
        """Write out what logs, metrics and traces hold; it may take a few seconds."""
        await self.pool.close()
        if self._telemetry is not None:
            await asyncio.to_thread(self._telemetry.close)

    def broadcast(self, event: Event) -> None:
        """Tell an event of the runtime itself to every run that goes, or else to the observers."""
        if self._going and self._loop is not None:
            # Plugins may be loaded in a thread, so that the runs go on meanwhile.
            self._loop.call_soon_threadsafe(self._deliver, event)
        else:
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        if not self._going:
            for observer in self.observers:
                observer("", event)
        for run in self._going.values():
            task = asyncio.ensure_future(run.emit(event))
            self._told.add(task)
            task.add_done_callback(self._told.discard)

    async def go(
        self, store: Store, request: RunRequest, program: Program, *, resumed: bool
    ) -> RunReport:
        """Perform a run, or what is left of it, and return how it ended."""
        await self.open_telemetry()
        self._loop = asyncio.get_running_loop()
        began = time.time()
        pipeline = program.pipeline
        scope = initial_scope(program, request, self.settings)
        needed = program.uses_codebase
        async with opening.opened_files(
            request, pipeline, scope, self.settings, needed=needed
        ) as opened:
            run = await self._prepared(store, request, pipeline, opened)
            await run.emit(RunStarted(at=began, resumed=resumed, pid=os.getpid()))
            self._going[request.run_id] = run
            try:
                await self._tell_surroundings(run, program)
                scope = replace(
                    scope, revision=await started_from(run, opened, writes=program.writes)
                )
                outcome = await run_program(run, program, scope, request.name)
                await self._tell_registries(run)
                await self._tell_replayed(run)
            except GenesisError as error:
                error.run_id = request.run_id
                with suppress(StoreUnavailable):
                    await run.emit(RunFinished(at=time.time(), status="failed", error=str(error)))
                raise
            finally:
                del self._going[request.run_id]
                if self._told:
                    await asyncio.wait(self._told)
            await run.emit(finished(outcome))
            opened.end = _END[type(outcome)]
        events = [event for _, event in await store.events(request.run_id)]
        # What was finished is the report's own where the run came to no end of its own.
        done = isinstance(outcome, Ok)
        rows = {} if done else await store.journal(request.run_id)
        return report(request, program, outcome, fold(events), began, rows)

    async def _prepared(
        self, store: Store, request: RunRequest, pipeline: Pipeline, opened: opening.Opened
    ) -> Run:
        only = _who_answers(request.mode)
        if request.mode in ("mock", "mixed") and MOCK not in self.registries.providers:
            self.registries.providers.register(mock(self.settings), origin="built-in")
        if request.provider is not None and request.mode != "replay":
            await self.pool.require(request.provider, only=only)

        events = [event for _, event in await store.events(request.run_id)]
        state = fold(events)
        budgets = self.settings.section("budget", BudgetSettings)
        spending = Spending(budgets, pipeline.budget, events, store)
        settings = _settings_of(opened, self.settings)
        tests, tape = test_command(settings), self._tape(request)

        def models(place: Place) -> Models:
            strategy = place.bound.settings.provider_strategy or request.strategy
            return self.pool.models(
                place.path, prepared.emit, prefer=request.provider, strategy=strategy,
                sessions=state.sessions, only=only,
                site=partial(call_site, place, tests, tape), purse=spending.purse(place),
            )  # fmt: skip

        ground = opened.ground
        prepared = Run(
            run_id=request.run_id,
            store=store,
            models=models,
            ground=ground,
            facts=_Facts(
                self.registries,
                self.bring,
                {
                    **opened.facts,
                    "settings": settings,
                    "request": request,
                    TAPE: tape,
                    WRITE_OUTPUT: partial(write_below, Path(request.output or ".")),
                },
            ),
            journal=await store.journal(request.run_id),
            answers=state.answers,
            approve=request.approve,
            output=Path(request.output) if request.output else None,
            listeners=self.listeners,
            observers=tuple(self.observers),
        )
        if ground is not None:
            ground.keep = partial(_keep_start, prepared)
        return prepared

    def _tape(self, request: RunRequest) -> Cassette | None:
        """Return the cassette of a run that is recorded or replayed; one for all of its steps."""
        if request.cassette is None:
            return None
        recording = request.mode == "record"
        return Cassette(Path(request.cassette), self.pool.secrets, recording=recording)

    async def _tell_surroundings(self, run: Run, program: Program) -> None:
        now = time.time()
        for plugin in self.quarantined():
            await run.emit(
                PluginChanged(at=now, name=plugin.name, status="quarantined", reason=plugin.reason)
            )
        for warning in program.warnings:
            place = f"{warning.file}:{warning.line}:{warning.column}"
            event = Warned(at=now, path=place, code=warning.code, message=warning.message)
            await run.emit(event)

    async def _tell_replayed(self, run: Run) -> None:
        tape = run.facts.get(TAPE)
        if isinstance(tape, Cassette) and not tape.recording:
            event = Replayed(at=time.time(), cassette=str(tape.path), recordings=tape.used)
            await run.emit(event)

    async def _tell_registries(self, run: Run) -> None:
        for registry in (self.registries.steps, self.registries.providers):
            stats = registry.stats()
            event = RegistryObserved(
                at=time.time(),
                registry=stats.kind,
                size=stats.size,
                generation=stats.generation,
                lookups=stats.lookups,
                failures=stats.failures,
                quarantined=len(self.quarantined()),
            )
            await run.emit(event)


class _Facts(Mapping[str, Any]):
    """What steps find in `ctx.facts`; what plugins make is made when it is first asked for."""

    def __init__(self, registries: Registries, bring: Callable[[], None], given: dict[str, Any]):
        self._registries, self._bring = registries, bring
        self._known = {CONFIG: registries.configs, **given}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._bring()
            make = self._registries.services.get(name)
            if make is None and name not in self._registries.extras:
                raise KeyError(name)
            self._known[name] = make() if make else self._registries.extra(name)
        return self._known[name]

    def __iter__(self) -> Any:
        yield from {*self._known, *self._registries.services, *self._registries.extras}

    def __len__(self) -> int:
        return sum(1 for _ in self)


async def started_from(run: Run, opened: opening.Opened, *, writes: bool) -> Revision | None:
    """Return the files as they were when the run was first begun, keeping them the first time."""
    if (entry := run.journal.get(START)) is not None and isinstance(entry.outcome, Ok):
        return entry.outcome.revision
    start = opened.start
    if start is None and opened.codebase is not None and writes:
        start = await opened.codebase.snapshot()
    if start is not None:
        await _keep_start(run, start)
    return start


async def _keep_start(run: Run, start: Revision) -> None:
    event = Noted(at=run.clock(), path=START, message=f"the files are {start.tree[:12]}")
    await run.store.record(run.run_id, START, Entry("start", Ok(revision=start)), event)


def call_site(place: Place, tests: Sequence[str] | None, tape: Tape | None) -> CallSite:
    """Return what a provider finds at a step: files and their tools only where it works on them."""
    ground = place.run.ground
    if ground is None or place.bound.kind.effects == "none":
        return CallSite(path=place.path, tell=place.emit, tape=tape)
    return CallSite(
        path=place.path,
        tell=place.emit,
        codebase=ground.codebase,
        about_to_write=place.about_to_write,
        toolbox=codebase_tools(ground.codebase, tests),
        tape=tape,
    )


def test_command(settings: Settings) -> Sequence[str] | None:
    """Return what `[verify]` says that the tests are run with, if it does."""
    said = settings.sections.get("verify", {}).get("test")
    words = shlex.split(said) if isinstance(said, str) else said
    return words if isinstance(words, list | tuple) and words else None


def initial_scope(program: Program, request: RunRequest, settings: Settings) -> Scope:
    """Return what the first step of a run sees."""
    pipeline: Pipeline = program.pipeline
    facts = {
        "run": {"id": request.run_id, "mode": request.mode, "started_at": request.started_at},
        "env": {name: settings.environ.get(name) for name in pipeline.env},
    }
    outer = Scope(facts=facts, functions=program.functions)
    return inner_scope(pipeline, outer, request.inputs)


def _settings_of(opened: opening.Opened, settings: Settings) -> Settings:
    """Return the settings that hold in the project that is worked on."""
    project = opened.facts.get("project")
    return load_settings(Path(project), settings.environ) if project else settings


def _who_answers(mode: Mode) -> Callable[[RegisteredProvider], bool] | None:
    """Return who may be asked: in mock mode only those that make their answers up."""
    return {"mock": _made_up, "mixed": None}.get(mode, _is_real)


def _made_up(entry: RegisteredProvider) -> bool:
    return isinstance(entry.provider, ScriptedProvider | MockProvider)


def _is_real(entry: RegisteredProvider) -> bool:
    return not isinstance(entry.provider, MockProvider)
