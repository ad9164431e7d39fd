"""OpenTelemetry switched on by the settings, with a collector on this machine."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event as Flag
from threading import Thread

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otp_genesis.errors import EnvironmentLacks, UsageError
from otp_genesis.telemetry import TelemetrySettings, open_telemetry
from otp_genesis.telemetry.otlp import open_otlp
from telemetry.conftest import everything

ON = TelemetrySettings(opentelemetry=True)


class Collector:
    """An OTLP collector that keeps what it gets, once `open` lets it answer."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = {}
        self.open = Flag()
        self.open.set()
        self.reached = Flag()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.reached.set()
                collector.open.wait(30)
                collector.bodies.setdefault(self.path, []).append(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.open.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the environment names."""
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("OTEL_SERVICE_NAME", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    yield made
    made.close()


def tell() -> None:
    """Tell one run to what the settings switch on, and close it."""
    telemetry = open_telemetry(ON)
    for event in everything():
        for observer in telemetry.observers:
            observer("r", event)
    telemetry.close()
    telemetry.close()


def test_spans_and_metrics_arrive(collector: Collector) -> None:
    """At the close a collector has every span and metric, as protobuf."""
    tell()
    traces = ExportTraceServiceRequest.FromString(collector.bodies["/v1/traces"][0])
    metrics = ExportMetricsServiceRequest.FromString(collector.bodies["/v1/metrics"][0])
    resource = {
        one.key: one.value.string_value for one in traces.resource_spans[0].resource.attributes
    }
    (scope,) = traces.resource_spans[0].scope_spans

    assert set(collector.bodies) == {"/v1/traces", "/v1/metrics"}
    assert resource["service.name"] == "genesis"
    assert (scope.scope.name, sorted(span.name for span in scope.spans)) == (
        "otp_genesis", ["chat m", "prompt ask", "run t"],
    )  # fmt: skip
    assert {one.name for one in metrics.resource_metrics[0].scope_metrics[0].metrics} == {
        "gen_ai.client.operation.duration", "gen_ai.client.token.usage", "genesis.step.duration",
    }  # fmt: skip


def test_the_environment_decides(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's name and which signals are sent are said as OpenTelemetry says them."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    tell()
    traces = ExportTraceServiceRequest.FromString(collector.bodies["/v1/traces"][0])

    assert set(collector.bodies) == {"/v1/traces"}
    assert "mine" in {
        one.value.string_value for one in traces.resource_spans[0].resource.attributes
    }  # fmt: skip


def test_an_exporter_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said which variable to mend."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with pytest.raises(UsageError, match=r"OTEL_TRACES_EXPORTER=zipkin: .* set otlp or none"):
        open_telemetry(ON)


def test_a_collector_that_does_not_answer(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """The end of the program does not wait for it; it is said that something was lost."""
    collector.open.clear()
    observers, close = open_otlp(close_wait_s=0.05)
    for event in everything():
        for observer in observers:
            observer("r", event)
    with caplog.at_level(logging.WARNING, "otp_genesis"):
        close()

    assert [record.getMessage().split(" could")[0] for record in caplog.records] == [
        "the last spans",
        "the last metrics",
    ]


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(EnvironmentLacks, match=r"pip install 'otp-genesis\[telemetry\]'"):
        open_telemetry(ON)


def test_what_is_off_is_not_loaded(genesis_python: Callable[[str], str]) -> None:
    """Off, there are no observers and OpenTelemetry is not imported."""
    code = (
        "import sys\n"
        "from otp_genesis.telemetry import TelemetrySettings, open_telemetry\n"
        "telemetry = open_telemetry(TelemetrySettings())\n"
        "telemetry.close()\n"
        "print(telemetry.observers, [m for m in sys.modules if m.startswith('opentelemetry')])"
    )

    assert genesis_python(code) == "() []\n"
