"""Observability: logs, metrics and traces, each a fold over the events of runs.

Nothing is on unless the section `[telemetry]` says so, and what is off costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from otp_genesis.model.frozen import Frozen
from otp_genesis.telemetry.log import JsonFormatter, event_log, open_log
from otp_genesis.telemetry.metrics import Metrics
from otp_genesis.telemetry.observer import Observer
from otp_genesis.telemetry.otlp import open_otlp
from otp_genesis.telemetry.prometheus import (
    CONTENT_TYPE,
    PrometheusFile,
    metrics_data,
    prometheus_text,
    write_text,
)

__all__ = (
    "CONTENT_TYPE",
    "JsonFormatter",
    "Metrics",
    "Observer",
    "Telemetry",
    "TelemetrySettings",
    "event_log",
    "metrics_data",
    "open_telemetry",
    "prometheus_text",
    "write_text",
)

FileName = Annotated[str, Field(min_length=1)]


class TelemetrySettings(Frozen):
    """The section `[telemetry]`. Paths are as the process's folder has them."""

    log: Literal["off", "text", "json"] = "off"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_file: FileName | None = None
    """Added to; without one the log goes to stderr."""
    prometheus_file: FileName | None = None
    """Rewritten while runs go on; for the textfile collector of node_exporter."""
    opentelemetry: bool = False
    """Spans and metrics by OTLP, to where the `OTEL_*` variables say."""


@dataclass(frozen=True)
class Telemetry:
    """What watches runs, and what is to be called when nothing more will be told."""

    observers: tuple[Observer, ...]
    close: Callable[[], None]
    """Write and send what is left, take the log's handler off. Calling it again does nothing.

    It may wait some seconds for a collector that does not answer; it raises nothing for that.
    """


def open_telemetry(settings: TelemetrySettings) -> Telemetry:
    """Begin what `settings` ask for; with everything off there are no observers.

    Raises `EnvironmentLacks` for a file that cannot be written and for the extra `telemetry` that
    is not installed, `UsageError` for an exporter that there is not. Nothing is left open then.
    """
    observers: list[Observer] = []
    with ExitStack() as opened:
        if settings.log != "off":
            log, close = open_log(settings.log, settings.log_level, settings.log_file)
            opened.callback(close)
            observers.append(log)
        if settings.prometheus_file is not None:
            file = PrometheusFile(Path(settings.prometheus_file))
            opened.callback(file.close)
            observers.append(file)
        if settings.opentelemetry:
            exporting, close = open_otlp()
            opened.callback(close)
            observers += exporting
        return Telemetry(tuple(observers), opened.pop_all().close)
