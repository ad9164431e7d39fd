"""A run killed anywhere goes on where it was: nothing finished is done twice, nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Genesis, Write

HERE = Path(__file__).parent
CALLS = [
    "c/a", "c/each/0/t", "c/each/1/t", "c/side/0/t", "c/side/1/t", "c/side/2/t", "c/again/0/t",
    "c/again/1/t", "c/choose/22/t", "c/inner/nested/t",
]  # fmt: skip
OUTPUTS = {
    "log": "x\ny\nnested\n",
    "n": 22,
    "side": ["said 1", "said 2", "said 3"],
    "last": "said said first",
    "chosen": {
        "case": "22",
        "value": "22",
        "results": {
            "e": {"path": "a.txt", "replaced": 1},
            "t": {"success": False, "error": "None failed", "output": None},
        },
    },
    "inner": {"said": "said 22"},
}


def files_in(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_killed_at_every_step(tmp_path: Path) -> None:
    """Killed when a step is done and not yet journalled, a run ends as if it had not been.

    Only the very step that was under way is done again.
    """
    script = [sys.executable, "-W", "error", str(HERE / "crashing.py"), str(tmp_path)]
    subprocess.run(script, check=True, timeout=300)
    whole = json.loads((tmp_path / "whole" / "report.json").read_text())
    rows = int((tmp_path / "whole" / "rows").read_text())

    assert whole["outputs"] == OUTPUTS
    assert sorted((tmp_path / "whole" / "calls").read_text().split()) == sorted(CALLS)
    # Each step that can be named, and the files at the start.
    assert rows == 26
    for number in range(1, rows + 1):
        folder = tmp_path / str(number)
        killed = (folder / "killed").read_text()
        calls = Counter((folder / "calls").read_text().split())
        expected = Counter(CALLS) + Counter([killed] if killed in CALLS else [])

        assert json.loads((folder / "report.json").read_text())["outputs"] == OUTPUTS, killed
        assert files_in(folder / "ws") == {"a.txt": "two 22", "log.txt": "x\ny\nnested\n"}, killed
        assert calls == expected, killed


@pytest.fixture
def crashing(genesis: Genesis, tmp_path: Path) -> Genesis:
    """The command, with the plugin installed."""
    site = tmp_path / "site"
    metadata = site / "crashing-1.dist-info"
    metadata.mkdir(parents=True)
    (site / "crashing.py").write_text((HERE / "crashing.py").read_text())
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing\nVersion: 1\n")
    entry = "[otp_genesis.plugins]\ncrashing = crashing:plugin\n"
    (metadata / "entry_points.txt").write_text(entry)
    (genesis.folder / "c.yaml").write_text((HERE / "crashing.yaml").read_text())
    more = {"PYTHONPATH": str(site), "CRASH_CALLS": str(tmp_path / "calls")}
    return Genesis(genesis.folder, {**genesis.environ, **more})


@pytest.mark.parametrize("place", ["before c/inner/nested/t", "after c/side/1/t"])
def test_the_command_killed_and_resumed(crashing: Genesis, tmp_path: Path, place: str) -> None:
    """The same through `genesis run` and `genesis run --resume`."""
    killed = crashing("run", "c.yaml", "--run-id", "r", CRASH_AT=place)
    shown = crashing("runs", "list")
    report = crashing.json("run", "--resume", "r")
    calls = Counter((tmp_path / "calls").read_text().split())

    assert killed.returncode == -signal.SIGKILL
    assert shown.stdout.split()[3] == "interrupted"
    assert (report["status"], report["outputs"]) == ("succeeded", OUTPUTS)
    assert calls == Counter(CALLS) + Counter([place[6:]] if place.startswith("after") else [])
    assert files_in(crashing.folder / "workspace")["log.txt"] == "x\ny\nnested\n"


BLOCKING = """
workflow:
  name: b
  steps:
    - {name: w, type: write_file, path: a.txt, content: good}
    - name: c
      type: command
      command: [sh, -c, "echo bad > a.txt; touch begun; while [ ! -e go ]; do sleep 0.02; done"]
    - {name: d, type: command, command: [sh, -c, "echo done >> log.txt"]}
    - {name: r, type: read_file, path: a.txt}
