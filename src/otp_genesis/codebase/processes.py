"""The processes of one command, found in /proc even where they left its group or its parent.

A process belongs to the command if it is in the leader's session, if a marker that the leader was
given stands in its environment (fork and exec hand it on), if its parent belongs, or if it was
once seen to belong. The other way, to be a child subreaper, would change this whole process and
could not tell the orphans of two commands apart. What escapes: a process that clears its
environment, leaves the session and loses its parent between two looks; the bubblewrap sandbox has
a process namespace and lets nothing escape.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MARKER = "GENESIS_SANDBOX_ID"
_PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LOOKS, _DOUBTS = 3, 10
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


class Process(NamedTuple):
    """One line of /proc; `pid` and `start` together name a process for good."""

    pid: int
    start: int
    parent: int
    session: int
    resident_bytes: int
    alive: bool


class ProcessTree:
    """All processes that come from one command; made before it is started.

    `leader` is its first process, as soon as that is known.
    """

    def __init__(self, marker: str):
        self.leader: int | None = None
        self._marker = f"{MARKER}={marker}".encode()
        self._since = (time.clock_gettime(time.CLOCK_BOOTTIME) - 1) * os.sysconf("SC_CLK_TCK")
        self._undecided = False
        self._members: set[tuple[int, int]] = set()
        self._strangers: set[tuple[int, int]] = set()

    def members(self) -> list[Process]:
        """Return those that live now, zombies left out."""
        everyone = [process for process in _everyone() if process.alive]
        self._undecided = False
        mine = {process.pid for process in everyone if self._is_marked(process)}
        while grown := {p.pid for p in everyone if p.parent in mine and p.pid not in mine}:
            mine |= grown
        found = [process for process in everyone if process.pid in mine]
        self._members |= {(process.pid, process.start) for process in found}
        return found

    def resident_bytes(self) -> int:
        """Return the memory that they hold together; shared pages count for each."""
        return sum(process.resident_bytes for process in self.members())

    def kill(self, within_s: float = 5.0) -> None:
        """Kill until none is left; blocks, for as long as the kernel takes to end them."""
        deadline = time.monotonic() + within_s
        quiet = 0
        # One look that finds none is no proof: a child can be born after the list was read, and its
        # parent be gone before it is looked at.
        while time.monotonic() < deadline and quiet < (_DOUBTS if self._undecided else _LOOKS):
            left = self.members()
            for process in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(process.pid, signal.SIGKILL)
            quiet = 0 if left else quiet + 1
            time.sleep(0.001)

    def _is_marked(self, process: Process) -> bool:
        key = (process.pid, process.start)
        if key in self._members:
            return True
        if self.leader in (process.pid, process.session):
            return True
        # Belonging is inherited at birth, so that a stranger once is a stranger for ever.
        if key in self._strangers:
            return False
        environment = _environment(process.pid)
        if self._marker in environment:
            return True
        if environment == [b""] and process.start >= self._since:
            # In the middle of an exec a process has no environment: look again.
            self._undecided = True
        else:
            self._strangers.add(key)
        return False


def _everyone() -> list[Process]:
    # Outside Linux there is no /proc: only the process group can be ended there.
    names = [entry.name for entry in _PROC.iterdir()] if _PROC.is_dir() else []
    looked = (_look(name) for name in names if name.isdigit())
    return [process for process in looked if process is not None]


def _look(pid: str) -> Process | None:
    try:
        stat = (_PROC / pid / "stat").read_bytes()
    except _GONE:
        return None
    # The name before the last parenthesis may hold anything, blanks and parentheses too.
    state, parent, _group, session, *rest = stat.rpartition(b")")[2].split()
    return Process(
        pid=int(pid),
        start=int(rest[15]),
        parent=int(parent),
        session=int(session),
        resident_bytes=int(rest[17]) * _PAGE_BYTES,
        alive=state not in (b"Z", b"X"),
    )


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except _GONE:
        return []
