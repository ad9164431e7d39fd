"""Where the rooms meet: registries filled, a store opened, runs begun and taken up again."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from otp_genesis.codebase.record import run_folder
from otp_genesis.contracts.catalog import ProviderRegistry, StepRegistry
from otp_genesis.contracts.plugin import Plugin, Quarantined, load_plugins
from otp_genesis.contracts.provider import Models, Provider
from otp_genesis.contracts.registry import Registry
from otp_genesis.contracts.store import Entry, Store
from otp_genesis.durable.memory import MemoryStore
from otp_genesis.durable.sqlite import SqliteStore
from otp_genesis.engine.check import check
from otp_genesis.engine.output import as_data
from otp_genesis.engine.program import Program
from otp_genesis.engine.report import finished, report
from otp_genesis.engine.run import Listener, Run, inner_scope, run_program
from otp_genesis.errors import GenesisError, StoreUnavailable, UsageError
from otp_genesis.expr.scope import Scope
from otp_genesis.model.change import Revision
from otp_genesis.model.event import Answered, Noted, RunFinished, RunStarted
from otp_genesis.model.load import load_pipeline
from otp_genesis.model.outcome import Failed, Ok, Suspended
from otp_genesis.model.pipeline import Pipeline
from otp_genesis.model.run import Mode, RunReport, RunRequest, RunState, fold
from otp_genesis.opening import Opened, forget_files, opened_files
from otp_genesis.providers.gateway import Gateway, require_provider
from otp_genesis.providers.scripted import ScriptedProvider
from otp_genesis.settings import Settings, load_settings
from otp_genesis.steps import BUILT_IN
from otp_genesis.steps.document import document_type

PACKAGED = "package:"
_END: dict[type, Literal["done", "failed", "waiting"]] = {
    Ok: "done",
    Failed: "failed",
    Suspended: "waiting",
}
START = "@start"
"""The journal's row for the files at the first start."""
CLOCK_SLACK_S = 2.0


class Runtime:
    """Step types, providers and a store, ready to run pipelines.

    `Runtime()` has the built-in types and the installed plugins; with `discover=False` only the
    `plugins` that are given. Without `store` runs are kept below `settings.home`.
    """

    def __init__(
        self,
        *,
        plugins: Iterable[Plugin] = (),
        discover: bool = True,
        store: Store | None = None,
        settings: Settings | None = None,
        listeners: Iterable[Listener] = (),
    ):
        self.settings = settings or load_settings()
        self.steps = StepRegistry()
        self.providers = ProviderRegistry()
        self.quarantined: tuple[Quarantined, ...] = ()
        self.extras: dict[str, tuple[Any, ...]] = {}
        self.services: dict[str, Callable[[], Any]] = {}
        self._store = store
        self._listeners = tuple(listeners)
        for kind in BUILT_IN:
            self.steps.register(kind)
        self.providers.register(_scripted(self.settings))
        found = tuple(plugins)
        if discover:
            installed, self.quarantined = load_plugins()
            found = (*installed, *found)
        for plugin in found:
            self._add(plugin)

    @classmethod
    def in_memory(cls, **options: Any) -> Runtime:
        """Return a runtime that keeps nothing once it is gone."""
        return cls(store=MemoryStore(), **options)

    @property
    def store(self) -> Store:
        """Where runs are kept; opened when first asked for."""
        if self._store is None:
            self._store = SqliteStore(self.settings.home / "runs.sqlite")
        return self._store

    def load(self, name: str | Path) -> Pipeline:
        """Return a pipeline by its file, or by `package:MODULE/FILE` where it is shipped.

        It may carry complaints: `check` tells them with its own.
        """
        text = str(name)
        if text.startswith(PACKAGED):
            package, _, file = text.removeprefix(PACKAGED).partition("/")
            return load_pipeline(Path(str(files(package))) / file, lenient=True)
        return load_pipeline(Path(text), lenient=True)

    def check(self, pipeline: Pipeline) -> Program:
        """Return the program; raise `InvalidDocument` with every complaint."""
        return check(pipeline, self.steps.snapshot())

    async def run(
        self,
        pipeline: Pipeline | str | Path,
        inputs: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        mode: Mode = "live",
        provider: str | None = None,
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
            workspace=str(Path(workspace or self.settings.workspace).resolve()),
            output=str(Path(output or self.settings.output).resolve()),
            approve=approve,
            started_at=float(int(time.time())),
        )
        await self.store.create(request)
        return await self._go(request, program, resumed=False)

    async def resume(self, run_id: str, *, approve: bool = False) -> RunReport:
        """Take a run up where it was; what is finished is not done again."""
        request = await self.store.request(run_id)
        if (await self.state(run_id)).status == "cancelled":
            raise UsageError(f"run {run_id!r} is cancelled; start a new one")
        if approve:
            request = request.model_copy(update={"approve": True})
        program = self.check(self.load(request.pipeline))
        return await self._go(request, program, resumed=True)

    async def state(self, run_id: str) -> RunState:
        """Return a run as far as it is, as a fold over its events."""
        await self.store.request(run_id)
        events = [event for _, event in await self.store.events(run_id)]
        state = fold(events)
        begun = max((event.at for event in events if isinstance(event, RunStarted)), default=0.0)
        alive = state.status != "running" or _alive(state.pid, begun)
        return state if alive else replace(state, status="interrupted")

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
        if not await forget_files(request, self.settings):
            return False
        await self.store.forget(run_id)
        return True

    async def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            await self._store.close()

    async def _go(self, request: RunRequest, program: Program, *, resumed: bool) -> RunReport:
        began = time.time()
        pipeline = program.pipeline
        scope = initial_scope(pipeline, request, self.settings)
        needed = program.uses_codebase
        async with opened_files(request, pipeline, scope, self.settings, needed=needed) as opened:
            run = await self._prepared(request, opened)
            await run.emit(RunStarted(at=began, resumed=resumed, pid=os.getpid()))
            try:
                scope = replace(
                    scope, revision=await started_from(run, opened, writes=program.writes)
                )
                outcome = await run_program(run, program, scope, request.name)
            except GenesisError as error:
                error.run_id = request.run_id
                with suppress(StoreUnavailable):
                    await run.emit(RunFinished(at=time.time(), status="failed", error=str(error)))
                raise
            await run.emit(finished(outcome))
            opened.end = _END[type(outcome)]
        events = [event for _, event in await self.store.events(request.run_id)]
        # What was finished is the report's own where the run came to no end of its own.
        done = isinstance(outcome, Ok)
        rows = {} if done else await self.store.journal(request.run_id)
        return report(request, program, outcome, fold(events), began, rows)

    async def _prepared(self, request: RunRequest, opened: Opened) -> Run:
        providers = self._providers_for(request.mode)
        if request.provider is not None:
            await require_provider(providers, request.provider)

        def models(path: str) -> Models:
            return Gateway(providers, path, prepared.emit, request.provider)

        state = fold(event for _, event in await self.store.events(request.run_id))
        prepared = Run(
            run_id=request.run_id,
            store=self.store,
            models=models,
            ground=opened.ground,
            facts={
                **self.extras,
                **{name: make() for name, make in self.services.items()},
                **opened.facts,
                "settings": _settings_of(opened, self.settings),
                "request": request,
            },
            journal=await self.store.journal(request.run_id),
            answers=state.answers,
            approve=request.approve,
            output=Path(request.output) if request.output else None,
            listeners=self._listeners,
        )
        return prepared

    def _providers_for(self, mode: Mode) -> Mapping[str, Provider]:
        """Return who may be asked: in mock mode only those that answer from a script."""
        everyone = self.providers.snapshot()
        if mode == "replay":
            raise UsageError("--mode replay needs recorded answers, and there is no recorder yet")
        if mode == "live":
            return everyone
        return {name: one for name, one in everyone.items() if isinstance(one, ScriptedProvider)}

    def _add(self, plugin: Plugin) -> None:
        steps, providers = self.steps.snapshot(), self.providers.snapshot()
        try:
            for kind in plugin.steps:
                metadata = replace(kind.metadata, origin=plugin.name)
                self.steps.register(replace(kind, metadata=metadata))
            for path in plugin.pipelines:
                self.steps.register(document_type(load_pipeline(path), origin=plugin.name))
            for provider in plugin.providers:
                self.providers.register(provider)
            extras = {k: (*self.extras.get(k, ()), *new) for k, new in plugin.extras.items()}
            services = dict(plugin.services)
        # A plugin is a stranger's value: it may hold anything, and must stop nobody else.
        except Exception as error:
            _only(self.steps, steps)
            _only(self.providers, providers)
            said = str(error) if isinstance(error, GenesisError) else f"it is malformed: {error}"
            self.quarantined = (*self.quarantined, Quarantined(plugin.name, said))
            return
        self.extras |= extras
        self.services |= services


