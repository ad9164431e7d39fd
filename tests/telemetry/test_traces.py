"""Spans and measurements, through the real SDK."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from conftest import Bench
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from otp_genesis.contracts.provider import Reply
from otp_genesis.model.event import (
    Event,
    ModelCalled,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from otp_genesis.providers.scripted import ScriptedProvider
from otp_genesis.telemetry import traces
from otp_genesis.telemetry.meters import Meters
from otp_genesis.telemetry.traces import Traces
from telemetry.conftest import T0, everything


class Collected:
    """Spans as they were exported, by name."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.traces = Traces(self.provider.get_tracer("test"))

    def take(self, events: Iterable[Event], run_id: str = "r") -> Collected:
        for event in events:
            self.traces(run_id, event)
        return self

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def __getitem__(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def above(self, name: str) -> str | None:
        """Return the name of the span that the one of this name stands below."""
        parent = self[name].parent
        by_id = {span.context.span_id: span.name for span in self.spans if span.context}
        return by_id[parent.span_id] if parent else None


@pytest.fixture
def collected() -> Iterator[Collected]:
    """A tracer provider that keeps its spans."""
    made = Collected()
    yield made
    made.provider.shutdown()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def step(path: str, kind: str = "x", **fields: Any) -> list[Event]:
    """Return the events of a step of one second."""
    return [
        StepStarted(at=T0, path=path, type=kind),
        StepFinished.model_validate(
            {"at": T0 + 1, "path": path, "type": kind, "status": "ok", "duration_s": 1.0} | fields
        ),
    ]


START = RunStarted(at=T0, pid=1)
END = RunFinished(at=T0 + 9, status="succeeded")


def test_one_span_a_run_a_step_and_a_call(collected: Collected) -> None:
    """They stand below each other, with the times of the events and the conventions' names."""
    collected.take(everything())
    run, asked, call = (collected[name] for name in ("run t", "prompt ask", "chat m"))

    assert len(collected.spans) == 3
    assert (collected.above("chat m"), collected.above("prompt ask")) == ("prompt ask", "run t")
    assert (run.start_time, run.end_time) == (int(T0 * 1e9), int((T0 + 5) * 1e9))
    assert (asked.start_time, asked.end_time) == (int(T0 * 1e9), int((T0 + 4) * 1e9))
    assert (call.start_time, call.end_time) == (int((T0 + 0.5) * 1e9), int((T0 + 2) * 1e9))
    assert (run.kind, call.kind) == (SpanKind.INTERNAL, SpanKind.CLIENT)
    assert attributes(call) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "p",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m",
        "gen_ai.conversation.id": "s",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 4,
        "genesis.usage.cost_usd": 0.5,
        "genesis.provider.hop": 1,
        "genesis.provider.strategy": "cheapest",
        "genesis.run.id": "r",
        "genesis.step.path": "t/ask",
    }
    assert attributes(asked) == {
        "genesis.run.id": "r",
        "genesis.step.path": "t/ask",
        "genesis.step.name": "ask",
        "genesis.step.type": "prompt",
        "genesis.step.status": "failed",
        "error.type": "_OTHER",
    }
    assert [one.name for one in asked.events] == ["genesis.warning"]


def test_failures_have_a_status(collected: Collected) -> None:
    """A failed run, step or call is an error with its text; what went well says nothing."""
    call = ModelCalled(
        at=T0, path="t/ask", provider="p", duration_s=0.5, error="TimeoutError: s\nlow"
    )
    collected.take([*everything()[:-1], call, everything()[-1]])

    assert {
        span.name: (span.status.status_code, span.status.description) for span in collected.spans
    } == {
        "run t": (StatusCode.ERROR, "no answer"),
        "prompt ask": (StatusCode.ERROR, "no answer"),
        "chat m": (StatusCode.UNSET, None),
        "chat": (StatusCode.ERROR, "TimeoutError: s low"),
    }
    assert attributes(collected["chat"])["error.type"] == "TimeoutError"
    assert attributes(collected["run t"])["genesis.run.status"] == "failed"


def test_steps_side_by_side(collected: Collected) -> None:
    """Branches overlap and yet each step stands below its own block."""
    a, b = step("t/both/a/one"), step("t/both/b/two")
    block = step("t/both", "parallel")
    collected.take([START, block[0], a[0], b[0], a[1], b[1], block[1], END])

    assert collected.above("x one") == collected.above("x two") == "parallel both"
    assert collected.above("parallel both") == "run t"


def test_runs_side_by_side(collected: Collected) -> None:
    """Two runs of one pipeline with the same paths are two traces."""
    events = [START, *step("t/a"), END]
    for event in events:
        collected.take([event], "r1")
        collected.take([event], "r2")
    found: dict[object, set[int]] = {}
    for span in collected.spans:
        assert span.context is not None
        found.setdefault(attributes(span)["genesis.run.id"], set()).add(span.context.trace_id)

    assert [len(ids) for ids in found.values()] == [1, 1]
    assert found["r1"] != found["r2"]


