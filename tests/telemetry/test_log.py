"""Events as log records, and lines that hold whatever a record holds."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.errors import EnvironmentLacks
from otp_genesis.model.event import Event, ProviderHealth, RunFinished, RunStarted, StepFinished
from otp_genesis.telemetry import JsonFormatter, TelemetrySettings, event_log, open_telemetry
from otp_genesis.telemetry.log import FIELDS, TextFormatter
from telemetry.conftest import T0, everything

Levels = dict[str, str]


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def logged(tmp_path: Path, *events: Event, level: str = "debug") -> list[dict[str, Any]]:
    """Return the lines of a JSON log of these events."""
    path = tmp_path / "log.jsonl"
    chosen = {"log": "json", "log_level": level, "log_file": str(path)}
    telemetry = open_telemetry(TelemetrySettings.model_validate(chosen))
    for event in events:
        for observer in telemetry.observers:
            observer("r", event)
    telemetry.close()
    return lines_of(path)


def test_each_event_is_one_line(tmp_path: Path, package_logger: logging.Logger) -> None:
    """A line holds when, how grave, which run and step, and the event's own fields."""
    lines = logged(tmp_path, *everything())

    assert [event.kind for event in everything()] == [line["event"] for line in lines]
    assert {"r"} == {line["run"] for line in lines}
    assert lines[4] == {
        "ts": "2023-11-14T22:13:22.000Z",
        "level": "INFO",
        "logger": "otp_genesis.run",
        "message": "provider p answered in 1.500 s",
        "run": "r",
        "step": "t/ask",
        "event": "model_called",
        "data": {
            "provider": "p", "model": "m", "duration_s": 1.5, "input_tokens": 30,
            "output_tokens": 4, "cost_usd": 0.5, "strategy": "cheapest", "hop": 1,
            "passed_over": {"q": "open"}, "session": "s", "requests": 1,
        },
    }  # fmt: skip


def test_levels(tmp_path: Path) -> None:
    """What somebody should look at is a warning, the end of a run an error, the rest less."""
    levels = {line["event"]: line["level"] for line in logged(tmp_path, *everything())}

    assert levels == {
        "run_started": "INFO", "registry_observed": "DEBUG",
        "model_said": "DEBUG",
        "replayed": "INFO", "step_started": "DEBUG",
        "noted": "DEBUG", "model_called": "INFO", "command_ran": "DEBUG", "warned": "WARNING",
        "answered": "INFO", "step_finished": "WARNING", "provider_health": "WARNING",
        "plugin_changed": "WARNING", "task_crashed": "WARNING", "run_finished": "ERROR",
    }  # fmt: skip


def test_the_level_leaves_out(tmp_path: Path, package_logger: logging.Logger) -> None:
    """`log_level` is the least that is written."""
    assert [line["event"] for line in logged(tmp_path, *everything(), level="error")] == [
        "run_finished"
    ]


def test_how_it_went_is_told(tmp_path: Path) -> None:
    """A resumed run, a replayed step, a provider that recovers and a cancelled run are told so."""
    lines = logged(
        tmp_path,
        RunStarted(at=T0, pid=1, resumed=True),
        StepFinished(
            at=T0, path="t/a", type="x", status="ok", duration_s=0, replayed=True
        ),
        ProviderHealth(at=T0, provider="p", state="closed"),
        RunFinished(at=T0, status="cancelled"),
    )  # fmt: skip

    assert [(line["level"], line["message"]) for line in lines] == [
        ("INFO", "run taken up again"),
        ("DEBUG", "x step ok, from the journal"),
        ("INFO", "provider p is closed"),
        ("WARNING", "run cancelled"),
    ]


