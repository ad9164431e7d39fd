"""The CLI's process: what it finds in its environment, and that nothing of it is left behind."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path

MARK = "GENESIS_CALL"
"""Names the call in the environment of each process that it starts."""
_KEPT = ("PATH", "LANG", "TZ", "TERM", "USER", "LOGNAME", "SHELL")
_KEPT_PREFIXES = ("LC_",)
_NETWORK = frozenset(
    (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "NODE_EXTRA_CA_CERTS",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    )
)
_STDERR = "stderr.txt"
_MOST_COMPLAINTS = 4000
_QUIET = {
    "ENABLE_TOOL_SEARCH": "false",
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_TERMINAL_TITLE": "1",
    "CLAUDE_CODE_ENABLE_TELEMETRY": "0",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_BUG_COMMAND": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_INSTALLATION_CHECKS": "1",
}


def cli_environment(
    environ: Mapping[str, str], folder: Path, scratch: Path, mark: str
) -> dict[str, str]:
    """Return all that the CLI finds in its environment, its credentials excepted.

    It gets a home of its own below `folder`, where its conversations are kept.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES) or name.upper() in _NETWORK
    }
    # The proxy that it is to ask is here.
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (environ.get(name), "127.0.0.1,localhost")))
    return {
        **kept,
        **_QUIET,
        "HOME": str(folder / "home"),
        "CLAUDE_CONFIG_DIR": str(folder / "config"),
        "TMPDIR": str(scratch),
        "CLAUDE_CODE_TMPDIR": str(scratch),
        MARK: mark,
    }


def launcher(cli: str, scratch: Path, environment: Iterable[str]) -> Path:
    """Write the program that starts the CLI without what this process has in its environment.

    The SDK starts the CLI with all of that and `environment` laid over it; it holds no values.
    What the CLI writes to its stderr goes into a file beside it: see `complaints`.
    """
    dropped = sorted(set(os.environ) - set(environment))
    without = [part for name in dropped for part in ("-u", name)]
    program = scratch / "claude"
    setpriv = shutil.which("setpriv")
    # It is not to go on where this process is killed.
    with_us = [setpriv, "--pdeathsig", "KILL"] if setpriv is not None else []
    started = f'{shlex.join(["env", *without, *with_us, cli])} "$@"'
    program.write_text(f"#!/bin/sh\nexec {started} 2>>{shlex.quote(str(scratch / _STDERR))}\n")
    program.chmod(0o700)
    return program


def complaints(scratch: Path) -> str:
    """Return the end of what the CLI wrote to its stderr."""
    try:
        written = (scratch / _STDERR).read_bytes()
    except OSError:
        return ""
    return written[-_MOST_COMPLAINTS:].decode(errors="replace").strip()


def processes_of(mark: str) -> list[int]:
    """Return the processes that a call has started and that are still there."""
    wanted = f"{MARK}={mark}".encode()
    found, parents = set(), {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
            stat = (entry / "stat").read_bytes().rpartition(b")")[2].split()
        except (OSError, ValueError):
            continue
        if stat[0] == b"Z":
            continue
        parents[int(entry.name)] = int(stat[1])
        if wanted in environment.split(b"\0"):
            found.add(int(entry.name))
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        grown = bool(children)
        found |= children
    return sorted(found - {os.getpid()})


def end_processes(mark: str) -> int:
    """Kill what a call has started; return how many processes there were."""
    found = processes_of(mark)
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    return len(found)


async def ended(task: asyncio.Task[object], mark: str, patience_s: float = 15.0) -> None:
    """Return when the task is over and no process of the call is there any more.

    The task is left to find its process gone, which takes it a moment; interrupted, it would wait
    for seconds that the process may end by itself.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_s
    while not task.done():
        end_processes(mark)
        if loop.time() > until:
            task.cancel()
        await asyncio.wait({task}, timeout=0.05)
    while end_processes(mark) and loop.time() < until:  # noqa: ASYNC110
        # What was killed takes a moment to go.
        await asyncio.sleep(0.01)
