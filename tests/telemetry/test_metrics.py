"""Metrics as a fold over events."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from conftest import Bench
from support.exposition import Exposed, parsed, value

from otp_genesis.contracts.provider import Reply
from otp_genesis.model.event import (
    CommandRan,
    Event,
    ModelCalled,
    PluginChanged,
    ProviderHealth,
    RegistryObserved,
    RunFinished,
    RunStarted,
    StepFinished,
    TaskCrashed,
    Warned,
)
from otp_genesis.model.outcome import Usage
from otp_genesis.providers.scripted import ScriptedProvider
from otp_genesis.telemetry import Metrics, prometheus_text
from otp_genesis.telemetry.metrics import MAX_SERIES
from telemetry.conftest import T0, everything


def folded(events: Iterable[Event]) -> dict[str, Exposed]:
    """Return the families after these events, read from the text."""
    metrics = Metrics()
    for event in events:
        metrics.advance("r", event)
    return parsed(prometheus_text(metrics))


def test_nothing_yet() -> None:
    """Without an event there is no sample."""
    assert folded([]) == {}


def test_every_metric_comes_of_some_event() -> None:
    """One event of each kind, and one that is replayed, give every family a value."""
    replayed = StepFinished(
        at=T0, path="t/a", type="prompt", status="ok", duration_s=0.0, replayed=True
    )
    families = folded([*everything(), replayed])

    assert {family.name for family in Metrics().families()} == set(families)


def test_one_run() -> None:
    """Each event is counted where it belongs."""
    families = folded(everything())

    def at(name: str, **labels: str) -> float:
        return value(families, f"genesis_{name}", **labels)

    assert at("runs_started_total", resumed="false") == 1
    assert at("runs_total", status="failed") == 1
    assert at("steps_total", type="prompt", status="failed") == 1
    assert at("step_duration_seconds_count", type="prompt") == 1
    assert at("step_duration_seconds_sum", type="prompt") == 4
    assert at("provider_calls_total", provider="p", model="m", outcome="ok") == 1
    assert at("provider_call_duration_seconds_sum", provider="p", model="m") == 1.5
    assert at("provider_tokens_total", provider="p", type="input") == 30
    assert at("provider_tokens_total", provider="p", type="output") == 4
    assert at("provider_cost_usd_total", provider="p") == 0.5
    assert at("provider_fallbacks_total", provider="p", strategy="cheapest") == 1
    assert at("commands_total", outcome="ok") == 1
    assert at("command_seconds_total") == 0.25
    assert at("warnings_total", code="old-key") == 1
    assert at("plugin_quarantined", plugin="bad") == 1
    assert at("background_task_crashes_total", task="probe") == 1
    assert at("registry_size", registry="step type") == 13
    assert at("registry_generation", registry="step type") == 14
    assert at("registry_lookups_total", registry="step type") == 5
    assert at("registry_lookup_failures_total", registry="step type") == 1
    assert at("registry_quarantined_plugins", registry="step type") == 1


@pytest.mark.parametrize("state", ["closed", "open", "half_open", "unavailable"])
def test_a_provider_is_in_one_state(state: str) -> None:
    """Of a provider's states the last one told is 1."""
    before = ProviderHealth(at=T0, provider="p", state="open")
    told = ProviderHealth.model_validate({"at": T0 + 1, "provider": "p", "state": state})
    samples = folded([before, told])["genesis_provider_state"].samples

    assert {dict(labels)["state"] for (_, labels), on in samples.items() if on} == {state}
    assert len(samples) == 4


def test_the_latest_state_counts_in_any_order() -> None:
    """Runs may be folded one after another though they were side by side."""
    later = RegistryObserved(
        at=T0 + 9, registry="provider", size=5, generation=9, lookups=9, failures=0
    )
    earlier = later.model_copy(update={"at": T0, "size": 3})
    started = PluginChanged(at=T0 + 9, name="bad", status="started")

    assert value(folded([later, earlier]), "genesis_registry_size", registry="provider") == 5
    assert value(folded([started, *everything()]), "genesis_plugin_quarantined", plugin="bad") == 0


def test_what_did_not_happen_is_not_counted() -> None:
    """Replayed steps have their own count, skipped ones no duration, silent calls no tokens."""
    step = StepFinished(at=T0, path="t/a", type="x", status="skipped", duration_s=1.0)
    families = folded(
        [
            step,
            step.model_copy(update={"status": "ok", "replayed": True}),
            ModelCalled(at=T0, path="t/a", provider="p", duration_s=1.0, error="down"),
        ]
    )

    assert set(families) == {
        "genesis_steps_total", "genesis_steps_replayed_total", "genesis_provider_calls_total",
        "genesis_provider_call_duration_seconds",
    }  # fmt: skip
    calls = {"provider": "p", "model": "", "outcome": "error"}
    assert value(families, "genesis_provider_calls_total", **calls) == 1


