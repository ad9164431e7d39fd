"""Nothing is left behind: no process, no file, no key, however a call ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from otp_genesis.errors import NoAnswerInTime, Overloaded
from otp_genesis.loopback.anthropic import Turn, error, tool_use
from otp_genesis.model.event import ModelSaid
from otp_genesis.providers.claude_commands import find_bubblewrap
from otp_genesis.providers.claude_process import MARK, processes_of
from providers.claude_bench import KEY, SHELL, ClaudeBench


@pytest.fixture
def bench(tmp_path: Path) -> ClaudeBench:
    """A provider with a project."""
    return ClaudeBench(tmp_path)


@pytest.fixture
def nap() -> str:
    """Seconds to sleep for, which no other process sleeps for."""
    return f"60.{uuid4().int % 10**12:012d}"


def living(word: str) -> list[str]:
    """The processes with `word` in their command line or their environment, this one excepted."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            continue
        if word.encode() in told and state != b"Z" and entry.name != str(os.getpid()):
            found.append(entry.name)
    return found


def sleeps(nap: str) -> bool:
    """Whether the command is running."""
    commands = Path("/proc").glob("[0-9]*/cmdline")
    return any(_read(one) == f"sleep\0{nap}\0".encode() for one in commands)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def scratch() -> set[str]:
    return {one.name for one in Path(tempfile.gettempdir()).glob("genesis-claude-*")}


async def until(holds: Callable[[], object]) -> None:
    limit = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < limit
        await asyncio.sleep(0)


def called(bench: ClaudeBench) -> bool:
    return any(isinstance(one, ModelSaid) and one.what == "tool_call" for one in bench.events)


def test_a_cancelled_call_leaves_nothing(bench: ClaudeBench, nap: str) -> None:
    """The CLI, its shell and what the shell runs are gone when the call has ended."""
    before = scratch()
    bench.server.script = [[tool_use("Bash", command=f"sleep {nap}", description="d")], "never"]

    async def main() -> int:
        async with bench.server:
            call = asyncio.create_task(bench.ask(options=SHELL))
            await until(lambda: living(f"sleep {nap}"))
            there = len(living(str(bench.state)))
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return there

    there = asyncio.run(main())

    assert there >= 1
    assert (living(nap), living(str(bench.state))) == ([], [])
    assert scratch() == before


def test_a_second_cancellation_changes_nothing(bench: ClaudeBench, nap: str) -> None:
    """Somebody who is impatient does not leave a process behind either."""
    bench.server.script = [[tool_use("Bash", command=f"sleep {nap}", description="d")], "never"]

    async def main() -> None:
        async with bench.server:
            call = asyncio.create_task(bench.ask(options=SHELL))
            await until(lambda: living(f"sleep {nap}"))
            for _ in range(3):
                call.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(main())

    assert (living(nap), living(str(bench.state))) == ([], [])


@pytest.mark.parametrize("turns", [0, 1, 5])
def test_cancelled_at_once(bench: ClaudeBench, turns: int) -> None:
    """Before the CLI is started, or while it is."""
    bench.server.script = ["never"]

    async def main() -> None:
        async with bench.server:
            call = asyncio.create_task(bench.ask())
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(main())

    assert living(str(bench.state)) == []


def test_a_late_answer_leaves_nothing(bench: ClaudeBench) -> None:
    """A vendor that stops in the middle of its answer: the limit ends the CLI, too."""
    bench.settings = {"timeout_s": 2.0}
    with pytest.raises(NoAnswerInTime):
        bench.run([Turn("half an answer, and then no more", hang_after=3)])

    assert living(str(bench.state)) == []


ASK = """
import asyncio, sys
from pathlib import Path
from providers.claude_bench import SHELL, ClaudeBench
bench = ClaudeBench(Path(sys.argv[1]), settings={"base_url": sys.argv[2]})
asyncio.run(bench.ask(options=SHELL))
"""


@pytest.mark.skipif(
    shutil.which("setpriv") is None or asyncio.run(find_bubblewrap(os.environ)) is None,
    reason="setpriv and bubblewrap are what ends them",
)
def test_a_killed_process_takes_all_with_it(bench: ClaudeBench, nap: str) -> None:
    """Where this program has no chance to end them, the CLI and its command end all the same."""
    bench.server.script = [[tool_use("Bash", command=f"sleep {nap}", description="d")], "never"]

    async def main() -> None:
        async with bench.server:
            killed = await asyncio.create_subprocess_exec(
                sys.executable, "-c", ASK, str(bench.folder), bench.server.url,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )  # fmt: skip
            # The command itself, not the walls that are still put up around it.
            await until(lambda: sleeps(nap))
            killed.kill()
            await killed.wait()
            await until(lambda: not living(nap) and not living(str(bench.state)))

    before = scratch()
    asyncio.run(main())
    for left in scratch() - before:
        # Its folder for the call is what it could not remove.
        shutil.rmtree(Path(tempfile.gettempdir()) / left)


