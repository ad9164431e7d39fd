"""`genesis metrics`, and the section `[telemetry]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import Genesis, Write
from support.exposition import parsed, value

from otp_genesis.errors import UsageError
from otp_genesis.settings import load_settings
from otp_genesis.telemetry import TelemetrySettings

STEPS = "genesis_steps_total"


@pytest.fixture
def runs(genesis: Genesis, write: Write) -> Genesis:
    """The command, after a run that went well and one that failed."""
    document = write(
        "t.yaml",
        """
        workflow:
          name: t
          inputs: {n: {type: integer, default: 0}}
          steps:
            - {name: a, type: set_variable, variables: {x: 1}}
            - {name: b, type: command, command: [sh, -c, "exit {{ inputs.n }}"]}
        """,
    )
    genesis("run", document, "--run-id", "good")
    genesis("run", document, "--run-id", "bad", "-i", "n=3")
    return genesis


def test_all_runs(runs: Genesis) -> None:
    """What is kept of all runs adds up, in a text that a strict reader takes."""
    done = runs("metrics")
    families = parsed(done.stdout)

    assert (done.stderr, done.returncode) == ("", 0)
    assert value(families, STEPS, type="set_variable", status="ok") == 2
    assert value(families, STEPS, type="command", status="failed") == 1
    assert value(families, "genesis_commands_total", outcome="failed") == 1
    ends = {
        status: value(families, "genesis_runs_total", status=status)
        for status in ("succeeded", "failed")
    }
    assert ends == {"succeeded": 1, "failed": 1}


def test_one_run(runs: Genesis) -> None:
    """Of one run only what it told."""
    families = parsed(runs("metrics", "--run", "good").stdout)

    assert value(families, STEPS, type="set_variable", status="ok") == 1
    assert value(families, "genesis_runs_total", status="failed") == 0


def test_json(runs: Genesis) -> None:
    """The same as one JSON document."""
    data: list[dict[str, Any]] = runs.json("metrics", "--run", "good")
    (steps,) = [family for family in data if family["name"] == STEPS]

    assert steps["type"] == "counter"
    assert {"name": STEPS, "labels": {"type": "command", "status": "ok"}, "value": 1} in (
        steps["samples"]
    )


def test_a_file(runs: Genesis, folder: Path) -> None:
    """`--output` replaces a file and prints nothing."""
    done = runs("metrics", "--output", "genesis.prom")

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert (folder / "genesis.prom").read_text() == runs("metrics").stdout


def test_nothing_ran_yet(genesis: Genesis) -> None:
    """Without runs there is no metric, and no error."""
    done = genesis("metrics")

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_what_cannot_be(runs: Genesis) -> None:
    """An unknown run is told as elsewhere; a file that cannot be written with its name."""
    unknown, shown = runs("metrics", "--run", "none"), runs("runs", "show", "none")
    nowhere = runs("metrics", "--output", "none/x.prom")

    assert (unknown.stderr, unknown.returncode) == (shown.stderr, shown.returncode)
    assert nowhere.returncode == 4
    assert nowhere.stderr.startswith(
        "error: cannot write metrics to none/x.prom: there is no folder none"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('log = "loud"', r"\[telemetry\] log: Input should be 'off', 'text' or 'json'"),
        ('log_level = "all"', r"log_level: Input should be 'debug'"),
        ('prometheus_file = ""', r"prometheus_file: String should have at least 1 character"),
        ("opentelemetry = 3", r"opentelemetry: Input should be a valid boolean"),
        ("log_fil = 'x'", r"log_fil: .*; did you mean 'log_file'\?"),
    ],
)
def test_a_wrong_setting(
    folder: Path, environ: dict[str, str], write: Write, text: str, said: str
) -> None:
    """What the section cannot hold is told with the file, the key and what it takes."""
    write("genesis.toml", f"[telemetry]\n{text}\n")
    with pytest.raises(UsageError, match=said):
        load_settings(folder, environ).section("telemetry", TelemetrySettings)
