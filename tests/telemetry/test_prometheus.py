"""The text format, and the file that is kept fresh."""

from __future__ import annotations

import asyncio
import logging
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exposition import parsed, unescaped, value

from otp_genesis.errors import EnvironmentLacks
from otp_genesis.model.event import Event, ModelCalled, Warned
from otp_genesis.telemetry import (
    Metrics,
    TelemetrySettings,
    metrics_data,
    open_telemetry,
    prometheus_text,
)
from otp_genesis.telemetry.prometheus import PrometheusFile, escaped, number
from telemetry.conftest import T0, everything

WARNED = Warned(at=T0, path="t/a", code="c", message="m")


def all_of(*events: Event) -> Metrics:
    metrics = Metrics()
    for event in events:
        metrics.advance("r", event)
    return metrics


def test_the_text_of_one_counter() -> None:
    """Help, type, sample; each line ends."""
    assert prometheus_text(all_of(WARNED)) == (
        "# HELP genesis_warnings_total Warnings about a pipeline.\n"
        "# TYPE genesis_warnings_total counter\n"
        'genesis_warnings_total{code="c"} 1\n'
    )


@given(st.text())
def test_any_label_value_comes_back(text: str) -> None:
    """A value is read as it was given, but for what UTF-8 has no bytes for."""
    shown = escaped(text)

    assert "\n" not in shown
    assert unescaped(shown) == text.encode("utf-8", "replace").decode()


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_any_names_make_a_text(names: list[tuple[str, str]]) -> None:
    """Whatever providers and models are called, a strict reader takes the text."""
    calls = [
        ModelCalled(at=T0, path="t/a", provider=provider, model=model, duration_s=1.0)
        for provider, model in names
    ]
    text = prometheus_text(all_of(*calls))
    text.encode("utf-8")
    calls_read = parsed(text).get("genesis_provider_calls_total")

    assert sum(calls_read.samples.values() if calls_read else ()) == len(names)


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        (3, "3"), (3.0, "3"), (0.25, "0.25"), (True, "1"), (1e300, "1e+300"), (-2.5, "-2.5"),
        (float("inf"), "+Inf"), (float("-inf"), "-Inf"), (float("nan"), "NaN"),
    ],
)  # fmt: skip
def test_numbers(given_: float, shown: str) -> None:
    """Whole numbers have no point; what is no number has the format's own names."""
    assert number(given_) == shown


def test_the_same_as_data() -> None:
    """JSON has the same samples as the text."""
    metrics = all_of(*everything())
    data = metrics_data(metrics)
    read = parsed(prometheus_text(metrics))

    assert [(one["name"], one["type"]) for one in data] == [
        (name, family.type) for name, family in read.items()
    ]
    for family in data:
        for sample in family["samples"]:
            labels = {**sample["labels"]}
            assert value(read, sample["name"], **labels) == sample["value"]


@pytest.mark.parametrize(
    "text",
    [
        "# TYPE a counter\na 1\n",
        "# HELP a_total x\n# TYPE a_total counter\na_total 1",
        "# HELP a x\n# TYPE a counter\na 1\n",
        "# HELP a x\n# TYPE a gauge\nb 1\n",
        '# HELP a x\n# TYPE a gauge\na{b="1"} 1\na{b="1"} 2\n',
        '# HELP a x\n# TYPE a gauge\na{b="1\\x"} 1\n',
        '# HELP a x\n# TYPE a gauge\na{b="1",} 1\n',
        "# HELP a x\n# TYPE a gauge\na 1e\n",
        '# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
        '# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\n',
    ],
    ids=range(10),
)
def test_the_reader_is_strict(text: str) -> None:
    """What the format forbids is not read, or the tests here would prove nothing."""
    with pytest.raises((AssertionError, KeyError)):
        parsed(text)


class Clock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def warnings_in(path: Path) -> float:
    return value(parsed(path.read_text()), "genesis_warnings_total", code="c")


def test_the_file_is_written_once_a_second_and_at_the_end(tmp_path: Path) -> None:
    """With the first event, then not more often than once a second, and when it ends."""
    path, clock = tmp_path / "genesis.prom", Clock()
    file = PrometheusFile(path, clock)
    seen = []
    for now in (0.0, 0.9, 1.0, 1.5):
        clock.now = now
        file("r", WARNED)
        seen.append(str(warnings_in(path)))
    file.close()

    assert seen == ["1.0", "1.0", "3.0", "3.0"]
    assert warnings_in(path) == 4
    assert [one.name for one in tmp_path.iterdir()] == ["genesis.prom"]
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR


def test_the_last_event_before_a_pause_is_written(tmp_path: Path) -> None:
    """Where a loop runs, what came too soon is written when the second is over."""
    path = tmp_path / "genesis.prom"

    async def run() -> float:
        over = asyncio.Event()
        file = PrometheusFile(path, interval_s=0.05)
        file("r", WARNED)
        file("r", WARNED)
        # The loop calls what is due in its order: the file before this.
        asyncio.get_running_loop().call_later(0.1, over.set)
        await over.wait()
        return warnings_in(path)

    assert asyncio.run(run()) == 2


def test_a_file_that_cannot_be(tmp_path: Path) -> None:
    """The message says which file and why; nothing is left behind."""
    for bad in (tmp_path / "none" / "x.prom", tmp_path, Path()):
        with pytest.raises(EnvironmentLacks, match=rf"cannot write metrics to {bad}: .*; name a"):
            open_telemetry(TelemetrySettings(prometheus_file=str(bad)))
    assert [] == list(tmp_path.iterdir())


def test_who_runs_nothing_writes_nothing(tmp_path: Path) -> None:
    """The metrics of the last process stay until another one runs something."""
    path = tmp_path / "genesis.prom"
    path.write_text("kept")
    open_telemetry(TelemetrySettings(prometheus_file=str(path))).close()

    assert path.read_text() == "kept"


def test_a_log_is_closed_where_the_file_cannot_be(
    tmp_path: Path, package_logger: logging.Logger
) -> None:
    """What was opened before the failure is closed again."""
    settings = TelemetrySettings(log="text", prometheus_file=str(tmp_path))
    with pytest.raises(EnvironmentLacks):
        open_telemetry(settings)


def test_a_file_that_fails_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A run does not end because of its metrics: it is said once."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    clock = Clock()
    file = PrometheusFile(folder / "genesis.prom", clock)
    folder.rmdir()
    for now in (1.0, 2.0):
        clock.now = now
        file("r", WARNED)
    folder.mkdir()
    file.close()

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "genesis.prom: there is no folder" in caplog.text
    assert warnings_in(folder / "genesis.prom") == 2