def test_a_resumed_run(collected: Collected) -> None:
    """It is a new trace and says so; what the journal answers is marked."""
    replay = step("t/a", replayed=True, duration_s=0.0)[1]
    collected.take([START.model_copy(update={"resumed": True}), replay, *step("t/b"), END])

    assert attributes(collected["run t"])["genesis.run.resumed"] is True
    assert attributes(collected["x a"])["genesis.step.replayed"] is True
    assert "genesis.step.replayed" not in attributes(collected["x b"])
    assert collected["x a"].start_time == collected["x a"].end_time


def test_what_nobody_finished_ends(collected: Collected) -> None:
    """A step that a failure cut off ends with its block, or with the run, as an error."""
    block = step("t/both", "parallel")
    collected.take(
        [
            START, block[0], step("t/both/a/one")[0], block[1], step("t/two")[0],
            RunFinished(at=T0 + 9, status="failed", error="no provider"),
        ]
    )  # fmt: skip

    assert collected["x one"].status.description == "t/both ended before it"
    assert collected["x two"].status.description == "no provider"
    assert attributes(collected["x two"])["genesis.abandoned"] is True
    assert [span.name for span in collected.spans] == ["x one", "parallel both", "x two", "run t"]


def test_what_is_open_at_the_close(collected: Collected) -> None:
    """A run whose end is never told ends when telemetry does, or when it is begun anew."""
    collected.take([START, step("t/a")[0], START])

    assert [span.name for span in collected.spans] == ["x a", "run t"]
    collected.traces.close()
    assert len(collected.spans) == 3


def test_nothing_is_kept_of_runs_that_ended(collected: Collected) -> None:
    """Neither many runs, nor runs without an end, nor strangers' events pile up."""
    for number in range(traces.MAX_OPEN_RUNS + 5):
        collected.take([START, *step("t/a"), END], f"ends {number}")
        collected.take([START, step("t/a")[0]], f"open {number}")
        collected.take([*step("t/a"), END, everything()[9]], "unknown")

    assert len(collected.traces._runs) == traces.MAX_OPEN_RUNS
    assert "open 4" not in collected.traces._runs
    assert "unknown" not in {attributes(span)["genesis.run.id"] for span in collected.spans}


def test_a_real_run(bench: Bench, collected: Collected) -> None:
    """The spans of a run are the tree of its steps."""
    scripted = ScriptedProvider(lambda request: Reply(text="SECRET", model="m"))
    bench.runtime.providers.register(scripted, replace=True)
    bench.results(
        """
        - name: both
          type: parallel
          branches:
            a: [{name: ask, type: prompt, prompt: SECRET}]
            b: [{name: say, type: say, value: SECRET}]
        """
    )
    collected.take(bench.events)

    names = ["parallel both", "prompt ask", "run t", "say say"]
    chats = [span.name for span in collected.spans if span.name.startswith("chat")]
    assert names == sorted({span.name for span in collected.spans} - set(chats))
    assert [collected.above(name) for name in (names[0], names[1], names[3], *chats)] == [
        "run t", "parallel both", "parallel both", "prompt ask",
    ]  # fmt: skip
    assert "SECRET" not in "".join(span.to_json() for span in collected.spans)


def test_measurements() -> None:
    """Durations and tokens have the conventions' names, units, attributes and boundaries."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meters = Meters(provider.get_meter("test"))
    failed = ModelCalled(at=T0, path="t/a", provider="p", duration_s=0.5, error="down")
    skipped = step("t/s", status="skipped")[1]
    replayed = step("t/r", replayed=True)[1]
    for event in (*everything(), failed, skipped, replayed):
        meters("r", event)
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {one.name: one for one in data.resource_metrics[0].scope_metrics[0].metrics}
    points: dict[str, list[HistogramDataPoint]] = {
        name: list(one.data.data_points)  # type: ignore[arg-type]
        for name, one in metrics.items()
    }
    provider.shutdown()
    chat = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "p"}
    good = {**chat, "gen_ai.request.model": "m", "gen_ai.response.model": "m"}

    assert {name: one.unit for name, one in metrics.items()} == {
        "gen_ai.client.operation.duration": "s",
        "gen_ai.client.token.usage": "{token}",
        "genesis.step.duration": "s",
    }
    assert [
        (dict(one.attributes or {}), one.sum) for one in points["gen_ai.client.operation.duration"]
    ] == [
        (good, 1.5),
        ({**chat, "error.type": "_OTHER"}, 0.5),
    ]
    assert points["gen_ai.client.operation.duration"][0].explicit_bounds == (
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    )  # fmt: skip
    assert [
        (dict(one.attributes or {}), one.sum) for one in points["gen_ai.client.token.usage"]
    ] == [
        ({**good, "gen_ai.token.type": "input"}, 30),
        ({**good, "gen_ai.token.type": "output"}, 4),
    ]
    assert points["gen_ai.client.token.usage"][0].explicit_bounds[:4] == (1, 4, 16, 64)
    assert [(dict(one.attributes or {}), one.sum) for one in points["genesis.step.duration"]] == [
        ({"genesis.step.type": "prompt", "genesis.step.status": "failed"}, 4),
    ]
