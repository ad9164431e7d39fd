"""What every store keeps, and what becomes of a file that cannot be used."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import Genesis, Write
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.contracts.store import Entry, Store
from otp_genesis.durable.memory import MemoryStore
from otp_genesis.durable.sqlite import SqliteStore
from otp_genesis.errors import StoreUnavailable, UsageError
from otp_genesis.model.event import Noted, RunFinished
from otp_genesis.model.outcome import Failed, Ok, Outcome, Skipped
from otp_genesis.model.run import RunRequest

Make = Callable[[], Store]
OUTCOMES: list[Outcome] = [
    Ok(output={"ä": [1, None, "😀"]}, variables={"x": 1}),
    Failed(error="no", output={"exit": 1}, path="p/a"),
    Skipped(reason="not now"),
]


def request(run_id: str, at: float = 1.0) -> RunRequest:
    return RunRequest(run_id=run_id, pipeline="/p.yaml", name="p", inputs={"ä": 1}, started_at=at)


def note(text: str) -> Noted:
    return Noted(at=1.0, path="p", message=text)


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Open the store; for the one in memory there is no second time."""
    if request.param == "memory":
        return MemoryStore
    return lambda: SqliteStore(tmp_path / "deep" / "runs.sqlite")


def with_store(make: Make, work: Callable[[Store], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        store = make()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(go())


def test_requests(make: Make) -> None:
    """A run is kept once, and runs are listed with the newest first."""

    async def work(store: Store) -> None:
        await store.create(request("a", 1.0))
        await store.create(request("b", 2.0))
        assert await store.request("a") == request("a", 1.0)
        assert [one.run_id for one in await store.runs()] == ["b", "a"]
        with pytest.raises(UsageError, match="there is a run 'a' already"):
            await store.create(request("a"))
        with pytest.raises(UsageError, match="there is no run 'c'"):
            await store.request("c")

    with_store(make, work)


def test_rows_and_events(make: Make) -> None:
    """A row and the event that tells of it are kept together, each run's apart."""

    async def work(store: Store) -> None:
        for run_id in ("a", "b"):
            await store.create(request(run_id))
        for number, outcome in enumerate(OUTCOMES):
            await store.record("a", f"p/{number}", Entry("t", outcome), note(str(number)))
        await store.append("a", note("last"))
        await store.append("b", note("other"))

        rows = await store.journal("a")
        assert {path: row.outcome for path, row in rows.items()} == {
            f"p/{number}": outcome for number, outcome in enumerate(OUTCOMES)
        }
        events = await store.events("a")
        assert [event for _, event in events] == [note(text) for text in ("0", "1", "2", "last")]
        third = events[2][0]
        assert await store.events("a", after=third) == events[3:]
        assert await store.journal("b") == {}

    with_store(make, work)


def test_forgetting(make: Make) -> None:
    """A forgotten run leaves nothing, and the others stay."""

    async def work(store: Store) -> None:
        for run_id in ("a", "b"):
            await store.create(request(run_id))
            await store.record(run_id, "p", Entry("t", Ok()), note("x"))
        await store.forget("a")
        assert [one.run_id for one in await store.runs()] == ["b"]
        assert len(await store.events("b")) == 1
        await store.create(request("a"))
        assert await store.journal("a") == {}
        assert await store.events("a") == ()

    with_store(make, work)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_outcomes_come_back_as_they_were(value: Any) -> None:
    """Numbers that JSON does not know too."""
    outcome = Ok(output=value)

    assert repr(Ok.model_validate_json(outcome.model_dump_json())) == repr(outcome)


def test_what_is_written_is_there_for_the_next_process(tmp_path: Path) -> None:
    """A second opening finds what the first kept."""
    path = tmp_path / "runs.sqlite"

    async def keep(store: Store) -> None:
        await store.create(request("a"))
        await store.record("a", "p", Entry("t", OUTCOMES[0]), note("x"))

    with_store(lambda: SqliteStore(path), keep)
    rows = with_store(lambda: SqliteStore(path), lambda store: store.journal("a"))
    assert rows == {"p": Entry("t", OUTCOMES[0])}


def test_many_open_it_at_once(tmp_path: Path) -> None:
    """Whoever comes first makes the file; nobody is turned away."""
    path = tmp_path / "runs.sqlite"

    def one(number: int) -> None:
        with_store(lambda: SqliteStore(path), lambda store: store.create(request(f"r{number}")))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(24)))
    assert len(with_store(lambda: SqliteStore(path), lambda store: store.runs())) == 24


