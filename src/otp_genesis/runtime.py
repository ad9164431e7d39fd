"""Where the rooms meet: registries filled, plugins and background work started, runs begun."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from otp_genesis import __version__
from otp_genesis.background import Background
from otp_genesis.contracts.capability import Capabilities
from otp_genesis.contracts.catalog import Catalog, StepRegistry
from otp_genesis.contracts.entry import Lazy
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.deferred import deferred
from otp_genesis.errors import PluginError, UsageError
from otp_genesis.extension.installing import Registries
from otp_genesis.extension.plugins import Plugins
from otp_genesis.providers import BUILT_IN, built_in_strategies
from otp_genesis.providers.secrets import Secrets
from otp_genesis.settings import Settings, load_settings
from otp_genesis.steps import built_in

if TYPE_CHECKING:
    import asyncio
    from importlib import resources

    from otp_genesis import history, opening, performing, provider_tables, requesting
    from otp_genesis.compatibility import checkpoint as checkpoints
    from otp_genesis.contracts.plugin import Plugin, Quarantined
    from otp_genesis.contracts.provider import RegisteredProvider
    from otp_genesis.contracts.step_type import StepType
    from otp_genesis.contracts.store import Store
    from otp_genesis.durable import memory, sqlite
    from otp_genesis.engine import check as checking
    from otp_genesis.engine.program import Program
    from otp_genesis.engine.run import Listener, Observer
    from otp_genesis.extension.record import Status
    from otp_genesis.model import event as events
    from otp_genesis.model import load as loading
    from otp_genesis.model import pipeline as documents
    from otp_genesis.model.event import Event
    from otp_genesis.model.pipeline import Pipeline
    from otp_genesis.model.run import Mode, RunReport, RunState
    from otp_genesis.providers.pool import Pool
    from otp_genesis.steps import document as document_steps
else:
    # What a start does not need, and what together takes longer than all it needs.
    asyncio = deferred("asyncio")
    resources = deferred("importlib.resources")
    history = deferred("otp_genesis.history")
    opening = deferred("otp_genesis.opening")
    performing = deferred("otp_genesis.performing")
    provider_tables = deferred("otp_genesis.provider_tables")
    requesting = deferred("otp_genesis.requesting")
    checkpoints = deferred("otp_genesis.compatibility.checkpoint")
    memory = deferred("otp_genesis.durable.memory")
    sqlite = deferred("otp_genesis.durable.sqlite")
    checking = deferred("otp_genesis.engine.check")
    events = deferred("otp_genesis.model.event")
    loading = deferred("otp_genesis.model.load")
    documents = deferred("otp_genesis.model.pipeline")
    document_steps = deferred("otp_genesis.steps.document")

HEALTH = "provider health"
"""The background task that asks providers how they are, while runs are going."""

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
        self.secrets = Secrets(self.settings.environ)
        """Keys that were read; they are taken out of whatever the providers say."""
        self.capabilities = Capabilities()
        self.steps = StepRegistry(self.capabilities, _document)
        self.providers = ProviderRegistry(self.capabilities)
        self.strategies = built_in_strategies()
        registries = Registries(self.capabilities, self.steps, self.providers, self.strategies)
        self.functions = registries.functions
        self._registries = registries
        self._store = store
        self._listeners = tuple(listeners)
        self._observers: list[Observer] = []
        self._made: performing.Performer | None = None
        self._depth = 0
        self._starting: asyncio.Lock | None = None
        self._background = Background(self._crashed)
        for kind in built_in():
            self.steps.add_lazy(kind)
        self._tables: provider_tables.ProviderTables | None = None
        if self.settings.sections.get("providers"):
            self._tables = provider_tables.ProviderTables(
                self.settings, self.providers, self.secrets
            )
        for name in BUILT_IN:
            self.providers.add_lazy(Lazy(name, partial(self._provided, name)))
        tables = self.settings.plugins
        self.plugins = Plugins(registries, tables, version=__version__, discover=discover)
        self.plugins.tell = self._changed
        self.plugins.give(plugins)
        self.plugins.give_files((*tables.paths, *map(Path, plugin_files)))

    def _provided(self, name: str) -> RegisteredProvider:
        return provider_tables.built_in(name, self.settings, self.secrets)

    @property
    def _performer(self) -> performing.Performer:
        if self._made is None:
            self._made = performing.Performer(
                self.settings,
                self._registries,
                self._listeners,
                self._observers,
                strategy=self._tables.strategy if self._tables else "priority",
                bring=partial(self.plugins.bring, None),
                quarantined=lambda: self.quarantined,
                secrets=self.secrets,
            )
        return self._made

    @classmethod
    def in_memory(cls, **options: Any) -> Self:
        """Return a runtime that keeps nothing once it is gone."""
        return cls(store=memory.MemoryStore(), **options)

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
        return self._registries.services

    def extra(self, place: str) -> tuple[Any, ...]:
        """Return what plugins brought to a place, such as `rules`; all of them are loaded."""
        self.plugins.bring(None)
        return self._registries.extra(place)

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
        await self._start_plugins()

    async def stop(self) -> None:
        """Stop everything that `start` began, in reverse order; nothing is left running."""
        self._depth -= 1
        if self._depth == 0:
            await self._background.stop()
            await self.plugins.stop()

    async def _start_plugins(self) -> None:
        assert self._starting is not None
        async with self._starting:
            for name, task in await self.plugins.start():
                self._background.begin(name, task)

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[None]:
        await self.start()
        try:
            if HEALTH not in self._background.names:
                self._background.begin(HEALTH, self._performer.watch_health)
            yield
        finally:
            await self.stop()

    async def close(self) -> None:
        """Let go of the store, and write out what logs, metrics and traces hold."""
        if self._made is not None:
            await self._made.close()
        if self._store is not None:
            await self._store.close()

    @property
    def background(self) -> tuple[str, ...]:
        """The names of the tasks that run in the background now."""
        return self._background.names

    def _tell(self, event: Event) -> None:
        if self._made is not None:
            self._made.broadcast(event)
        else:
            for observer in self._observers:
                observer("", event)

    def _crashed(self, name: str, error: str, pause_s: float) -> None:
        event = events.TaskCrashed(at=time.time(), name=name, error=error, restart_in_s=pause_s)
        self._tell(event)

    def _changed(self, name: str, status: Status, reason: str) -> None:
        if status in ("loaded", "started", "stopped", "quarantined"):
            event = events.PluginChanged(at=time.time(), name=name, status=status, reason=reason)
            self._tell(event)

    # Checking

    def load(self, name: str | Path) -> Pipeline:
        """Return a pipeline by its file, or by `package:MODULE/FILE` where it is shipped.

        It may carry complaints: `check` tells them with its own.
        """
        text = str(name)
        if text.startswith(requesting.PACKAGED):
            package, _, file = text.removeprefix(requesting.PACKAGED).partition("/")
            return loading.load_pipeline(Path(str(resources.files(package))) / file, lenient=True)
        return loading.load_pipeline(Path(text), lenient=True)

    def catalog(self) -> Catalog:
        """Return everything documents are checked against, as it is now.

        Raises `UsageError` where genesis.toml speaks of a plugin that is not there.
        """
        self.plugins.require_known()
        if self._tables is not None:
            self._tables.require_known()
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
        mode: Mode | None = None,
        provider: str | None = None,
        strategy: str | None = None,
        workspace: str | None = None,
        output: str | None = None,
        approve: bool = False,
        checkpoint: Path | None = None,
        cassette: Path | None = None,
    ) -> RunReport:
        """Run a pipeline to its end, its failure or its first question.

        In the modes `record` and `replay` the models' answers go to, or come from, the `cassette`.
        What a `checkpoint` file of pipeline_ex says was done is not done again.
        """
        if not isinstance(pipeline, documents.Pipeline):
            named, pipeline = str(pipeline), self.load(pipeline)
        else:
            named = pipeline.document.file
        program = self.check(pipeline)
        if strategy is not None:
            self.strategies.get(strategy)
        request = requesting.run_request(
            self.settings,
            pipeline,
            named,
            dict(inputs or {}),
            requesting.Wanted(
                run_id, mode, provider, strategy, workspace, output, approve, cassette
            ),
            self.plugins.file_names(),
        )
        async with self._started():
            await self.store.create(request)
            if checkpoint is not None:
                await checkpoints.restore(self.store, request, pipeline, checkpoint)
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
        return await history.state_of(self.store, run_id)

    async def answer(self, run_id: str, text: str, *, by: str = "person") -> None:
        """Answer the question of a suspended run; raise `UsageError` where none is open."""
        await history.answer(self.store, run_id, text, by)

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
        self._observers.append(observer)


def _document(source: Pipeline | Path, name: str | None) -> StepType[Any]:
    pipeline = source if isinstance(source, documents.Pipeline) else loading.load_pipeline(source)
    return document_steps.document_type(pipeline, name=name)


def run(
    pipeline: Pipeline | str | Path, inputs: Mapping[str, Any] | None = None, **options: Any
) -> RunReport:
    """Run a pipeline from code that is not async; `options` as `Runtime.run` has them."""

    async def go() -> RunReport:
        async with Runtime() as runtime:
            return await runtime.run(pipeline, inputs, **options)

    return asyncio.run(go())
