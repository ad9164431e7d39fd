"""Child processes whose exit status asyncio alone collects.

`Popen.send_signal` and a transport that is closed early look first whether the child has ended,
and so take its exit status away from asyncio's own watcher, which then warns of an unknown child
and reports 255 for it (CPython 3.11, `asyncio.unix_events`). Signals are sent past both here, and a
start that is cancelled is waited for.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import Process
from contextlib import suppress
from typing import Any


async def start_child(*command: str, **options: Any) -> Process:
    """Start `command` as `asyncio.create_subprocess_exec` does.

    Cancelled while it starts, it is killed and waited for. Raises `OSError`.
    """
    starting = asyncio.ensure_future(asyncio.create_subprocess_exec(*command, **options))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError):
            process = await asyncio.shield(starting)
            await end_child(process)
        raise


def signal_child(process: Process, number: signal.Signals) -> None:
    """Send a signal to the child, unless it is known to have ended."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


async def end_child(process: Process, number: signal.Signals = signal.SIGKILL) -> None:
    """Signal the child where it still runs, read what it prints, and wait until it has ended."""
    if process.returncode is None:
        signal_child(process, number)
        await asyncio.shield(process.communicate())