def test_no_secret_is_logged(tmp_path: Path) -> None:
    """Neither a command's arguments, nor answers, questions or outputs are written."""
    question = "is SECRET right?"
    waiting: list[Event] = [
        StepFinished(
            at=T0, path="t/g", type="gate", status="suspended", duration_s=0, message=question
        ),
        RunFinished(at=T0, status="suspended", error=question, path="t/g"),
    ]
    lines = logged(tmp_path, *everything(), *waiting)

    assert "SECRET" not in json.dumps(lines)
    assert lines[-1]["message"] == "run suspended: it waits for an answer"
    assert lines[5]["data"] == {"program": "tool", "exit_code": 0, "duration_s": 0.25}


def test_an_error_is_one_short_line(tmp_path: Path) -> None:
    """What an error says is kept to one line and 500 characters."""
    (line,) = logged(tmp_path, RunFinished(at=T0, status="failed", error="a\n b\n" + "x" * 9000))

    assert line["message"].startswith("run failed: a b xxx")
    assert len(line["message"]) == len("run failed: ") + 500


def test_every_kind_of_event_has_its_fields() -> None:
    """Each kind says which of its fields are logged, and they can be read."""
    kinds = {kind.model_fields["kind"].default for kind in get_args(get_args(Event)[0])}

    assert kinds == set(FIELDS)
    assert kinds == {event.kind for event in everything()}


def test_text_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file the log goes to stderr: time, level, run and step, message."""
    telemetry = open_telemetry(TelemetrySettings(log="text"))
    (observer,) = telemetry.observers
    observer("r", RunStarted(at=T0, pid=1))
    observer("r", everything()[8])
    logging.getLogger("otp_genesis.other").warning("no run\nat all")
    telemetry.close()
    first, second, third = capsys.readouterr().err.splitlines()[:3]

    assert first == "2023-11-14T22:13:20.000Z INFO    [r] run started"
    assert second == (
        "2023-11-14T22:13:24.000Z WARNING [r t/ask] prompt step failed in 4.000 s: no answer"
    )
    assert third.endswith("Z WARNING no run")


def test_two_logs_at_a_time(tmp_path: Path, package_logger: logging.Logger) -> None:
    """Each runtime's log has its own events alone, and the level is that of the more curious."""
    paths = [tmp_path / "a", tmp_path / "b"]
    logs = [
        open_telemetry(TelemetrySettings(log="json", log_level=level, log_file=str(path)))
        for path, level in zip(paths, ("debug", "warning"), strict=True)
    ]
    for number, log in enumerate(logs):
        log.observers[0](f"run {number}", everything()[2])
        log.observers[0](f"run {number}", everything()[-1])
    logs[0].close()
    logs[1].observers[0]("run 1", everything()[-1])
    logs[1].close()

    assert [[line["run"] for line in lines_of(path)] for path in paths] == [
        ["run 0"] * 2,
        ["run 1"] * 2,
    ]


def test_without_a_handler_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """A program with a logging of its own gets the records on `otp_genesis.run`."""
    observe = event_log()
    with caplog.at_level("INFO", "otp_genesis.run"):
        for event in everything():
            observe("r", event)

    (record, *_) = caplog.records
    assert (record.name, vars(record)["run"], vars(record)["data"]) == (
        "otp_genesis.run", "r", {"resumed": False, "pid": 7},
    )  # fmt: skip
    assert {"INFO", "WARNING", "ERROR"} == {record.levelname for record in caplog.records}


def test_a_file_that_cannot_be(tmp_path: Path, package_logger: logging.Logger) -> None:
    """The message says which file, why, and where to mend it; nothing is left open."""
    with pytest.raises(
        EnvironmentLacks, match=r"the log to .*/none/log: No such.*; mend `log_file`"
    ):
        open_telemetry(TelemetrySettings(log="json", log_file=str(tmp_path / "none" / "log")))


def line(**fields: Any) -> dict[str, Any]:
    """Return what the formatter makes of a record with these fields."""
    text = JsonFormatter().format(logging.makeLogRecord(fields))
    assert text.isascii()
    assert "\n" not in text
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert isinstance(found, dict)
    assert {"ts", "level", "logger", "message"} <= set(found)
    return found


