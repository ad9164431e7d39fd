"""Where the rooms meet: registries filled, plugins and background work started, runs begun."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from otp_genesis import __version__
from otp_genesis.background import Background
from otp_genesis.codebase.record import run_folder
from otp_genesis.contracts.capability import Capabilities
from otp_genesis.contracts.catalog import Catalog, StepRegistry
from otp_genesis.contracts.plugin import Plugin, Quarantined
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.contracts.step_type import StepType
from otp_genesis.contracts.store import Store
from otp_genesis.deferred import deferred
from otp_genesis.durable.memory import MemoryStore
from otp_genesis.engine.output import as_data
from otp_genesis.engine.program import Program
from otp_genesis.engine.run import Listener
from otp_genesis.errors import PluginError, UsageError
from otp_genesis.extension.installing import Registries
from otp_genesis.extension.plugins import Plugins
from otp_genesis.extension.record import Status
from otp_genesis.model.event import Answered, Event, PluginChanged, RunStarted, TaskCrashed
from otp_genesis.model.load import load_pipeline
from otp_genesis.model.pipeline import Pipeline
from otp_genesis.model.run import Mode, RunReport, RunRequest, RunState, fold
from otp_genesis.performing import Performer, alive
from otp_genesis.providers.pool import Pool
from otp_genesis.settings import Settings, load_settings
from otp_genesis.steps import built_in
from otp_genesis.steps.document import document_type

if TYPE_CHECKING:
    from otp_genesis import opening
    from otp_genesis.durable import sqlite
    from otp_genesis.engine import check as checking
else:
    checking = deferred("otp_genesis.engine.check")
    opening = deferred("otp_genesis.opening")
    sqlite = deferred("otp_genesis.durable.sqlite")

PACKAGED = "package:"

# A library says nothing unless its user asks for it: without this, warnings go to stderr.
logging.getLogger("otp_genesis").addHandler(logging.NullHandler())


class Runtime:
    """Step types, providers, plugins and a store, ready to run pipelines.

    `Runtime()` has the built-in types and the installed plugins; with `discover=False` only the
    `plugins` and `plugin_files` that are given. Without `store` runs are kept below
    `settings.home`. As an async context manager it is started and stopped as one thing; outside of
    one, `run` and `resume` start it before and stop it after themselves.
    """

    def __init__(
        self,
        *,
        plugins: Iterable[Plugin] = (),
        plugin_files: Iterable[Path | str] = (),
        discover: bool = True,
        store: Store | None = None,
        settings: Settings | None = None,
        listeners: Iterable[Listener] = (),
    ):
        self.settings = settings or load_settings()
        self.capabilities = Capabilities()
        self.steps = StepRegistry(self.capabilities, _document)
        self.providers = ProviderRegistry(self.capabilities)
        self._performer = Performer(self.settings, self.steps, self.providers, listeners)
        self.strategies = self._performer.strategies
        registries = Registries(self.capabilities, self.steps, self.providers, self.strategies)
        self.functions = registries.functions
        self._performer.registries = registries
        self._store = store
        self._depth = 0
        self._starting = asyncio.Lock()
        self._background = Background(self._crashed)
        for kind in built_in():
            self.steps.add_lazy(kind)
        tables = self.settings.plugins
        self.plugins = Plugins(registries, tables, version=__version__, discover=discover)
        self.plugins.tell = self._changed
        self._performer.bring = partial(self.plugins.bring, None)
        self._performer.quarantined = lambda: self.quarantined
        self.plugins.give(plugins)
        self.plugins.give_files((*tables.paths, *map(Path, plugin_files)))

    @classmethod
    def in_memory(cls, **options: Any) -> Self:
        """Return a runtime that keeps nothing once it is gone."""
        return cls(store=MemoryStore(), **options)

    @property
    def store(self) -> Store:
        """Where runs are kept; opened when first asked for."""
        if self._store is None:
            self._store = sqlite.SqliteStore(self.settings.home / "runs.sqlite")
        return self._store

    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        """The plugins that are left out, each with the reason."""
        return self.plugins.quarantined

    @property
    def pool(self) -> Pool:
        """The providers as they are: health, latency, who would be asked."""
        return self._performer.pool

    @property
    def services(self) -> Mapping[str, Callable[[], Any]]:
        """What plugins bring for steps to find in `ctx.facts`."""
        return self._performer.registries.services

    def extra(self, place: str) -> tuple[Any, ...]:
        """Return what plugins brought to a place, such as `rules`; all of them are loaded."""
        self.plugins.bring(None)
        return self._performer.registries.extra(place)

    # Starting and stopping

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()
        await self.close()

    async def start(self) -> None:
        """Start the plugins that are loaded, in order of dependency, and the background work.

        What does not start is put into quarantine and told; the runtime is started all the same.
        """
        self._depth += 1
        if self._depth == 1:
            self._starting = asyncio.Lock()
            self._background.begin("provider health", self._performer.watch_health)
        await self._start_plugins()

    async def stop(self) -> None:
        """Stop everything that `start` began, in reverse order; nothing is left running."""
        self._depth -= 1
        if self._depth == 0:
            await self._background.stop()
            await self.plugins.stop()

    async def _start_plugins(self) -> None:
        async with self._starting:
            for name, task in await self.plugins.start():
                self._background.begin(name, task)

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[None]:
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def close(self) -> None:
        """Let go of the store, and write out what logs, metrics and traces hold."""
        await self._performer.close()
        if self._store is not None:
            await self._store.close()

    @property
    def background(self) -> tuple[str, ...]:
        """The names of the tasks that run in the background now."""
        return self._background.names

    def _crashed(self, name: str, error: str, pause_s: float) -> None:
        event = TaskCrashed(at=time.time(), name=name, error=error, restart_in_s=pause_s)
        self._performer.broadcast(event)

    def _changed(self, name: str, status: Status, reason: str) -> None:
        if status in ("loaded", "started", "stopped", "quarantined"):
            event = PluginChanged(at=time.time(), name=name, status=status, reason=reason)
            self._performer.broadcast(event)

    # Checking

    def load(self, name: str | Path) -> Pipeline:
        """Return a pipeline by its file, or by `package:MODULE/FILE` where it is shipped.

        It may carry complaints: `check` tells them with its own.
        """
        text = str(name)
        if text.startswith(PACKAGED):
            package, _, file = text.removeprefix(PACKAGED).partition("/")
            return load_pipeline(Path(str(files(package))) / file, lenient=True)
        return load_pipeline(Path(text), lenient=True)

    def catalog(self) -> Catalog:
        """Return everything documents are checked against, as it is now.

        Raises `UsageError` where genesis.toml speaks of a plugin that is not there.
        """
        self.plugins.require_known()
        self._performer.require_known()
        return Catalog(
            steps=self.steps.snapshot(),
            capabilities=self.capabilities.snapshot(),
            strategies=self.strategies.snapshot(),
            functions=self.functions.snapshot(),
            versions=self.plugins.versions,
        )

    def check(self, pipeline: Pipeline) -> Program:
        """Return the program, with its warnings; raise `InvalidDocument` with every complaint."""
        return checking.check(pipeline, self.catalog())

    # Running

    async def run(
        self,
        pipeline: Pipeline | str | Path,
        inputs: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        mode: Mode = "live",
        provider: str | None = None,
        strategy: str | None = None,
        workspace: str | None = None,
        output: str | None = None,
        approve: bool = False,
    ) -> RunReport:
        """Run a pipeline to its end, its failure or its first question."""
        if not isinstance(pipeline, Pipeline):
            named, pipeline = str(pipeline), self.load(pipeline)
        else:
            named = pipeline.document.file
        program = self.check(pipeline)
        if strategy is not None:
            self.strategies.get(strategy)
        complaint, taken = pipeline.take_inputs(dict(inputs or {}))
        if complaint:
            raise UsageError(f"{named}: {complaint}")
        try:
            taken = as_data(taken)
        except ValueError as error:
            raise UsageError(f"{named}: an input is no JSON data: {error}") from None
        if not named.startswith(PACKAGED):
            named = str(Path(named).resolve())
        run_id = run_id or new_run_id()
        run_folder(self.settings.home, run_id)
        request = RunRequest(
            run_id=run_id,
            pipeline=named,
            name=pipeline.name,
            inputs=taken,
            mode=mode,
            provider=provider or self.settings.provider,
            strategy=strategy or pipeline.provider_strategy,
            workspace=str(Path(workspace or self.settings.workspace).resolve()),
            output=str(Path(output or self.settings.output).resolve()),
            approve=approve,
            plugins=self.plugins.file_names(),
            started_at=float(int(time.time())),
        )
        async with self._started():
            await self.store.create(request)
            return await self._performer.go(self.store, request, program, resumed=False)

    async def resume(self, run_id: str, *, approve: bool = False) -> RunReport:
        """Take a run up where it was; what is finished is not done again."""
        request = await self.store.request(run_id)
        if (await self.state(run_id)).status == "cancelled":
            raise UsageError(f"run {run_id!r} is cancelled; start a new one")
        if approve:
            request = request.model_copy(update={"approve": True})
        self.use(request.plugins)
        program = self.check(self.load(request.pipeline))
        async with self._started():
            return await self._performer.go(self.store, request, program, resumed=True)

    def use(self, plugin_files: Iterable[Path | str]) -> None:
        """Load plugins from files; raise `PluginError` where one of them is bad."""
        for record in self.plugins.give_files(map(Path, plugin_files)):
            if record.status == "quarantined":
                raise PluginError(record.name, record.reason)

    async def state(self, run_id: str) -> RunState:
        """Return a run as far as it is, as a fold over its events."""
        await self.store.request(run_id)
        events = [event for _, event in await self.store.events(run_id)]
        state = fold(events)
        begun = max((event.at for event in events if isinstance(event, RunStarted)), default=0.0)
        goes_on = state.status != "running" or alive(state.pid, begun)
        return state if goes_on else replace(state, status="interrupted")

    async def answer(self, run_id: str, text: str, *, by: str = "person") -> None:
        """Answer the question of a suspended run; raise `UsageError` where none is open."""
        state = await self.state(run_id)
        if state.status != "suspended" or state.error_path is None:
            raise UsageError(f"run {run_id!r} asks nothing; it is {state.status}")
        if state.choices and text not in state.choices:
            raise UsageError(f"{text!r} is no answer; it takes {', '.join(state.choices)}")
        event = Answered(at=time.time(), path=state.error_path, answer=text, by=by)
        await self.store.append(run_id, event)

    async def forget(self, run_id: str) -> bool:
        """Remove a run and what it keeps on the disk; its commits and reports stay.

        Return false, and remove nothing, where the run's folder holds the only copy of its work.
        """
        request = await self.store.request(run_id)
        if not await opening.forget_files(request, self.settings):
            return False
        await self.store.forget(run_id)
        return True

    def observe(self, observer: Callable[[str, Event], None]) -> None:
        """Tell `observer(run id, event)` of everything; the id is empty outside of runs."""
        self._performer.observers += (observer,)


def _document(source: Pipeline | Path, name: str | None) -> StepType[Any]:
    pipeline = source if isinstance(source, Pipeline) else load_pipeline(source)
    return document_type(pipeline, name=name)


def new_run_id() -> str:
    """Return an id that sorts by time: date, time, and six random characters."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def run(
    pipeline: Pipeline | str | Path, inputs: Mapping[str, Any] | None = None, **options: Any
) -> RunReport:
    """Run a pipeline from code that is not async; `options` as `Runtime.run` has them."""

    async def go() -> RunReport:
        async with Runtime() as runtime:
            return await runtime.run(pipeline, inputs, **options)

    return asyncio.run(go())
