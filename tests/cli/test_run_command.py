"""`genesis run`, `check`, `steps`, `providers`, `runs`: what they print and end with."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import GENESIS, Genesis, Write

from otp_genesis.providers import BUILT_IN

DOCUMENT = """
workflow:
  name: hello
  inputs: {who: {default: you}, n: {type: integer, default: 1}}
  steps:
    - {name: a, type: set_variable, variables: {greeting: "hello {{ inputs.who }}"}}
    - {name: b, type: command, command: [sh, -c, "exit {{ inputs.n - 1 }}"]}
  outputs: {said: "{{ state.greeting }}", who: "{{ inputs.who }}"}
"""
REPORT_KEYS = [
    "version", "run_id", "status", "results", "outputs", "error", "usage", "duration_s",
]  # fmt: skip


@pytest.fixture
def document(write: Write) -> Path:
    return write("hello.yaml", DOCUMENT)


def test_a_run_for_people(genesis: Genesis, document: Path) -> None:
    """The end of a run: its id, how it ended, what came out."""
    done = genesis("run", document, "--run-id", "r", "-i", "who=Ada")

    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first.startswith("run r: succeeded in ")
    assert rest == ["  said: hello Ada", "  who: Ada"]


def test_a_failed_run_for_people(genesis: Genesis, document: Path) -> None:
    """Where it failed, why, and how to go on; 1."""
    done = genesis("run", document, "--run-id", "r", "-i", "n=4")

    assert done.returncode == 1
    assert done.stdout.splitlines()[1:3] == [
        "  hello/b: sh gave exit 3",
        "  mend it, then go on with: genesis run --resume r",
    ]


def test_quiet(genesis: Genesis, document: Path) -> None:
    """`-q` prints nothing but an error."""
    good = genesis("run", document, "-q")
    bad = genesis("run", document, "-q", "-i", "n=2")

    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr == "error: hello/b: sh gave exit 1\n"


def test_json(genesis: Genesis, document: Path) -> None:
    """One document of the promised shape, and nothing else, whether good or bad."""
    good = genesis("run", document, "--json", "--run-id", "g")
    bad = genesis("run", document, "--json", "-i", "n=2")
    report, failed = json.loads(good.stdout), json.loads(bad.stdout)

    assert (good.returncode, good.stderr) == (0, "")
    assert list(report) == list(failed) == REPORT_KEYS
    assert (report["version"], report["run_id"], report["status"]) == (1, "g", "succeeded")
    assert report["outputs"] == {"said": "hello you", "who": "you"}
    assert report["usage"] == {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
    assert (bad.returncode, bad.stderr, failed["status"]) == (1, "", "failed")
    assert failed["error"] == {"step": "b", "path": "hello/b", "message": "sh gave exit 1"}
    assert list(failed["results"]) == ["a"]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("who=text", "text"), ("who=5", 5), ('who={"a": [1]}', {"a": [1]}), ("who=true", True),
        ("who=", ""), ("who=a=b", "a=b"), ("who=NaN", "NaN"), ("who='5'", "'5'"),
        ('who="5"', "5"), ("who=ä 😀", "ä 😀"),
    ],
)  # fmt: skip
def test_inputs_on_the_command_line(word: str, value: Any) -> None:
    """A value that is valid JSON is taken as JSON, any other is text."""
    from otp_genesis.cli.run import parsed_inputs

    assert parsed_inputs([word]) == {"who": value}


def test_named_inputs(genesis: Genesis, write: Write) -> None:
    """`--prompt` and `--input-file` are inputs that any pipeline may read."""
    path = write(
        "p.yaml",
        """
        workflow:
          steps: [{name: a, type: set_variable, variables: {}}]
          outputs: {p: "{{ inputs.prompt }}", f: "{{ inputs.input_file }}"}
        """,
    )
    report = genesis.json("run", path, "--prompt", "5", "--input-file", "x.txt")

    assert report["outputs"] == {"p": "5", "f": "x.txt"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "error: name a pipeline file, or a run to --resume\n"),
        (["run", "hello.yaml", "--resume", "r"], "error: name a pipeline file, or a run"),
        (["run", "hello.yaml", "-i", "who"], "error: --input takes NAME=VALUE, not 'who'\n"),
        (["run", "hello.yaml", "-i", "whom=x"], "no input 'whom'; did you mean 'who'?\n"),
        (["run", "hello.yaml", "-i", "n=x"], "input 'n' must be of type integer, not str\n"),
        (["run", "hello.yaml", "--run-id", "../x"], "'../x' is no run id"),
        (["run", "hello.yaml", "--mode", "dream"], "dream"),
        (["run", "nothing.yaml"], "error: nothing.yaml: No such file or directory\n"),
        (["run", "--resume", "nothing"], "error: there is no run 'nothing'; see: genesis runs\n"),
        (["run", "hello.yaml", "--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
        (["check"], "Missing argument"),
        (["check", "."], "error: .: Is a directory\n"),
        (["steps", "comand"], "error: no step type named 'comand'; did you mean 'command'?\n"),
        (["providers", "nobody"], "error: no provider named 'nobody'"),
        (["runs", "show"], "Missing argument"),
        (["runs", "events", "r"], "error: there is no run 'r'; see: genesis runs\n"),
        (["runs", "list", "--limit", "many"], "--limit"),
    ],
)
def test_wrong_usage(genesis: Genesis, document: Path, arguments: list[str], said: str) -> None:
    """Each mistake is told on stderr, and ends with 2."""
    done = genesis(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_traceback_for_an_input_that_is_no_text(genesis: Genesis, document: Path) -> None:
    """Bytes that are no UTF-8 are told of in one line."""
    command = [*map(os.fsencode, (*GENESIS, "run", str(document), "-i")), b"who=\xff"]
    done = subprocess.run(
        command, cwd=genesis.folder, env=dict(genesis.environ), capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {document}: an input is no JSON data: ")
    assert done.stderr.count("\n") == 1


def test_a_closed_pipe(genesis: Genesis) -> None:
    """Whoever stops reading is no error, also where little was printed."""
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [*GENESIS, "steps"], cwd=genesis.folder, env=dict(genesis.environ), stdout=write,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(write)
    _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (0, "")


def on_a_terminal(genesis: Genesis, *arguments: str | Path, **variables: str) -> str:
    """Return what the command writes on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*GENESIS, *map(str, arguments)], cwd=genesis.folder,
        env={**genesis.environ, "TERM": "xterm-256color", **variables},
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:
            break
        if not more:
            break
        seen += more
    os.close(ours)
    process.wait(timeout=30)
    return seen.decode()


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_progress_and_colour_on_a_terminal(
    genesis: Genesis, document: Path, variables: dict[str, str], coloured: bool
) -> None:
    """Progress is drawn on a terminal; `NO_COLOR` takes the colours out of it."""
    seen = on_a_terminal(genesis, "run", document, **variables)

    assert "✔" in seen
    assert ("\x1b[32m" in seen) is coloured


