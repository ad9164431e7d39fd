"""Counts, durations and states as a fold over events. `prometheus` writes them down.

No label holds a run's id or a step's path, and no family has more than `MAX_SERIES` series: what
comes after is counted under the label value `other`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any, Literal

from otp_genesis.model import event as ev
from otp_genesis.model.outcome import Usage

MAX_SERIES = 500
STEP_SECONDS = (
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0,
    3600.0,
)  # fmt: skip
CALL_SECONDS = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84,
)  # fmt: skip
"""The boundaries of the semantic conventions for `gen_ai.client.operation.duration`, and one more:
an agent's call may take minutes."""
STATES = ("closed", "half_open", "open", "unavailable")
_TOKENS = tuple(
    (name, name.removesuffix("_tokens")) for name in Usage.model_fields if name.endswith("_tokens")
)

Key = tuple[str, ...]
Sample = tuple[str, dict[str, str], float]
"""The name with its suffix, the labels, the value."""


class Family:
    """One metric: a value for each combination of its labels' values."""

    kind: Literal["counter", "gauge", "histogram"]

    def __init__(self, name: str, help: str, *labels: str):
        self.name, self.help, self.labels = f"genesis_{name}", help, labels
        self._other = ("other",) * len(labels)

    def samples(self) -> Iterator[Sample]:
        """Yield what is to be written, in the order of the label values."""
        raise NotImplementedError

    def _labelled(self, key: Key) -> dict[str, str]:
        return dict(zip(self.labels, key, strict=True))


class Counter(Family):
    """It only rises."""

    kind = "counter"

    def __init__(self, name: str, help: str, *labels: str):
        super().__init__(f"{name}_total", help, *labels)
        self.values: dict[Key, float] = {}

    def add(self, key: Key, amount: float = 1) -> None:
        """Add to the series of these label values."""
        values = self.values
        if key not in values and len(values) >= MAX_SERIES:
            key = self._other
        values[key] = values.get(key, 0) + amount

    def samples(self) -> Iterator[Sample]:
        """Yield one sample a series."""
        for key in sorted(self.values):
            yield self.name, self._labelled(key), self.values[key]


class LastTold(Family):
    """What was told last counts, by the time of the telling: runs may be folded in any order."""

    def __init__(self, kind: Literal["counter", "gauge"], name: str, help: str, *labels: str):
        super().__init__(f"{name}_total" if kind == "counter" else name, help, *labels)
        self.kind = kind
        self.values: dict[Key, tuple[float, float]] = {}

    def put(self, key: Key, value: float, at: float) -> None:
        """Set the series of these label values, unless a later moment has set it."""
        values = self.values
        if key not in values and len(values) >= MAX_SERIES:
            key = self._other
        if key not in values or at >= values[key][0]:
            values[key] = (at, value)

    def samples(self) -> Iterator[Sample]:
        """Yield one sample a series."""
        for key in sorted(self.values):
            yield self.name, self._labelled(key), self.values[key][1]


class Histogram(Family):
    """How many values were not above each of `bounds`, and their sum. Seconds."""

    kind = "histogram"

    def __init__(self, name: str, help: str, bounds: tuple[float, ...], *labels: str):
        super().__init__(name, help, *labels)
        self.bounds = bounds
        self.counts: dict[Key, list[int]] = {}
        """How many fell between two bounds, the last above all."""
        self.sums: dict[Key, float] = {}

    def observe(self, key: Key, value: float) -> None:
        """Add a value; one below zero comes of a clock that was set back and counts as zero."""
        counts = self.counts.get(key)
        if counts is None:
            if len(self.counts) >= MAX_SERIES:
                key = self._other
            counts = self.counts.setdefault(key, [0] * (len(self.bounds) + 1))
            self.sums.setdefault(key, 0.0)
        value = max(value, 0.0)
        counts[bisect_left(self.bounds, value)] += 1
        self.sums[key] += value

    def samples(self) -> Iterator[Sample]:
        """Yield cumulative buckets, the sum and the count of each series."""
        edges = (*map(repr, self.bounds), "+Inf")
        for key in sorted(self.counts):
            labels, below = self._labelled(key), 0
            for edge, count in zip(edges, self.counts[key], strict=True):
                below += count
                yield f"{self.name}_bucket", {**labels, "le": edge}, below
            yield f"{self.name}_sum", labels, self.sums[key]
            yield f"{self.name}_count", labels, below


