"""Runs that were: how far each is, and the answers to what they ask."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import replace
from pathlib import Path

from otp_genesis.contracts.store import Store
from otp_genesis.errors import UsageError
from otp_genesis.model.event import Answered, RunStarted
from otp_genesis.model.run import RunState, fold

CLOCK_SLACK_S = 2.0


async def state_of(store: Store, run_id: str) -> RunState:
    """Return a run as far as it is, as a fold over its events; raise `UsageError` for no run.

    One whose process has gone without ending it is `interrupted`.
    """
    await store.request(run_id)
    events = [event for _, event in await store.events(run_id)]
    state = fold(events)
    begun = max((event.at for event in events if isinstance(event, RunStarted)), default=0.0)
    goes_on = state.status != "running" or _alive(state.pid, begun)
    return state if goes_on else replace(state, status="interrupted")


async def answer(store: Store, run_id: str, text: str, by: str) -> None:
    """Keep the answer to what a run asks; raise `UsageError` where it asks nothing, or not that."""
    state = await state_of(store, run_id)
    if state.status != "suspended" or state.error_path is None:
        raise UsageError(f"run {run_id!r} asks nothing; it is {state.status}")
    if state.choices and text not in state.choices:
        raise UsageError(f"{text!r} is no answer; it takes {', '.join(state.choices)}")
    event = Answered(at=time.time(), path=state.error_path, answer=text, by=by)
    await store.append(run_id, event)


def _alive(pid: int, since: float) -> bool:
    """Whether the process is still there: another may have got its number after `since`."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    stat = Path(f"/proc/{pid}/stat")
    if pid <= 0 or not stat.exists():
        return pid > 0
    ticks = int(stat.read_bytes().rpartition(b")")[2].split()[19])
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + ticks / os.sysconf("SC_CLK_TCK") < since + CLOCK_SLACK_S


def new_run_id() -> str:
    """Return an id that sorts by time: date, time, and six random characters."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
