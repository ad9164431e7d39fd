"""Shell commands of the agent: which are run, and within what walls."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from otp_genesis.loopback.anthropic import tool_use
from otp_genesis.providers.claude_commands import (
    Walls,
    allowed,
    command_environment,
    find_bubblewrap,
)
from providers.claude_bench import KEY, SHELL, ClaudeBench

WORKS = asyncio.run(find_bubblewrap(os.environ))
walled = pytest.mark.skipif(WORKS is None, reason="bubblewrap does not work here")


@pytest.fixture
def bench(tmp_path: Path) -> ClaudeBench:
    """A provider with a project."""
    return ClaudeBench(tmp_path)


def bash(command: str) -> list[dict[str, object]]:
    return [tool_use("Bash", command=command, description="d")]


@walled
def test_commands_are_walled_in(bench: ClaudeBench) -> None:
    """The project is theirs; they have no network, no other place to write to, and no secret."""
    bench.environ = {"OPENAI_API_KEY": "sk-another-key", "MIX_ENV": "test"}
    outside = bench.folder / "outside.txt"
    (bench.folder / "user" / ".ssh").mkdir(parents=True)
    (bench.folder / "user" / ".ssh" / "id").write_text("plover")
    bench.run(
        [
            bash("echo made > made.txt && cat made.txt"),
            bash(f"echo x > {outside}"),
            bash("echo x > .git/config; echo x > /etc/x"),
            bash("env"),
            bash("cat /proc/*/environ | tr '\\0' '\\n'; find / -name id -path '*.ssh*' 2>&1"),
            bash(f"ls -A {bench.state} {bench.folder}/user/.ssh 2>&1"),
            "done",
        ],
        options=SHELL,
    )
    heard = bench.said()

    assert heard[0] == "made"
    assert (bench.project / "made.txt").read_text() == "made\n"
    assert not outside.exists()
    assert "Read-only file system" in heard[2]
    assert "MIX_ENV=test" in heard[3]
    for word in (KEY, "sk-another-key", "ANTHROPIC", "CLAUDE", "plover"):
        assert word not in "".join(heard[3:]), word


@walled
def test_there_is_no_network(bench: ClaudeBench) -> None:
    """A command cannot reach the vendor, nor the proxy that has the key."""

    async def main() -> None:
        async with bench.server:
            port = bench.server.url.rpartition(":")[2]
            program = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
            bench.server.script = [bash(f'python3 -c "{program}"'), "done"]
            await bench.ask(options=SHELL)

    asyncio.run(main())

    assert "ConnectionRefusedError" in bench.denials[0]


def test_no_command_in_the_background(bench: ClaudeBench) -> None:
    """It would outlive the call."""
    call = tool_use("Bash", command="sleep 60", run_in_background=True, description="d")
    bench.run([[call], "no"], options=SHELL)

    assert len(bench.denials) == 1


def test_commands_need_walls_or_leave(tmp_path: Path) -> None:
    """Without bubblewrap they are refused, unless the settings say that they may run so."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "env", "git", "cat", "rg", "grep"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    bench = ClaudeBench(tmp_path, environ={"PATH": str(programs), "API_KEY": "sk-other-key"})
    bench.run([bash("env"), "no"], options=SHELL)
    bench.settings = {"allow_commands_unsandboxed": True}
    bench.run([bash("env"), "yes"], options=SHELL)

    assert ["bubblewrap" in one for one in bench.denials] == [True]
    assert f"PATH={programs}" in bench.said()[1]
    for word in (KEY, "sk-other-key", "ANTHROPIC", "CLAUDE"):
        assert word not in bench.said()[1], word


@walled
def test_only_some_commands(bench: ClaudeBench) -> None:
    """Rules are about the command as the model wrote it."""
    options = {"allowed_tools": ["Bash(touch *)"], "disallowed_tools": ["Bash(touch secret*)"]}
    bench.run(
        [bash("touch a.txt"), bash("touch secret.txt"), bash("touch b; rm a.txt"), "done"],
        options=options,
    )

    assert [one.name for one in bench.project.iterdir()] == ["a.txt"]
    assert len(bench.denials) == 2


@pytest.mark.parametrize(
    ("command", "rules", "expected"),
    [
        ("git log -3", ["Bash(git log *)"], True),
        ("git log", ["Bash(git log *)"], True),
        ("git log", ["Bash(git:*)"], True),
        ("gitk", ["Bash(git:*)"], False),
        ("git push", ["Bash(git log *)"], False),
        ("mix test", ["Bash(mix test)"], True),
        ("mix test --all", ["Bash(mix test)"], False),
        ("git log && mix test", ["Bash(git log *)", "Bash(mix test)"], True),
        ("git log | sh", ["Bash(git log *)"], False),
        ("git log $(id)", ["Bash(git log *)"], False),
        ("git log `id`", ["Bash(git log *)"], False),
        ("git log $(id)", ["Bash"], True),
        ("anything", ["Read", "Edit"], False),
        ("", ["Bash(git *)"], False),
    ],
)
def test_rules(command: str, rules: list[str], expected: bool) -> None:
    """A pattern is for the whole of a command, and every part of it needs one."""
    assert allowed(command, rules, []) is expected
    assert allowed(command, rules, ["Bash"]) is False


@walled
def test_a_key_in_a_file_is_not_found(tmp_path: Path) -> None:
    """Files that hold a secret are empty within the walls, wherever they are."""
    place = Path.cwd() / f".{tmp_path.name}.key"
    place.write_text("plover")
    try:
        environment = command_environment(os.environ)
        walls = Walls(WORKS, tmp_path, environment, (place,))
        done = subprocess.run(
            ["sh", "-c", walls.around(f"cat {place}; echo $?")], capture_output=True, text=True
        )
    finally:
        place.unlink()

    assert "plover" not in done.stdout
    assert done.returncode == 0, done.stderr