def damaged(path: Path, how: str) -> None:
    """Make a store that cannot be used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if how == "garbage":
        path.write_bytes(b"this is no database" * 1000)
    elif how == "folder":
        path.mkdir()
    elif how == "cut":
        damaged(path, "good")
        path.write_bytes(path.read_bytes()[:5000])
    else:
        with_store(lambda: SqliteStore(path), lambda store: store.create(request("r")))
        database = sqlite3.connect(path)
        if how == "newer":
            database.execute("pragma user_version = 99")
        if how == "request":
            database.execute("update runs set request = '{}'")
        if how == "event":
            database.execute(
                "insert into events (run_id, event) values ('r', '{\"kind\": \"new\"}')"
            )
        if how == "table":
            database.execute("drop table events")
        database.commit()
        database.close()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("garbage", "file is not a database"),
        ("folder", "unable to open database file"),
        ("cut", "malformed"),
        ("newer", "it was written by a newer version; upgrade"),
        ("request", "it holds what this version cannot read"),
        ("event", "it holds what this version cannot read"),
        ("table", "no such table: events"),
    ],
)
def test_a_store_that_cannot_be_used(genesis: Genesis, how: str, said: str) -> None:
    """One message with the file's name, and 4."""
    path = Path(genesis.environ["GENESIS_HOME"]) / "runs.sqlite"
    damaged(path, how)
    done = genesis("runs", "list")

    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"error: cannot use the run store {path}: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_home_that_is_a_file(genesis: Genesis, write: Write) -> None:
    """Where nothing can be kept nothing is run."""
    home = write("home", "")
    write("p.yaml", "workflow: {steps: [{name: a, type: set_variable, variables: {}}]}")
    done = genesis("run", "p.yaml", GENESIS_HOME=str(home))

    assert (done.returncode, done.stdout) == (4, "")
    assert "cannot use the run store" in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


FILLING = """
workflow:
  name: f
  inputs: {texts: {type: array}}
  steps:
    - {name: a, type: set_variable, variables: {x: 1}}
    - name: each
      type: for_loop
      data_source: "{{ inputs.texts }}"
      steps: [{name: b, type: set_variable, variables: {text: "{{ item }}"}}]
  outputs: {done: "{{ steps.each.completed_items }}"}
"""
TEXTS = f"texts={json.dumps(['y' * 30_000] * 4)}"


def test_a_full_disk(genesis: Genesis, write: Write, small_disk: Path) -> None:
    """One message and 4; once there is room the run goes on."""
    write("f.yaml", FILLING)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_700_000)
    texts = "i=" + "y" * 30_000
    arguments = (
        "run",
        "f.yaml",
        "--run-id",
        "r",
        "-i",
        'texts=["' + '","'.join([texts] * 4) + '"]',
    )
    full = genesis(*arguments, GENESIS_HOME=str(small_disk / "home"))
    ballast.unlink()
    again = genesis("run", "--resume", "r", "--json", GENESIS_HOME=str(small_disk / "home"))

    assert (full.returncode, full.stdout) == (4, "")
    assert full.stderr.startswith("error: cannot use the run store ")
    assert full.stderr.splitlines()[1:] == ["then go on with: genesis run --resume r"]
    assert again.returncode == 0, again.stderr
    assert '"done": 4' in again.stdout


def test_a_file_that_may_not_grow(genesis: Genesis, write: Write) -> None:
    """A limit on the size of files is told like a full disk, and passes like one."""
    write("f.yaml", FILLING)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        "from otp_genesis.cli.main import main; main()"
    )
    command = [sys.executable, "-W", "error", "-c", code, "run", "f.yaml", "--run-id", "r", "-i"]
    full = subprocess.run(
        [*command, TEXTS], cwd=genesis.folder, env=dict(genesis.environ), capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    again = genesis.json("run", "--resume", "r")

    assert (full.returncode, full.stdout) == (4, "")
    assert full.stderr.startswith("error: cannot use the run store ")
    assert again["outputs"] == {"done": 4}


def test_a_failed_write_leaves_no_half(tmp_path: Path) -> None:
    """Row and event are written both or not at all."""
    path = tmp_path / "runs.sqlite"

    async def work(store: Store) -> None:
        await store.create(request("a"))
        other = sqlite3.connect(path)
        other.execute(
            "create trigger t before insert on events begin select raise(abort, 'no'); end"
        )
        other.close()
        with pytest.raises(StoreUnavailable, match="no"):
            await store.record("a", "p", Entry("t", Ok()), RunFinished(at=1, status="failed"))
        assert await store.journal("a") == {}

    with_store(lambda: SqliteStore(path), work)