def test_no_command_outlives_the_call(bench: ClaudeBench, nap: str) -> None:
    """A command that puts itself into the background ends with its shell."""
    command = f"(setsid sleep {nap} >/dev/null 2>&1 &) ; echo started"
    reply = bench.run([[tool_use("Bash", command=command, description="d")], "done"], options=SHELL)

    assert reply.text == "done"
    assert (bench.said(), living(nap)) == (["started"], [])


def test_without_walls_neither(bench: ClaudeBench, nap: str, tmp_path: Path) -> None:
    """Processes are known by their environment where there is no bubblewrap to end them."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for one in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if (
                one.name in ("bash", "env", "setsid", "sleep")
                and not (programs / one.name).exists()
            ):
                (programs / one.name).symlink_to(one)
    bench.environ = {"PATH": str(programs)}
    bench.settings = {"allow_commands_unsandboxed": True}
    command = f"(setsid sleep {nap} >/dev/null 2>&1 &) ; echo started"
    bench.run([[tool_use("Bash", command=command, description="d")], "done"], options=SHELL)

    assert (bench.said(), living(nap)) == (["started"], [])


def test_the_key_is_nowhere(bench: ClaudeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in a process, not in a file, not in an event; the vendor alone hears it.

    Neither is any other secret of this process in the CLI's.
    """
    other = f"password-{uuid4()}"
    monkeypatch.setenv("DATABASE_PASSWORD", other)
    seen: list[list[str]] = []

    async def look() -> None:
        assert living(str(bench.state)) != []
        seen.append(living(KEY) + living(other))

    bench.about_to_write = look
    calls = [
        tool_use("Write", file_path=str(bench.project / "a.txt"), content="x"),
        tool_use("Bash", command="env; cat /proc/*/environ /proc/*/cmdline", description="d"),
    ]
    bench.run(
        [calls, "done"],
        options={"permission_mode": "bypass_permissions", "debug_mode": True},
    )
    files = [one for one in bench.folder.rglob("*") if one.is_file()]

    assert seen == [[], []]
    assert any(one.parent.name == "debug" for one in files)
    assert [one for one in files if KEY.encode() in one.read_bytes()] == []
    assert KEY not in str(bench.events)
    assert bench.headers("x-api-key") == {KEY}


def test_nothing_is_left_in_this_process(bench: ClaudeBench) -> None:
    """No task, no open file: neither of a call that is answered nor of one that fails."""
    bench.server.script = lambda asked: (
        [tool_use("Glob", pattern="*")] if len(bench.server.asked) < 2 else "ok"
    )

    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def main() -> tuple[int, int, int]:
        async with bench.server:
            await bench.ask()
            tasks, before = len(asyncio.all_tasks()), opened()
            for _ in range(3):
                await bench.ask(stream=True)
            bench.server.script = [error(529, "overloaded_error", "too many")]
            with pytest.raises(Overloaded):
                await bench.ask()
            # The server sees a little later than the client that a connection is closed.
            await until(lambda: opened() <= before)
            return tasks, len(asyncio.all_tasks()), opened() - before

    tasks, after, files = asyncio.run(main())

    assert after <= tasks
    assert files <= 0


def test_a_login_is_the_cli_s_own(bench: ClaudeBench) -> None:
    """With a token and no key the CLI asks the vendor itself; its commands do not see the token."""
    bench.environ = {"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": KEY}
    bench.run(
        [
            [tool_use("Bash", command="env; cat /proc/*/environ", description="d")],
            "done",
        ],
        options=SHELL,
    )

    assert bench.headers("authorization") == {f"Bearer {KEY}"}
    assert KEY not in str(bench.events)
    assert "CLAUDE" not in str(bench.said())


def test_processes_are_known_by_their_mark() -> None:
    """Those of another call are not."""
    mark = uuid4().hex

    async def main() -> tuple[list[int], list[int]]:
        process = await asyncio.create_subprocess_exec("sleep", "60", env={MARK: mark})
        found, others = processes_of(mark), processes_of(uuid4().hex)
        process.kill()
        await process.wait()
        return [process.pid] if found == [process.pid] else [], others

    found, others = asyncio.run(main())

    assert len(found) == 1
    assert (others, processes_of(mark)) == ([], [])