"""


def until(true: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> None:
    """Look until it is true, twenty seconds at most."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.01)


def begun(genesis: Genesis, write: Write, *more: str) -> subprocess.Popen[str]:
    """Start the blocking run, and return once its command is at work."""
    write("b.yaml", BLOCKING)
    process = genesis.start("run", "b.yaml", "--run-id", "r", "--workspace", "ws", *more)
    until((genesis.folder / "ws" / "begun").exists, process)
    return process


def release(genesis: Genesis) -> None:
    (genesis.folder / "ws" / "go").touch()


def test_killed_inside_a_command(genesis: Genesis, write: Write) -> None:
    """What the command had half done is undone before it is done again."""
    process = begun(genesis, write)
    process.kill()
    process.communicate()
    blocks = BLOCKING.splitlines()[7].strip()
    write("b.yaml", BLOCKING.replace(blocks, "command: cat a.txt"))
    again = genesis("run", "--resume", "r", "--json")

    assert process.returncode == -signal.SIGKILL
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["results"]["c"]["stdout"] == "good"
    assert files_in(genesis.folder / "ws") == {"a.txt": "good", "log.txt": "done\n"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(genesis: Genesis, write: Write, how: signal.Signals) -> None:
    """Ctrl-C ends the command too, gives 130, and says how to go on."""
    process = begun(genesis, write, "--json")
    process.send_signal(how)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (130, "")
    assert err == "interrupted; go on with: genesis run --resume r\n"
    assert genesis("runs", "list").stdout.split()[3] == "interrupted"


def test_two_at_once(genesis: Genesis, write: Write) -> None:
    """A run that is going cannot be taken up by another process, nor its workspace be used."""
    process = begun(genesis, write)
    second = genesis("run", "--resume", "r")
    other = genesis("run", "b.yaml", "--workspace", "ws")
    shown = genesis("runs", "list")
    release(genesis)
    out, err = process.communicate(timeout=20)

    for done in (second, other):
        assert (done.returncode, done.stdout) == (4, "")
        assert f"is being worked on by run r (process {process.pid})" in done.stderr
    assert "r                        " in shown.stdout
    assert " running " in shown.stdout
    assert (process.returncode, err) == (0, "")
    assert "run r: succeeded" in out


def test_cancelled(genesis: Genesis, write: Write) -> None:
    """`genesis runs cancel` ends a run that is going; it is not taken up again."""
    process = begun(genesis, write)
    cancelled = genesis("runs", "cancel", "r")
    process.communicate(timeout=20)
    resumed = genesis("run", "--resume", "r")

    assert cancelled.stdout == "run r: was running, is cancelled\n"
    assert process.returncode == 130
    assert genesis("runs", "list").stdout.split()[3] == "cancelled"
    assert (resumed.returncode, resumed.stderr) == (
        2, "error: run 'r' is cancelled; start a new one\n",
    )  # fmt: skip


def test_the_number_of_a_dead_process_given_again(genesis: Genesis, write: Write) -> None:
    """A run is not held for alive because some later process has its number."""
    process = begun(genesis, write)
    process.kill()
    process.communicate()
    database = sqlite3.connect(Path(genesis.environ["GENESIS_HOME"]) / "runs.sqlite")
    with database:
        database.execute(
            "update events set event = replace(event, ?, ?)",
            (f'"pid":{process.pid}', f'"pid":{os.getpid()}'),
        )
        database.execute(
            "update events set event = json_set(event, '$.at', 1000) where event like '%started%'"
        )
    database.close()

    assert genesis("runs", "list").stdout.split()[3] == "interrupted"
