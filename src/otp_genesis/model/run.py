"""A run as data: how it was asked for, its state as a fold over its events, its report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import ConfigDict

from otp_genesis.model import event as ev
from otp_genesis.model.frozen import Frozen
from otp_genesis.model.outcome import Usage

NOTE_LENGTH = 160
"""Characters of what a model says that progress shows."""
Mode = Literal["live", "mock", "mixed", "record", "replay"]
"""Who answers for the models: those that are there; only prepared answers; those that are there,
and prepared answers where nobody is; recorded answers."""


class RunRequest(Frozen):
    """Everything that is needed to take a run up again in another process."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    run_id: str
    pipeline: str
    """The document's file, absolute, or `package:name` for one that is shipped."""
    name: str
    inputs: dict[str, Any] = {}
    mode: Mode = "live"
    provider: str | None = None
    strategy: str | None = None
    """How providers are chosen, where a step does not say."""
    folder: str | None = None
    """Where it was asked for, absolute: prompts of older documents name files from there."""
    workspace: str | None = None
    output: str | None = None
    cassette: str | None = None
    """Where the models' answers are recorded, or replayed from; absolute."""
    approve: bool = False
    plugins: tuple[str, ...] = ()
    """Files that are plugins, absolute."""
    started_at: float
    """Seconds since the epoch; also the date of the commits the run makes."""


@dataclass(frozen=True)
class StepView:
    """One step as far as it is."""

    path: str
    type: str
    status: Literal["running", "ok", "failed", "skipped", "suspended"]
    started_at: float
    duration_s: float = 0.0
    message: str | None = None


@dataclass(frozen=True)
class RunState:
    """A run so far. `fold` makes the next one of it; nothing else does."""

    status: ev.RunStatus = "running"
    started_at: float = 0.0
    finished_at: float | None = None
    pid: int = 0
    steps: dict[str, StepView] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    command_s: float = 0.0
    model_s: float = 0.0
    answers: dict[str, str] = field(default_factory=dict)
    note: str = ""
    error: str | None = None
    error_path: str | None = None
    choices: tuple[str, ...] = ()
    outputs: dict[str, Any] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    """The provider that each conversation is with."""
    providers: dict[str, str] = field(default_factory=dict)
    """How each provider of which anything is known was found last."""
    warnings: tuple[str, ...] = ()
    registries: dict[str, int] = field(default_factory=dict)
    """The size of each registry."""


def fold(events: Iterable[ev.Event], state: RunState | None = None) -> RunState:
    """Return the state after `events`."""
    state = state or RunState()
    for event in events:
        state = advance(state, event)
    return state


def advance(state: RunState, event: ev.Event) -> RunState:
    """Return the state after one more event. The mappings are shared and added to."""
    match event:
        case ev.RunStarted():
            begun = state.started_at or event.at
            return replace(
                state, status="running", started_at=begun, finished_at=None, pid=event.pid,
                error=None, error_path=None,
            )  # fmt: skip
        case ev.StepStarted(path=path):
            state.steps[path] = StepView(path, event.type, "running", event.at)
            return state
        case ev.StepFinished(path=path):
            state.steps[path] = StepView(
                path, event.type, event.status, event.at - event.duration_s, event.duration_s,
                event.message,
            )  # fmt: skip
            return state
        case ev.Noted():
            return replace(state, note=event.message)
        case ev.CommandRan():
            return replace(state, command_s=state.command_s + event.duration_s)
        case ev.ModelCalled():
            spent = state.model_s + event.duration_s
            if event.session is not None and event.error is None:
                state.sessions[event.session] = event.provider
            return replace(state, usage=state.usage + event.usage, model_s=spent)
        case ev.Answered(path=path):
            state.answers[path] = event.answer
            return state
        case ev.RunFinished():
            return replace(
                state, status=event.status, finished_at=event.at, error=event.error,
                error_path=event.path, choices=event.choices, outputs=event.outputs,
            )  # fmt: skip
        case _:
            return _surroundings(state, event)


def _surroundings(state: RunState, event: ev.Event) -> RunState:
    """Return the state after an event about what is around the steps."""
    match event:
        case ev.ModelSaid():
            said = " ".join(filter(None, (event.tool, *event.text.split())))
            return replace(state, note=f"{event.provider}: {said[:NOTE_LENGTH]}")
        case ev.Replayed():
            return replace(state, note=f"{len(event.recordings)} answers of {event.cassette}")
        case ev.ProviderHealth():
            state.providers[event.provider] = f"{event.state}: {event.reason}".rstrip(": ")
            return state
        case ev.Warned():
            return replace(state, warnings=(*state.warnings, f"{event.path}: {event.message}"))
        case ev.PluginChanged():
            if event.status != "quarantined":
                return state
            told = f"plugin {event.name!r} is left out: {event.reason}"
            return replace(state, warnings=(*state.warnings, told))
        case ev.TaskCrashed():
            told = f"background task {event.name!r} crashed: {event.error}"
            return replace(state, warnings=(*state.warnings, told))
        case ev.RegistryObserved():
            state.registries[event.registry] = event.size
            return state
    return state


class RunError(Frozen):
    """Where and why a run failed."""

    step: str
    path: str
    message: str


class RunReport(Frozen):
    """How a run ended, as `genesis run --json` prints it."""

    version: Literal[1] = 1
    run_id: str
    status: Literal["succeeded", "failed", "suspended", "cancelled"]
    results: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    error: RunError | None = None
    question: str | None = None
    usage: Usage = Usage()
    duration_s: float = 0.0