def _only(registry: Registry[Any], entries: Mapping[str, Any]) -> None:
    for name in set(registry.names()) - set(entries):
        registry.unregister(name)


def new_run_id() -> str:
    """Return an id that sorts by time: date, time, and six random characters."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


async def started_from(run: Run, opened: Opened, *, writes: bool) -> Revision | None:
    """Return the files as they were when the run was first begun, keeping them the first time."""
    if (entry := run.journal.get(START)) is not None and isinstance(entry.outcome, Ok):
        return entry.outcome.revision
    start = opened.start
    if start is None and opened.codebase is not None and writes:
        start = await opened.codebase.snapshot()
    if start is not None:
        event = Noted(at=run.clock(), path=START, message=f"the files are {start.tree[:12]}")
        await run.store.record(run.run_id, START, Entry("start", Ok(revision=start)), event)
    return start


def initial_scope(pipeline: Pipeline, request: RunRequest, settings: Settings) -> Scope:
    """Return what the first step of a run sees."""
    facts = {
        "run": {"id": request.run_id, "mode": request.mode, "started_at": request.started_at},
        "env": {name: settings.environ.get(name) for name in pipeline.env},
    }
    return inner_scope(pipeline, Scope(facts=facts), request.inputs)


def _settings_of(opened: Opened, settings: Settings) -> Settings:
    """Return the settings that hold in the project that is worked on."""
    project = opened.facts.get("project")
    return load_settings(Path(project), settings.environ) if project else settings


def _scripted(settings: Settings) -> ScriptedProvider:
    script = settings.sections.get("providers", {}).get("scripted", {}).get("file")
    script = settings.environ.get("GENESIS_SCRIPT") or script
    return ScriptedProvider.from_file(Path(script)) if script else ScriptedProvider()


def _alive(pid: int, since: float) -> bool:
    """Whether the process is still there: another may have got its number after `since`."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    stat = Path(f"/proc/{pid}/stat")
    if pid <= 0 or not stat.exists():
        return pid > 0
    ticks = int(stat.read_bytes().rpartition(b")")[2].split()[19])
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + ticks / os.sysconf("SC_CLK_TCK") < since + CLOCK_SLACK_S


def run(
    pipeline: Pipeline | str | Path, inputs: Mapping[str, Any] | None = None, **options: Any
) -> RunReport:
    """Run a pipeline from code that is not async; `options` as `Runtime.run` has them."""

    async def go() -> RunReport:
        runtime = Runtime()
        try:
            return await runtime.run(pipeline, inputs, **options)
        finally:
            await runtime.close()

    return asyncio.run(go())