def test_a_crash_that_several_runs_are_told_of_is_one() -> None:
    """The runtime tells every run that goes on; folded one after another they count it once."""
    crashes = [
        TaskCrashed(at=T0 + second, name="probe", error="x", restart_in_s=1) for second in (0, 1, 2)
    ]
    families = folded([*crashes[:2], *crashes])

    assert value(families, "genesis_background_task_crashes_total", task="probe") == 3


def test_how_commands_end() -> None:
    """A command is fine, fails, or is killed; a clock that was set back costs nothing."""
    families = folded(
        CommandRan(at=T0, path="t/a", argv=("x",), exit_code=code, duration_s=-1.0)
        for code in (0, 1, 2, None)
    )

    ends = {"ok": 1.0, "failed": 2.0, "killed": 1.0}
    assert ends == {
        how: value(families, "genesis_commands_total", outcome=how) for how in ends
    }  # fmt: skip
    assert value(families, "genesis_command_seconds_total") == 0


def test_a_duration_is_in_its_bucket() -> None:
    """A bucket holds what is not above its edge."""
    durations = (-1.0, 0.001, 0.0011, 5.0, 1e9)
    families = folded(
        StepFinished(at=T0, path="t/a", type="x", status="ok", duration_s=duration)
        for duration in durations
    )

    edges = {"0.001": 2, "0.005": 3, "2.5": 3, "5.0": 4, "3600.0": 4, "+Inf": 5}
    name = "genesis_step_duration_seconds_bucket"
    assert edges == {edge: value(families, name, type="x", le=edge) for edge in edges}


def test_series_are_bounded() -> None:
    """However many values a label takes, there are not many series more than the bound."""
    families = folded(
        event
        for number in range(2 * MAX_SERIES)
        for event in (
            Warned(at=T0, path="t/a", code=f"c{number}", message="x"),
            ModelCalled(at=T0, path="t/a", provider="p", model=f"m{number}", duration_s=1.0),
            ProviderHealth(at=T0, provider=f"p{number}", state="open"),
        )
    )
    calls = "genesis_provider_calls_total"

    assert len(families["genesis_warnings_total"].samples) == MAX_SERIES + 1
    assert value(families, "genesis_warnings_total", code="other") == MAX_SERIES
    assert value(families, calls, provider="other", model="other", outcome="other") == MAX_SERIES
    for family in families.values():
        assert len(family.samples) <= (MAX_SERIES + 1) * 18


def test_no_label_names_a_run_or_a_path() -> None:
    """What would grow with every run is no label."""
    labels = {label for family in Metrics().families() for label in family.labels}

    assert set() == labels & {"run", "run_id", "path", "step", "session", "error"}


def test_a_real_run(bench: Bench) -> None:
    """What a run tells is what is counted: loop, branches, a model, a command, a failure."""
    usage = Usage(input_tokens=10, output_tokens=2, cost_usd=0.25)
    scripted = ScriptedProvider(lambda request: Reply(text="hello", usage=usage))
    bench.runtime.providers.register(scripted, replace=True)
    report = bench.run(
        """
        - name: each
          type: for_loop
          iterator: n
          data_source: [1, 2, 3]
          steps: [{name: s, type: say, value: "{{ n }}"}]
        - name: both
          type: parallel
          branches:
            a: [{name: ask, type: prompt, prompt: hi}]
            b: [{name: ask, type: prompt, prompt: hi}]
        - {name: echo, type: command, command: [echo, x]}
        - {name: no, type: say, value: 1, condition: "1 == 2"}
        - {name: bad, type: say, fail: true}
        """
    )
    families = folded(bench.events)

    def steps(kind: str, status: str) -> float:
        return value(families, "genesis_steps_total", type=kind, status=status)

    assert report.status == "failed"
    assert [steps("say", status) for status in ("ok", "skipped", "failed")] == [3, 1, 1]
    assert [steps(kind, "ok") for kind in ("for_loop", "parallel", "prompt", "command")] == [
        1, 1, 2, 1,
    ]  # fmt: skip
    tokens = "genesis_provider_tokens_total"
    assert value(families, tokens, provider="scripted", type="input") == 20
    assert value(families, "genesis_provider_cost_usd_total", provider="scripted") == 0.5
    assert value(families, "genesis_commands_total", outcome="ok") == 1
    assert value(families, "genesis_runs_started_total", resumed="false") == 1
    assert value(families, "genesis_runs_total", status="failed") == 1
    assert [] == [
        event for event in bench.events if isinstance(event, RunStarted | RunFinished)
    ][2:]  # fmt: skip
