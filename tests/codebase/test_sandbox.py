"""Both sandboxes: limits hold, and no process is left behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from support.python import PYTHON

from otp_genesis.codebase.bubblewrap import BubblewrapSandbox, choose_sandbox
from otp_genesis.codebase.local import LocalSandbox
from otp_genesis.contracts.codebase import ExecResult, Limits, Sandbox
from otp_genesis.errors import EnvironmentLacks, MissingTool, UsageError


def bubblewrap_lacks() -> str | None:
    return asyncio.run(BubblewrapSandbox().unavailable({"PATH": os.defpath}))


LACKS = bubblewrap_lacks()
walled = pytest.mark.skipif(LACKS is not None, reason=f"bubblewrap: {LACKS}")
SANDBOXES = [
    pytest.param(LocalSandbox(), id="local"),
    pytest.param(BubblewrapSandbox(), id="bubblewrap", marks=walled),
]
everywhere = pytest.mark.parametrize("sandbox", SANDBOXES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project folder."""
    made = tmp_path / "pro ject ü"
    made.mkdir()
    return made


def run(
    sandbox: Sandbox,
    folder: Path,
    env: Mapping[str, str],
    *argv: str,
    **limits: float | bool | None,
) -> ExecResult:
    given = Limits.model_validate(limits)
    return asyncio.run(sandbox.run(argv, cwd=str(folder), env=env, limits=given))