def test_no_progress_elsewhere(genesis: Genesis, document: Path) -> None:
    """Neither into a pipe nor with `-q` or `--json` is anything drawn."""
    assert "\x1b" not in genesis("run", document).stdout
    assert "✔" not in on_a_terminal(genesis, "run", document, "-q")
    assert json.loads(on_a_terminal(genesis, "run", document, "--json"))["status"] == "succeeded"


def test_steps(genesis: Genesis) -> None:
    """Every type with its origin and a line of help; one whole; by capability."""
    listed = genesis.json("steps")
    one = genesis.json("steps", "for_loop")
    page = genesis("steps", "for_loop").stdout
    prompts = genesis.json("steps", "--capability", "text")

    names = [entry["name"] for entry in listed]
    assert names == sorted(names)
    assert {"command", "for_loop", "gate", "otp.scan", "prompt", "set_variable"} <= set(names)
    assert one in listed
    assert one["required_fields"] == ["data_source", "steps"]
    assert one["optional_fields"] == [
        "iterator", "parallel", "max_parallel", "batch_size", "break_on_error",
        "continue_condition", "break_condition",
    ]  # fmt: skip
    assert one["origin"] == "built-in"
    assert one["schema"]["properties"]["max_parallel"]["maximum"] == 1000
    assert "data_source" in page
    assert "required" in page
    assert "prompt" in [entry["name"] for entry in prompts]
    assert "command" not in [entry["name"] for entry in prompts]