class Metrics:
    """The fold: `advance` is an `Observer`. It is not for several threads at a time."""

    def __init__(self) -> None:
        self.runs_started = Counter("runs_started", "Times a process took up a run.", "resumed")
        self.runs = Counter("runs", "Times a process let go of a run, by how it left it.", "status")
        self.steps = Counter(
            "steps", "Steps that came to an outcome; not those from the journal.", "type", "status"
        )
        self.replayed = Counter(
            "steps_replayed", "Steps whose outcome was in the journal already.", "type"
        )
        self.step_seconds = Histogram(
            "step_duration_seconds", "Durations of steps that were not skipped.", STEP_SECONDS,
            "type",
        )  # fmt: skip
        self.calls = Counter(
            "provider_calls", "Calls of providers.", "provider", "model", "outcome"
        )  # fmt: skip
        self.call_seconds = Histogram(
            "provider_call_duration_seconds", "Durations of calls of providers.", CALL_SECONDS,
            "provider", "model",
        )  # fmt: skip
        self.tokens = Counter("provider_tokens", "Tokens consumed.", "provider", "type")
        self.cost = Counter("provider_cost_usd", "Cost in US dollars.", "provider")
        self.fallbacks = Counter(
            "provider_fallbacks", "Calls of a provider that was not the first one asked.",
            "provider", "strategy",
        )  # fmt: skip
        self.provider_state = LastTold(
            "gauge", "provider_state", "1 for the state that a provider was found in last.",
            "provider", "state",
        )  # fmt: skip
        self.commands = Counter(
            "commands", "Commands that ended; killed are those without an exit code.", "outcome"
        )
        self.command_seconds = Counter("command_seconds", "Time spent in commands.")
        self.warnings = Counter("warnings", "Warnings about a pipeline.", "code")
        self.plugin_quarantined = LastTold(
            "gauge", "plugin_quarantined", "1 for a plugin that is left out.", "plugin"
        )
        self.task_crashes = Counter(
            "background_task_crashes", "Crashes of background tasks.", "task"
        )  # fmt: skip
        self._registries = _registry_families()
        self._last_crash: dict[str, float] = {}
        self._folds: dict[type, Callable[[Any], None]] = {
            ev.RunStarted: self._run_started,
            ev.StepFinished: self._step_finished,
            ev.ModelCalled: self._model_called,
            ev.ProviderHealth: self._provider_health,
            ev.CommandRan: self._command_ran,
            ev.Warned: lambda event: self.warnings.add((event.code,)),
            ev.PluginChanged: self._plugin_changed,
            ev.TaskCrashed: self._task_crashed,
            ev.RegistryObserved: self._registry_observed,
            ev.RunFinished: lambda event: self.runs.add((event.status,)),
        }

    def advance(self, run_id: str, event: ev.Event) -> None:
        """Take one more event in."""
        if (fold := self._folds.get(type(event))) is not None:
            fold(event)

    def families(self) -> tuple[Family, ...]:
        """Return every metric, also those without a value yet."""
        own = (one for one in vars(self).values() if isinstance(one, Family))
        return (*own, *self._registries.values())

    def _run_started(self, event: ev.RunStarted) -> None:
        self.runs_started.add(("true" if event.resumed else "false",))

    def _step_finished(self, event: ev.StepFinished) -> None:
        if event.replayed:
            self.replayed.add((event.type,))
            return
        self.steps.add((event.type, event.status))
        if event.status != "skipped":
            self.step_seconds.observe((event.type,), event.duration_s)

    def _model_called(self, event: ev.ModelCalled) -> None:
        provider, model = event.provider, event.model or ""
        self.calls.add((provider, model, "error" if event.error else "ok"))
        self.call_seconds.observe((provider, model), event.duration_s)
        for name, kind in _TOKENS:
            if count := getattr(event.usage, name):
                self.tokens.add((provider, kind), count)
        if event.usage.cost_usd:
            self.cost.add((provider,), event.usage.cost_usd)
        if event.hop:
            self.fallbacks.add((provider, event.strategy))

    def _provider_health(self, event: ev.ProviderHealth) -> None:
        for state in STATES:
            self.provider_state.put((event.provider, state), event.state == state, event.at)

    def _command_ran(self, event: ev.CommandRan) -> None:
        outcomes: dict[int | None, str] = {None: "killed", 0: "ok"}
        self.commands.add((outcomes.get(event.exit_code, "failed"),))
        self.command_seconds.add((), max(event.duration_s, 0.0))

    def _plugin_changed(self, event: ev.PluginChanged) -> None:
        self.plugin_quarantined.put((event.name,), event.status == "quarantined", event.at)

    def _task_crashed(self, event: ev.TaskCrashed) -> None:
        # Every run that goes on is told of it: a crash told again is no later one.
        last = self._last_crash
        if event.at > last.get(event.name, 0.0):
            self.task_crashes.add((event.name,))
            if event.name in last or len(last) < MAX_SERIES:
                last[event.name] = event.at

    def _registry_observed(self, event: ev.RegistryObserved) -> None:
        for name, family in self._registries.items():
            family.put((event.registry,), getattr(event, name), event.at)


def _registry_families() -> dict[str, LastTold]:
    """Return what is kept of registries, by the field of the event."""
    return {
        "size": LastTold("gauge", "registry_size", "Entries.", "registry"),
        "generation": LastTold("gauge", "registry_generation", "Writes so far.", "registry"),
        "lookups": LastTold(
            "counter", "registry_lookups", "Lookups in the process that told last.", "registry"
        ),
        "failures": LastTold(
            "counter", "registry_lookup_failures",
            "Lookups that found nothing, in the process that told last.", "registry",
        ),
        "quarantined": LastTold(
            "gauge", "registry_quarantined_plugins", "Plugins that are left out.", "registry"
        ),
    }  # fmt: skip
