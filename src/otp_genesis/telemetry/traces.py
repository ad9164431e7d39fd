"""OpenTelemetry spans: one a run, one a step below it, one a model call below its step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from otp_genesis.model import event as ev
from otp_genesis.telemetry.meters import call_attributes
from otp_genesis.telemetry.observer import error_type, one_line

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

MAX_OPEN_RUNS = 1000
"""A run whose process dies is never told to have ended: of more, the oldest are given up."""


@dataclass
class _OpenRun:
    span: Span
    named: bool = False
    steps: dict[str, Span] = field(default_factory=dict)
    """The steps that go on, by path."""


class Traces:
    """An observer that makes spans through `tracer`, with the times that the events tell.

    A run's span begins a new trace, or stands below the span that is current where the run is
    begun. Spans of steps that nobody finished end with their block or with the run.
    """

    def __init__(self, tracer: Tracer):
        # Whoever has a tracer has the package; others never come here.
        from opentelemetry import trace

        self._api: Any = trace
        self._tracer = tracer
        self._runs: dict[str, _OpenRun] = {}
        self._takers: dict[type, Callable[[str, _OpenRun, Any], None]] = {
            ev.StepStarted: self._step_started,
            ev.StepFinished: self._step_finished,
            ev.ModelCalled: self._model_called,
            ev.Warned: self._warned,
            ev.RunFinished: self._run_finished,
        }

    def __call__(self, run_id: str, event: ev.Event) -> None:
        """Begin or end the spans that the event tells of; what is of no open run has none."""
        if isinstance(event, ev.RunStarted):
            self._run_started(run_id, event)
            return
        take, run = self._takers.get(type(event)), self._runs.get(run_id)
        if take is not None and run is not None:
            take(run_id, run, event)

    def close(self) -> None:
        """End every span that is open."""
        for run_id in tuple(self._runs):
            self._give_up(run_id, None)

    def _run_started(self, run_id: str, event: ev.RunStarted) -> None:
        if run_id in self._runs:
            self._give_up(run_id, event.at)
        elif len(self._runs) >= MAX_OPEN_RUNS:
            self._give_up(next(iter(self._runs)), event.at)
        attributes: dict[str, str | bool] = {
            "genesis.run.id": run_id, "genesis.run.resumed": event.resumed,
        }  # fmt: skip
        span = self._tracer.start_span("run", attributes=attributes, start_time=_ns(event.at))
        self._runs[run_id] = _OpenRun(span)

    def _step_started(self, run_id: str, run: _OpenRun, event: ev.StepStarted) -> None:
        run.steps[event.path] = self._step_span(run_id, run, event, event.at)

    def _step_finished(self, run_id: str, run: _OpenRun, event: ev.StepFinished) -> None:
        below = f"{event.path}/"
        for path in [path for path in run.steps if path.startswith(below)]:
            self._abandon(run.steps.pop(path), event.at, f"{event.path} ended before it")
        span = run.steps.pop(event.path, None)
        if span is None:
            span = self._step_span(run_id, run, event, event.at - event.duration_s)
        span.set_attribute("genesis.step.status", event.status)
        if event.replayed:
            span.set_attribute("genesis.step.replayed", True)
        if event.status == "failed":
            self._fail(span, event.message)
        span.end(_ns(event.at))

    def _step_span(
        self, run_id: str, run: _OpenRun, event: ev.StepStarted | ev.StepFinished, began: float
    ) -> Span:
        block, _, name = event.path.rpartition("/")
        if not run.named:
            # The first step that is told of stands in no block: above it is the pipeline's name.
            run.named = True
            run.span.update_name(f"run {block}")
            run.span.set_attribute("genesis.pipeline.name", block)
        attributes = {
            "genesis.run.id": run_id, "genesis.step.path": event.path,
            "genesis.step.name": name, "genesis.step.type": event.type,
        }  # fmt: skip
        return self._tracer.start_span(
            f"{event.type} {name}", self._inside(run, block),
            attributes=attributes, start_time=_ns(began),
        )  # fmt: skip

    def _model_called(self, run_id: str, run: _OpenRun, event: ev.ModelCalled) -> None:
        # Of these, nothing is nothing known: a provider may not count.
        known: dict[str, str | int | float | None] = {
            "gen_ai.usage.input_tokens": event.usage.input_tokens,
            "gen_ai.usage.output_tokens": event.usage.output_tokens,
            "genesis.usage.cost_usd": event.usage.cost_usd,
            "genesis.provider.strategy": event.strategy,
            "gen_ai.conversation.id": event.session,
        }
        attributes: dict[str, str | int | float] = {
            **call_attributes(event), "genesis.run.id": run_id, "genesis.step.path": event.path,
            "genesis.provider.hop": event.hop, **{name: one for name, one in known.items() if one},
        }  # fmt: skip
        span = self._tracer.start_span(
            f"chat {event.model}" if event.model else "chat", self._inside(run, event.path),
            kind=self._api.SpanKind.CLIENT, attributes=attributes,
            start_time=_ns(event.at - event.duration_s),
        )  # fmt: skip
        if event.error is not None:
            self._mark_failed(span, event.error)
        span.end(_ns(event.at))

    def _warned(self, run_id: str, run: _OpenRun, event: ev.Warned) -> None:
        told = {"genesis.warning.code": event.code, "genesis.warning.message": event.message}
        self._nearest(run, event.path).add_event("genesis.warning", told, _ns(event.at))

    def _run_finished(self, run_id: str, run: _OpenRun, event: ev.RunFinished) -> None:
        del self._runs[run_id]
        for span in reversed(run.steps.values()):
            self._abandon(span, event.at, event.error or "the run ended before it")
        run.span.set_attribute("genesis.run.status", event.status)
        if event.status not in ("succeeded", "suspended"):
            self._fail(run.span, event.error or event.status)
        run.span.end(_ns(event.at))

    def _give_up(self, run_id: str, at: float | None) -> None:
        run = self._runs.pop(run_id)
        for span in (*reversed(run.steps.values()), run.span):
            self._abandon(span, at, "nobody told of its end")

    def _abandon(self, span: Span, at: float | None, why: str) -> None:
        span.set_attribute("genesis.abandoned", True)
        self._fail(span, why)
        span.end(None if at is None else _ns(at))

    def _fail(self, span: Span, message: str | None) -> None:
        span.set_attribute("error.type", error_type(message))
        self._mark_failed(span, message)

    def _mark_failed(self, span: Span, message: str | None) -> None:
        span.set_status(self._api.StatusCode.ERROR, one_line(message or "") or None)

    def _inside(self, run: _OpenRun, path: str) -> Context:
        context: Context = self._api.set_span_in_context(self._nearest(run, path))
        return context

    def _nearest(self, run: _OpenRun, path: str) -> Span:
        """Return the span of the step at `path`, or of the innermost one around it."""
        while path:
            if (span := run.steps.get(path)) is not None:
                return span
            path = path.rpartition("/")[0]
        return run.span


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