def test_providers(genesis: Genesis, write: Write) -> None:
    """Which there are, and whether they can be asked; `--check` ends with 3 where none can."""
    script = str(write("s.yaml", "- {text: hi}"))
    without = genesis("providers", "--check")
    listed = genesis.json("providers", GENESIS_SCRIPT=script)

    assert without.returncode == 3
    assert "unavailable: it has no script" in without.stdout
    assert genesis("providers", "--check", GENESIS_SCRIPT=script).returncode == 0
    assert sorted(entry["name"] for entry in listed) == sorted(BUILT_IN)
    one, *others = listed
    assert [entry["name"] for entry in others if entry["available"]] == []
    assert all(entry["reason"] and entry["remedy"] for entry in others)
    assert one["capabilities"] == ["structured_output", "text", "tools"]
    assert (one["name"], one["available"], one["reason"]) == ("scripted", True, "")
    assert (one["circuit"], one["seen_last"]) == ("closed", None)


def test_runs(genesis: Genesis, document: Path) -> None:
    """The history: listed, shown, told as events, pruned."""
    genesis("run", document, "--run-id", "one")
    genesis("run", document, "--run-id", "two", "-i", "n=3")
    listed = genesis.json("runs", "list")
    shown = genesis("runs", "show", "two").stdout
    events = [json.loads(line) for line in genesis("runs", "events", "one").stdout.splitlines()]

    assert {row["run_id"]: row["status"] for row in listed} == {"one": "succeeded", "two": "failed"}
    assert {row["pipeline"] for row in listed} == {"hello"}
    assert genesis("runs").stdout == genesis("runs", "list").stdout
    assert len(genesis("runs", "list", "--limit", "1").stdout.splitlines()) == 1
    assert shown.startswith("run two: failed: sh gave exit 2\n")
    assert "✘ b" in shown
    assert (events[0]["kind"], events[-1]["kind"]) == ("run_started", "run_finished")
    assert genesis("runs", "cancel", "one").returncode == 2
    assert genesis("runs", "prune", "--keep", "1").stdout == "1 runs forgotten\n"
    assert len(genesis.json("runs", "list")) == 1


def test_version_and_help(genesis: Genesis) -> None:
    """`--version` is one line; `--help` names the commands."""
    assert genesis("--version").stdout.startswith("genesis 0.")
    text = genesis("--help").stdout
    assert [
        name for name in ("run", "check", "steps", "providers", "runs") if name not in text
    ] == []


def test_a_flaw_of_the_program_is_one_line(genesis: Genesis, tmp_path: Path) -> None:
    """What nobody thought of is told in one line; `GENESIS_DEBUG` shows where it was."""
    code = (
        "import sys, typer; from otp_genesis.cli.main import run_guarded\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def flaw(): raise ZeroDivisionError('oh')\n"
        "sys.exit(run_guarded(app, []))"
    )
    command = [GENESIS[0], "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    shown = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "GENESIS_DEBUG": "1"}
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: this is a flaw of genesis: ZeroDivisionError: oh (GENESIS_DEBUG=1 shows where)\n"
    )
    assert "Traceback" in shown.stderr
