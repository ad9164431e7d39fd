"""OpenTelemetry histograms of model calls and steps.

Names, units and boundaries of `gen_ai.*` are those of the semantic conventions for generative AI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otp_genesis.model.event import Event, ModelCalled, StepFinished
from otp_genesis.telemetry.metrics import CALL_SECONDS, STEP_SECONDS
from otp_genesis.telemetry.observer import error_type

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

TOKEN_COUNTS = tuple(4**power for power in range(14))


def call_attributes(event: ModelCalled) -> dict[str, str]:
    """Return what the conventions want of a call, on its span and on its measurements alike."""
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": event.provider}
    if event.model is not None:
        attributes["gen_ai.request.model"] = event.model
        if event.error is None:
            attributes["gen_ai.response.model"] = event.model
    if event.error is not None:
        attributes["error.type"] = error_type(event.error)
    return attributes


class Meters:
    """An observer that measures durations in seconds, and tokens."""

    def __init__(self, meter: Meter):
        self._call_s = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=CALL_SECONDS[:-1],
        )  # fmt: skip
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKEN_COUNTS,
        )  # fmt: skip
        self._step_s = meter.create_histogram(
            "genesis.step.duration", "s", "Duration of steps that were not skipped.",
            explicit_bucket_boundaries_advisory=STEP_SECONDS,
        )  # fmt: skip

    def __call__(self, run_id: str, event: Event) -> None:
        """Measure what the event tells of."""
        if isinstance(event, ModelCalled):
            attributes = call_attributes(event)
            self._call_s.record(max(event.duration_s, 0.0), attributes)
            counts = {"input": event.usage.input_tokens, "output": event.usage.output_tokens}
            for kind, count in counts.items():
                # Nothing consumed is nothing known: a provider may not count.
                if count:
                    self._tokens.record(count, {**attributes, "gen_ai.token.type": kind})
        elif isinstance(event, StepFinished) and not event.replayed and event.status != "skipped":
            told = {"genesis.step.type": event.type, "genesis.step.status": event.status}
            self._step_s.record(max(event.duration_s, 0.0), told)