class Hostile:
    """It fails at whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = object.__hash__


class HostileDict(dict[str, int]):
    """A mapping that fails while it is read."""

    def items(self) -> Any:
        raise RuntimeError("no")


def test_a_users_own_record() -> None:
    """Extra fields of any record become data; run and step are where they always are."""
    found = line(name="mine", msg="%s eggs", args=(3,), run="r", step="t/a", data={"a": 1}, b=2)

    assert (found["message"], found["run"], found["step"]) == ("3 eggs", "r", "t/a")
    assert found["data"] == {"a": 1, "b": 2}
    assert line(data=[1], b=2)["data"] == {"data": [1], "b": 2}


def test_an_exception_is_text() -> None:
    """A traceback is one string."""
    try:
        raise ValueError("odd\nvalue")
    except ValueError:
        found = line(exc_info=sys.exc_info(), msg="so")

    assert found["exception"].startswith("Traceback (most recent call last):\n")
    assert found["exception"].endswith("ValueError: odd\nvalue")
    assert "exception" not in line(exc_info=(None, None, None))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (10**30, str(10**30)),
        (10**5000, "<unprintable int>"),
        (Path("a/b"), "a/b"),
        (b"\xff", "b'\\xff'"),
        ({1: (2, {3})}, {"1": [2, [3]]}),
        (Hostile(), "<unprintable Hostile>"),
        ({"a": [Hostile()]}, {"a": ["<unprintable Hostile>"]}),
        (HostileDict(a=1), "<unprintable HostileDict>"),
        ("\ud800\u2028\x00", "\ud800\u2028\x00"),
    ],
    ids=range(11),
)
def test_odd_values(value: object, shown: object) -> None:
    """What JSON has no word for is written as text."""
    assert line(data={"x": value})["data"] == {"x": shown}


def test_odd_records() -> None:
    """A record that is wrong in itself is written all the same."""
    circle: list[object] = []
    circle.append(circle)

    assert line(msg="%d", args=("x",))["message"] == "%d ('x',)"
    assert line(msg=Hostile(), args=())["message"] == "<unprintable Hostile> ()"
    assert line(msg="so", exc_info="nothing")["exception"] == "nothing"
    assert line(data=circle)["data"]
    for created in (float("nan"), 1e300, "x"):
        assert line(created=created)["ts"].endswith("Z")


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.builds(Hostile) | st.dates(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner)
    ),
    max_leaves=10,
)  # fmt: skip


@given(VALUES, VALUES, VALUES)
def test_whatever_a_record_holds(value: Any, run: Any, extra: Any) -> None:
    """One line of JSON comes of any values, in JSON, text and message."""
    fields = {"msg": value, "args": (extra,), "data": value, "run": run, "odd": extra}
    line(**fields)

    assert TextFormatter().format(logging.makeLogRecord({"msg": "so", "run": run})).endswith("so")


def test_a_handler_that_fails_harms_nobody(
    capsys: pytest.CaptureFixture[str], package_logger: logging.Logger
) -> None:
    """Where stderr takes nothing, the run goes on."""
    telemetry = open_telemetry(TelemetrySettings(log="text"))
    closed = io.StringIO()
    closed.close()
    before, sys.stderr = sys.stderr, closed
    try:
        telemetry.observers[0]("r", everything()[0])
    finally:
        sys.stderr = before
        telemetry.close()

    assert capsys.readouterr().err == ""


def test_importing_configures_nothing(genesis_python: Callable[[str], str]) -> None:
    """Neither the root logger nor ours has a handler before something is switched on."""
    code = (
        "import logging, otp_genesis.telemetry\n"
        "ours = logging.getLogger('otp_genesis')\n"
        "print(logging.getLogger().handlers, ours.handlers, ours.level)"
    )

    assert genesis_python(code) == "[] [] 0\n"
