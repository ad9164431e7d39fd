"""Commands as plain child processes: limits are kept and nothing is left behind, nothing more."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from otp_genesis.codebase.capture import CapturedPipe
from otp_genesis.codebase.children import start_child
from otp_genesis.codebase.processes import MARKER, ProcessTree
from otp_genesis.contracts.codebase import ExecResult, Limits
from otp_genesis.errors import EnvironmentLacks, MissingTool, UsageError

_INSTALL = {
    "mix": "install Elixir (https://elixir-lang.org/install.html)",
    "elixir": "install Elixir (https://elixir-lang.org/install.html)",
    "git": "install git (https://git-scm.com/downloads)",
    "bwrap": "install bubblewrap",
}
_MEMORY_POLL_S = 0.1
_DRAIN_S = 2.0


class LocalSandbox:
    """`Sandbox` that only limits: a command sees files and network as its starter does."""

    name = "local"

    async def run(
        self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str], limits: Limits
    ) -> ExecResult:
        """Run `argv` to its end or to a limit; leave no process behind."""
        require_program(argv, cwd, env)
        return await run_limited(argv, argv, cwd=cwd, env=env, limits=limits)


def require_program(argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> str:
    """Return the path of the program that `argv` names; raise `MissingTool`."""
    if not argv or any("\0" in part for part in argv):
        raise UsageError("a command needs a program, and can hold no NUL character")
    program = argv[0]
    spelled = str(Path(cwd, program)) if "/" in program else program
    found = shutil.which(spelled, path=env.get("PATH", os.defpath))
    if found is None:
        hint = _INSTALL.get(program, f"install it, or put it on the PATH ({env.get('PATH', '')})")
        raise MissingTool(program, hint)
    return found


async def run_limited(
    command: Sequence[str],
    shown: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    limits: Limits,
) -> ExecResult:
    """Run `command` under `limits`; the result speaks of it as `shown`."""
    started = time.monotonic()
    async with (
        CapturedPipe(limits.output_bytes) as out,
        CapturedPipe(limits.output_bytes) as err,
    ):
        process, tree = await _start(command, cwd, env, out, err)
        try:
            ended_by = await _end(process, tree, limits)
        finally:
            await _leave_none(process, tree)
        await _drain(out, err)
        code = process.returncode
        if ended_by is None and code is not None and code < 0:
            ended_by = f"signal {-code}"
        return ExecResult(
            argv=tuple(shown),
            exit_code=None if ended_by else code,
            stdout=out.capture.text,
            stderr=err.capture.text,
            duration_s=time.monotonic() - started,
            truncated=out.capture.truncated or err.capture.truncated,
            ended_by=ended_by,
        )


async def _start(
    command: Sequence[str], cwd: str, env: Mapping[str, str], out: CapturedPipe, err: CapturedPipe
) -> tuple[asyncio.subprocess.Process, ProcessTree]:
    marker = uuid4().hex
    tree = ProcessTree(marker)
    try:
        process = await start_child(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out.writing,
            stderr=err.writing,
            cwd=cwd,
            env={**env, MARKER: marker},
            start_new_session=True,
        )
    except OSError as error:
        raise EnvironmentLacks(f"cannot run {command[0]!r} in {cwd}: {error.strerror}") from error
    except asyncio.CancelledError:
        # The program may have run already; it is ended by now, but not what it has started.
        await asyncio.shield(asyncio.to_thread(tree.kill))
        raise
    out.hand_over()
    err.hand_over()
    tree.leader = process.pid
    return process, tree


async def _end(
    process: asyncio.subprocess.Process, tree: ProcessTree, limits: Limits
) -> str | None:
    """Wait until the command ends or meets a limit, and return the limit."""
    exited = asyncio.ensure_future(process.wait())
    too_big = asyncio.ensure_future(_outgrown(tree, limits.memory_bytes))
    try:
        done, _ = await asyncio.wait(
            {exited, too_big}, timeout=limits.timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        exited.cancel()
        too_big.cancel()
        await asyncio.gather(exited, too_big, return_exceptions=True)
    if exited in done:
        return None
    return "memory" if too_big in done else "timeout"


async def _outgrown(tree: ProcessTree, limit_bytes: int | None) -> None:
    """Return when the processes together hold more than `limit_bytes`."""
    # Resident memory is summed, because the BEAM reserves gigabytes that it never touches: a limit
    # on the address space would end it at once.
    if limit_bytes is None:
        await asyncio.Event().wait()
    while True:
        if await asyncio.to_thread(tree.resident_bytes) > (limit_bytes or 0):
            return
        await asyncio.sleep(_MEMORY_POLL_S)


async def _leave_none(process: asyncio.subprocess.Process, tree: ProcessTree) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    # In a thread that goes on even where this task is cancelled again.
    await asyncio.shield(asyncio.to_thread(tree.kill))
    await process.wait()


async def _drain(*pipes: CapturedPipe) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            for pipe in pipes:
                await pipe.capture.ended.wait()