def alive(marker: str) -> list[str]:
    """The processes with `marker` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
            except OSError:
                continue
            if marker.encode() in line and state != b"Z":
                found.append(entry.name)
    return found


@pytest.fixture
def nap() -> str:
    """Seconds to sleep for, which no other process sleeps for."""
    return f"60.{uuid4().int % 10**12:012d}"


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline


@everywhere
def test_the_result_says_how_the_command_ended(
    sandbox: Sandbox, folder: Path, env: dict[str, str]
) -> None:
    result = run(sandbox, folder, env, "sh", "-c", "pwd; echo oh >&2; exit 3")

    assert (3, f"{folder}\n", "oh\n", None, False) == (
        result.exit_code,
        result.stdout,
        result.stderr,
        result.ended_by,
        result.truncated,
    )
    assert result.argv == ("sh", "-c", "pwd; echo oh >&2; exit 3")


@everywhere
def test_arguments_are_no_shell_text(sandbox: Sandbox, folder: Path, env: dict[str, str]) -> None:
    assert run(sandbox, folder, env, "echo", "$HOME; ls *").stdout == "$HOME; ls *\n"


@everywhere
def test_stdin_is_empty(sandbox: Sandbox, folder: Path, env: dict[str, str]) -> None:
    assert run(sandbox, folder, env, "cat", timeout_s=20).ok


@everywhere
def test_a_missing_program_says_how_to_install_it(
    sandbox: Sandbox, folder: Path, env: dict[str, str]
) -> None:
    with pytest.raises(MissingTool, match="install Elixir"):
        run(sandbox, folder, {**env, "PATH": str(folder)}, "mix", "test")


@everywhere
def test_a_nul_is_refused(sandbox: Sandbox, folder: Path, env: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="NUL"):
        run(sandbox, folder, env, "echo", "a\0b")


@everywhere
def test_bytes_that_are_no_text_are_replaced(
    sandbox: Sandbox, folder: Path, env: dict[str, str]
) -> None:
    assert run(sandbox, folder, env, "printf", r"a\377b").stdout == "a\ufffdb"


@everywhere
def test_of_long_output_head_and_tail_are_kept(
    sandbox: Sandbox, folder: Path, env: dict[str, str]
) -> None:
    result = run(sandbox, folder, env, "seq", "1", "2000000", output_bytes=100)

    assert result.ok
    assert result.truncated
    assert result.stdout.startswith("1\n2\n3\n")
    assert result.stdout.endswith("1999999\n2000000\n")
    assert "bytes left out" in result.stdout
    assert len(result.stdout) < 200


@everywhere
def test_a_timeout_ends_children_that_left_the_group(
    sandbox: Sandbox, folder: Path, env: dict[str, str], nap: str
) -> None:
    script = f"setsid sleep {nap} & (setsid -f sleep {nap} &) ; sleep {nap}"
    result = run(sandbox, folder, env, "sh", "-c", script, timeout_s=0.5)

    assert (result.exit_code, result.ended_by) == (None, "timeout")
    assert result.duration_s < 5
    assert alive(nap) == []


@everywhere
def test_a_normal_end_leaves_no_process_behind(
    sandbox: Sandbox, folder: Path, env: dict[str, str], nap: str
) -> None:
    result = run(sandbox, folder, env, "sh", "-c", f"setsid -f sleep {nap}; echo done")

    assert (result.exit_code, result.stdout) == (0, "done\n")
    assert alive(nap) == []


@everywhere
def test_a_call_cancelled_at_its_very_start_leaves_none(
    sandbox: Sandbox, folder: Path, env: dict[str, str], nap: str
) -> None:
    async def cancelled(rounds: int) -> list[str]:
        argv = ["sh", "-c", f"setsid -f sleep {nap}; sleep {nap}"]
        task = asyncio.create_task(sandbox.run(argv, cwd=str(folder), env=env, limits=Limits()))
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return alive(nap)

    for rounds in range(1, 12):
        assert asyncio.run(cancelled(rounds)) == []


@everywhere
def test_a_cancelled_call_ends_the_processes_first(
    sandbox: Sandbox, folder: Path, env: dict[str, str], nap: str
) -> None:
    async def cancelled() -> list[str]:
        script = f"echo started > here; setsid sleep {nap} & sleep {nap}"
        argv = ["sh", "-c", script]
        task = asyncio.create_task(
            sandbox.run(argv, cwd=str(folder), env=env, limits=Limits(timeout_s=30))
        )
        await asyncio.to_thread(wait_for, lambda: len(alive(f"sleep\0{nap}")) >= 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return alive(nap)

    assert asyncio.run(cancelled()) == []


@everywhere
def test_the_memory_of_all_processes_is_limited(
    sandbox: Sandbox, folder: Path, env: dict[str, str]
) -> None:
    program = "x = b'1' * 120_000_000; import time; time.sleep(30)"
    both = f'{PYTHON} -c "{program}" & {PYTHON} -c "{program}"'
    result = run(sandbox, folder, env, "sh", "-c", both, memory_bytes=200_000_000, timeout_s=25)

    assert (result.exit_code, result.ended_by) == (None, "memory")


@everywhere
def test_reserved_memory_is_not_counted(
    sandbox: Sandbox, folder: Path, env: dict[str, str]
) -> None:
    program = "import mmap, time; mmap.mmap(-1, 8 * 1024**3); time.sleep(0.3)"

    assert run(sandbox, folder, env, PYTHON, "-c", program, memory_bytes=200_000_000).ok


def test_a_signal_is_told(folder: Path, env: dict[str, str]) -> None:
    result = run(LocalSandbox(), folder, env, "sh", "-c", "kill -SEGV $$")

    assert (result.exit_code, result.ended_by) == (None, "signal 11")


@walled
def test_inside_the_walls_only_the_project_can_be_written(
    folder: Path, env: dict[str, str], tmp_path: Path
) -> None:
    extra = tmp_path / "extra"
    extra.mkdir()
    script = f"touch ok '{extra}/ok' /tmp/ok; touch /usr/no '{tmp_path}/no'; ls /tmp"
    result = run(BubblewrapSandbox((extra,)), folder, env, "sh", "-c", script)

    assert (folder / "ok").exists()
    assert (extra / "ok").exists()
    assert "/usr/no" in result.stderr
    assert not (tmp_path / "no").exists()
    assert not Path("/tmp/ok").exists()


@walled
def test_inside_the_walls_git_cannot_be_led_astray(folder: Path, env: dict[str, str]) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("[core]")
    script = "echo x >> .git/config; mv .git other; rm -rf .git; mkdir .git; touch ok"
    run(BubblewrapSandbox((folder.parent,)), folder, env, "sh", "-c", script)

    assert (folder / "ok").exists()
    assert (folder / ".git" / "config").read_text() == "[core]"


@walled
def test_inside_the_walls_there_is_no_way_to_take_them_down(
    folder: Path, env: dict[str, str]
) -> None:
    if shutil.which("mount") is None:
        pytest.skip("mount is not installed")
    result = run(BubblewrapSandbox(), folder, env, "mount", "-o", "remount,rw,bind", "/")

    assert not result.ok


@walled
def test_inside_the_walls_there_is_loopback_and_no_network(
    folder: Path, env: dict[str, str]
) -> None:
    listed = run(BubblewrapSandbox(), folder, env, "cat", "/proc/net/dev").stdout
    program = (
        "import socket; s = socket.create_server(('127.0.0.1', 0));"
        "socket.create_connection(s.getsockname()).close()"
    )
    loopback = run(BubblewrapSandbox(), folder, env, PYTHON, "-c", program)

    assert [line.split(":")[0].strip() for line in listed.splitlines()[2:]] == ["lo"]
    assert loopback.ok


@walled
def test_inside_the_walls_no_other_process_is_seen(folder: Path, env: dict[str, str]) -> None:
    result = run(BubblewrapSandbox(), folder, env, "sh", "-c", "ls -d /proc/[0-9]* | wc -l")

    assert int(result.stdout) < 6


@walled
def test_bubblewrap_is_chosen_where_it_works(env: dict[str, str], tmp_path: Path) -> None:
    chosen = asyncio.run(choose_sandbox(env, writable=(tmp_path,)))

    assert chosen.sandbox == BubblewrapSandbox((tmp_path,))
    assert chosen.why == "bubblewrap works here"


def broken_bubblewrap(folder: Path) -> dict[str, str]:
    """A `PATH` with a bwrap that may not do its work."""
    (folder / "bwrap").write_text("#!/bin/sh\necho 'bwrap: not permitted' >&2\nexit 1\n")
    (folder / "bwrap").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_where_bubblewrap_is_forbidden_local_is_chosen_and_says_why(tmp_path: Path) -> None:
    chosen = asyncio.run(choose_sandbox(broken_bubblewrap(tmp_path)))

    assert chosen.sandbox.name == "local"
    assert "bwrap: not permitted" in chosen.why


def test_insisting_on_a_bubblewrap_that_does_not_work_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentLacks, match="not permitted"):
        asyncio.run(choose_sandbox(broken_bubblewrap(tmp_path), kind="bubblewrap"))


def test_local_can_be_asked_for(env: dict[str, str]) -> None:
    assert asyncio.run(choose_sandbox(env, kind="local")).sandbox.name == "local"


@pytest.mark.skipif(shutil.which("mix") is None, reason="Elixir is not installed")
@everywhere
def test_a_mix_project_is_tested_without_network(
    sandbox: Sandbox, folder: Path, env: dict[str, str]
) -> None:
    started = time.monotonic()
    made = run(sandbox, folder, env, "mix", "new", "tiny", timeout_s=60)
    tested = run(sandbox, folder / "tiny", env, "mix", "test", timeout_s=60)

    assert made.ok, made.stderr
    assert tested.ok, tested.stdout + tested.stderr
    assert "0 failures" in tested.stdout
    assert time.monotonic() - started < 100
