"""Journal and events in one SQLite file, written before the run goes on.

Write-ahead log, `synchronous=NORMAL`: what is written survives the process being killed; a power
failure can take the last moments, which are then done again. Rows are JSON, readable without this
program.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from otp_genesis.contracts.store import Entry
from otp_genesis.errors import StoreUnavailable, UsageError
from otp_genesis.model.event import Event, ModelCalled
from otp_genesis.model.outcome import Outcome
from otp_genesis.model.run import RunRequest

_OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
FORMAT = 1
_SCHEMA = f"""
create table if not exists runs (
  run_id text primary key, started_at real not null, request text not null);
create table if not exists journal (
  run_id text not null, path text not null, step_type text not null, outcome text not null,
  primary key (run_id, path)) without rowid;
create table if not exists events (
  number integer primary key, run_id text not null, event text not null);
create index if not exists events_of_run on events (run_id, number);
pragma user_version = {FORMAT};
"""
_INSERT_EVENT = "insert into events (run_id, event) values (?, ?)"


class SqliteStore:
    """`Store` in one file. Any number of processes may have it open."""

    def __init__(self, path: Path):
        self.path = path
        self._calls: list[ModelCalled] = []
        self._read_up_to = 0
        """The event up to which `_calls` holds the calls to models."""
        with self._failures():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        (found,) = self._db.execute("pragma user_version").fetchone()
        if found > FORMAT:
            raise StoreUnavailable(str(self.path), "it was written by a newer version; upgrade")
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        if found < FORMAT:
            self._db.executescript(_SCHEMA)

    async def create(self, request: RunRequest) -> None:
        """Keep the request."""
        row = (request.run_id, request.started_at, request.model_dump_json())
        with self._failures():
            try:
                self._db.execute("insert into runs values (?, ?, ?)", row)
            except sqlite3.IntegrityError:
                raise UsageError(f"there is a run {request.run_id!r} already") from None

    async def request(self, run_id: str) -> RunRequest:
        """Return the request."""
        with self._failures():
            query = "select request from runs where run_id = ?"
            row = self._db.execute(query, (run_id,)).fetchone()
            if row is None:
                raise UsageError(f"there is no run {run_id!r}; see: genesis runs")
            return RunRequest.model_validate_json(row[0])

    async def runs(self) -> Sequence[RunRequest]:
        """Return all requests, newest first."""
        with self._failures():
            rows = self._db.execute("select request from runs order by started_at desc").fetchall()
            return tuple(RunRequest.model_validate_json(row[0]) for row in rows)

    async def journal(self, run_id: str) -> Mapping[str, Entry]:
        """Return the rows."""
        query = "select path, step_type, outcome from journal where run_id = ?"
        with self._failures():
            rows = self._db.execute(query, (run_id,)).fetchall()
            return {path: Entry(kind, _OUTCOME.validate_json(text)) for path, kind, text in rows}

    async def record(self, run_id: str, path: str, entry: Entry, event: Event) -> None:
        """Keep both in one transaction."""
        row = (run_id, path, entry.step_type, entry.outcome.model_dump_json())
        with self._failures(), self._transaction():
            self._db.execute("insert or replace into journal values (?, ?, ?, ?)", row)
            self._db.execute(_INSERT_EVENT, (run_id, event.model_dump_json()))

    async def append(self, run_id: str, event: Event) -> None:
        """Keep the event."""
        with self._failures():
            self._db.execute(_INSERT_EVENT, (run_id, event.model_dump_json()))

    async def events(self, run_id: str, after: int = 0) -> Sequence[tuple[int, Event]]:
        """Return the events; their numbers rise, with gaps."""
        query = "select number, event from events where run_id = ? and number > ? order by number"
        with self._failures():
            rows = self._db.execute(query, (run_id, after)).fetchall()
            return tuple((number, _EVENT.validate_json(text)) for number, text in rows)

    async def model_calls(self, since: float) -> Sequence[ModelCalled]:
        """Return the calls; what was read before is remembered, only new rows are read."""
        query = (
            "select number, event from events where number > ?"
            ' and event like \'%"kind":"model_called"%\' order by number'
        )
        with self._failures():
            (newest,) = self._db.execute("select coalesce(max(number), 0) from events").fetchone()
            rows = self._db.execute(query, (self._read_up_to,)).fetchall()
            events = [_EVENT.validate_json(text) for _, text in rows]
            self._calls += [event for event in events if isinstance(event, ModelCalled)]
            self._read_up_to = max(newest, *(number for number, _ in rows), self._read_up_to)
        return tuple(event for event in self._calls if event.at >= since)

    async def forget(self, run_id: str) -> None:
        """Remove the run from all tables."""
        with self._failures(), self._transaction():
            for table in ("journal", "events", "runs"):
                self._db.execute(f"delete from {table} where run_id = ?", (run_id,))

    async def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise
        self._db.execute("commit")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except ValidationError as error:
            what = f"it holds what this version cannot read ({error.title})"
            raise StoreUnavailable(str(self.path), what) from error
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreUnavailable(str(self.path), str(error)) from error
