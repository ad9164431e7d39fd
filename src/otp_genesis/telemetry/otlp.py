"""OpenTelemetry switched on: its providers made as the `OTEL_*` variables say, and let go."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from threading import Thread

from otp_genesis.errors import EnvironmentLacks, UsageError
from otp_genesis.telemetry.meters import Meters
from otp_genesis.telemetry.observer import Observer
from otp_genesis.telemetry.traces import Traces

SCOPE = "otp_genesis"
CLOSE_WAIT_S = 5.0
"""A collector that does not answer keeps the program waiting no longer, at its end."""
_LOGGER = logging.getLogger("otp_genesis.telemetry")


def open_otlp(
    close_wait_s: float = CLOSE_WAIT_S,
) -> tuple[tuple[Observer, ...], Callable[[], None]]:
    """Return observers that export spans and metrics by OTLP over HTTP, and what ends them.

    The global providers of OpenTelemetry are left alone. Raises `EnvironmentLacks` where the extra
    is not installed, `UsageError` for an exporter other than `otlp` and `none`.
    """
    # Imported here, so that who does not switch it on neither needs nor pays for it.
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        why = f"[telemetry] opentelemetry = true: OpenTelemetry is not installed ({error})"
        remedy = "run: pip install 'otp-genesis[telemetry]'"
        raise EnvironmentLacks(f"{why}; {remedy}") from None
    traced, measured = _exports("TRACES"), _exports("METRICS")
    named = Resource({"service.name": "genesis"}).merge(OTELResourceDetector().detect())
    resource = Resource.create(named.attributes)
    observers: list[Observer] = []
    endings: dict[str, Callable[[], None]] = {}
    if traced:
        tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        traces = Traces(tracers.get_tracer(SCOPE))
        observers.append(traces)

        def end_traces() -> None:
            traces.close()
            tracers.shutdown()

        endings["spans"] = end_traces
    if measured:
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        meters = MeterProvider(resource=resource, metric_readers=[reader], shutdown_on_exit=False)
        observers.append(Meters(meters.get_meter(SCOPE)))
        endings["metrics"] = meters.shutdown
    return tuple(observers), lambda: _end(endings, close_wait_s)


def _exports(signal: str) -> bool:
    variable = f"OTEL_{signal}_EXPORTER"
    chosen = os.environ.get(variable, "").strip() or "otlp"
    if chosen not in ("otlp", "none"):
        raise UsageError(f"{variable}={chosen}: genesis exports by otlp only; set otlp or none")
    return chosen == "otlp"


def _end(endings: dict[str, Callable[[], None]], wait_s: float) -> None:
    """Send what is left, side by side; who takes longer than `wait_s` is left behind."""
    deadline = time.monotonic() + wait_s
    threads = [
        Thread(target=_ended, args=(what, shutdown), daemon=True, name=f"genesis-{what}")
        for what, shutdown in endings.items()
    ]
    for thread in threads:
        thread.start()
    for what, thread in zip(endings, threads, strict=True):
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            why = (
                "the last %s could not be exported within %g s; is OTEL_EXPORTER_OTLP_ENDPOINT up?"
            )
            _LOGGER.warning(why, what, wait_s)


def _ended(what: str, shutdown: Callable[[], None]) -> None:
    try:
        shutdown()
    # A run must not fail because nobody takes its telemetry.
    except Exception as error:
        _LOGGER.warning("the last %s could not be exported: %s", what, error)
