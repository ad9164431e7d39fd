"""What happens in a run: the one stream that store, console, reports and metrics read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from otp_genesis.model.frozen import Frozen
from otp_genesis.model.outcome import Usage

RunStatus = Literal["running", "succeeded", "failed", "suspended", "cancelled", "interrupted"]


class _Event(Frozen):
    at: float
    """Seconds since the epoch."""


class RunStarted(_Event):
    """A process took the run up, for the first time or again."""

    kind: Literal["run_started"] = "run_started"
    resumed: bool = False
    pid: int


class StepStarted(_Event):
    """A step is being performed."""

    kind: Literal["step_started"] = "step_started"
    path: str
    type: str


class StepFinished(_Event):
    """A step came to an outcome; `replayed` ones had it from the journal."""

    kind: Literal["step_finished"] = "step_finished"
    path: str
    type: str
    status: Literal["ok", "failed", "skipped", "suspended"]
    duration_s: float
    message: str | None = None
    replayed: bool = False


class Noted(_Event):
    """A step tells how far it is."""

    kind: Literal["noted"] = "noted"
    path: str
    message: str


class ModelCalled(_Event):
    """A provider answered, or did not."""

    kind: Literal["model_called"] = "model_called"
    path: str
    provider: str
    model: str | None = None
    duration_s: float
    usage: Usage = Usage()
    requests: int = 1
    """How many requests to the vendor it took."""
    error: str | None = None
    strategy: str = ""
    """By which the providers were put in order."""
    hop: int = 0
    """How many providers were asked for the same request before this one."""
    passed_over: dict[str, str] = {}
    """Those that were not asked before this one, each with the reason."""
    session: str | None = None
    """The conversation that the call belongs to."""


class Replayed(_Event):
    """The models' answers of a run came from a recording."""

    kind: Literal["replayed"] = "replayed"
    cassette: str
    recordings: tuple[str, ...]
    """The hashes of those that were asked for."""


class ModelSaid(_Event):
    """A model says something while it answers, calls a tool, or hears what the tool says."""

    kind: Literal["model_said"] = "model_said"
    path: str
    provider: str
    what: Literal["text", "thinking", "tool_call", "tool_result"]
    text: str
    """What it says; of a call the arguments as JSON. What is long is cut."""
    tool: str | None = None
    failed: bool = False
    """Whether the tool failed, or the call was refused."""


class ProviderHealth(_Event):
    """A provider was found fit, doubtful or unfit to be asked."""

    kind: Literal["provider_health"] = "provider_health"
    provider: str
    state: Literal["closed", "open", "half_open", "unavailable"]
    """The circuit breaker's state; `unavailable` where its own check says so."""
    reason: str = ""
    until: float | None = None
    """When an open one is tried again, in seconds since the epoch."""


class CommandRan(_Event):
    """A command ended; its time is not the engine's own."""

    kind: Literal["command_ran"] = "command_ran"
    path: str
    argv: tuple[str, ...]
    exit_code: int | None
    duration_s: float


class Warned(_Event):
    """Something that does not stop the run but that its author should mend."""

    kind: Literal["warned"] = "warned"
    path: str
    code: str
    message: str


class PluginChanged(_Event):
    """A plugin was loaded, started, stopped, or put into quarantine."""

    kind: Literal["plugin_changed"] = "plugin_changed"
    name: str
    status: Literal["loaded", "started", "stopped", "quarantined"]
    reason: str = ""


class TaskCrashed(_Event):
    """A background task of the runtime crashed; it is restarted alone."""

    kind: Literal["task_crashed"] = "task_crashed"
    name: str
    error: str
    restart_in_s: float


class RegistryObserved(_Event):
    """How a registry is: told at the start and the end of a run."""

    kind: Literal["registry_observed"] = "registry_observed"
    registry: str
    """`step type` or `provider`."""
    size: int
    generation: int
    """How many writes it has had."""
    lookups: int
    failures: int
    """Lookups that found nothing."""
    quarantined: int = 0
    """Plugins that are left out."""


class Answered(_Event):
    """Somebody answered the question of a suspended step."""

    kind: Literal["answered"] = "answered"
    path: str
    answer: str
    by: str


class RunFinished(_Event):
    """The process let go of the run."""

    kind: Literal["run_finished"] = "run_finished"
    status: RunStatus
    error: str | None = None
    path: str | None = None
    """The step that failed or waits."""
    choices: tuple[str, ...] = ()
    """The answers that the waiting step takes; empty means any."""
    outputs: dict[str, Any] = {}


Event = Annotated[
    RunStarted
    | StepStarted
    | StepFinished
    | Noted
    | ModelCalled
    | ModelSaid
    | Replayed
    | ProviderHealth
    | Warned
    | PluginChanged
    | TaskCrashed
    | RegistryObserved
    | CommandRan
    | Answered
    | RunFinished,
    Field(discriminator="kind"),
]
