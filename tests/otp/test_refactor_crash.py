"""A refactor that is killed, wherever it is, and resumed, ends with the same commits.

The moment is chosen by a `git` before the real one in PATH: after so many commands, or after one
that matches, it kills who called it with -9.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Genesis, git, references, user_state
from support.elixir import NO_CHECKS, ONE_FLAW, TESTS_ONLY, THREE_FLAWS, repository

FILES = {
    **THREE_FLAWS,
    **NO_CHECKS,
    "lib/tiny/more.ex": "defmodule Tiny.More do\n  def go(job), do: Task.start(job)\nend\n",
}
RUN = "one"
BRANCH = f"genesis/{RUN}"
KILLER = """\
#!/bin/sh
{real} "$@"
code=$?
count=$(cat {counter} 2>/dev/null || echo 0)
count=$((count + 1))
echo $count > {counter}
echo "$*" >> {counter}.log
case "$count $*" in
  {pattern}) kill -9 $PPID ;;
esac
exit $code
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """The commits of a run that nobody killed, and the git commands that it took."""
    place = tmp_path_factory.mktemp("whole")
    project = repository(place / "tiny", FILES)
    done = Genesis(place)("otp", "refactor", project, "--run-id", RUN, env=killing(place, "never"))
    assert done.returncode == 0, done.stderr
    return history(project), (place / "counter.log").read_text().splitlines()


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """The command."""
    return Genesis(tmp_path)


def killing(place: Path, pattern: str) -> dict[str, str | None]:
    """Return the environment in which a git command kills whoever called it."""
    folder = place / "killer"
    folder.mkdir(exist_ok=True)
    text = KILLER.format(real=shutil.which("git"), counter=place / "counter", pattern=pattern)
    (folder / "git").write_text(text)
    (folder / "git").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def history(project: Path) -> list[str]:
    """Return tree and subject of each commit of the work."""
    return git(project, "log", "--reverse", "--format=%T %s", f"main..{BRANCH}").splitlines()


def ends_the_same(genesis: Genesis, project: Path, commits: list[str]) -> None:
    """Resume, and see that nothing tells this run from one that nobody killed."""
    resumed = genesis("run", "--resume", RUN)

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert commits == history(project)
    assert {"refs/heads/main", f"refs/heads/{BRANCH}"} == references(project).keys()
    assert 1 == len(git(project, "worktree", "list").splitlines())


@pytest.mark.parametrize("part", [0.1, 0.3, 0.55, 0.8, 0.97])
def test_killed(
    tmp_path: Path, genesis: Genesis, whole: tuple[list[str], list[str]], part: float
) -> None:
    """After any part of the work; the user's folder is untouched meanwhile, too."""
    commits, count = whole[0], len(whole[1])
    project = repository(tmp_path / "tiny", FILES)
    before = user_state(project)["files"]
    at = killing(tmp_path, f'"{int(count * part)} "*')
    killed = genesis("otp", "refactor", project, "--run-id", RUN, env=at)

    assert killed.returncode == -signal.SIGKILL
    assert before == user_state(project)["files"]
    assert "interrupted" in genesis("runs", "list").stdout
    ends_the_same(genesis, project, commits)
    assert before == user_state(project)["files"]


@pytest.mark.parametrize(
    "command",
    ["worktree add", "commit-tree", f"update-ref refs/heads/{BRANCH}", "worktree remove"],
)
def test_killed_at(
    tmp_path: Path, genesis: Genesis, whole: tuple[list[str], list[str]], command: str
) -> None:
    """Right after the worktree is made, a commit is made, the branch is moved, all is tidied up.

    None of these is in the journal yet.
    """
    project = repository(tmp_path / "tiny", FILES)
    at = killing(tmp_path, f'*"{command}"*')
    killed = genesis("otp", "refactor", project, "--run-id", RUN, env=at)

    assert killed.returncode == -signal.SIGKILL
    ends_the_same(genesis, project, whole[0])


@pytest.mark.parametrize("kept", [1, 2, 4])
def test_killed_with_half_a_step(
    tmp_path: Path, genesis: Genesis, whole: tuple[list[str], list[str]], kept: int
) -> None:
    """Files that a step has changed, and that nothing tells of yet, do not count."""
    trees = [line.split("/trees/")[1] if "/trees/" in line else None for line in whole[1]]
    firsts = [trees.index(tree) for tree in dict.fromkeys(trees) if tree is not None]
    project = repository(tmp_path / "tiny", FILES)
    # The changed files are added to the index right before their tree is made and kept.
    adding = firsts[kept] - 1
    at = killing(tmp_path, f'"{adding} "*')
    killed = genesis("otp", "refactor", project, "--run-id", RUN, env=at)
    begun = git(genesis.home / "runs" / RUN / "tree", "status", "--porcelain")

    assert whole[1][adding - 1].endswith("add --all")
    assert killed.returncode == -signal.SIGKILL
    assert begun
    ends_the_same(genesis, project, whole[0])


def test_killed_again_and_again(
    tmp_path: Path, genesis: Genesis, whole: tuple[list[str], list[str]]
) -> None:
    """A run that is killed after every so many commands still comes to the same end."""
    commits, count = whole[0], len(whole[1])
    project = repository(tmp_path / "tiny", FILES)
    every = range(count // 3, count * 4, count // 3)
    at = killing(tmp_path, "|".join(f'"{number} "*' for number in every))
    done = genesis("otp", "refactor", project, "--run-id", RUN, env=at)
    kills = 0
    while done.returncode == -signal.SIGKILL and kills < len(every):
        kills += 1
        done = genesis("run", "--resume", RUN, env=at)

    assert done.returncode == 0, done.stderr
    assert kills >= 3
    assert commits == history(project)


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for something that another process brings about."""
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until, "it did not happen"


@pytest.mark.elixir
@pytest.mark.parametrize("turn", [1, 2], ids=["baseline", "verification"])
def test_killed_while_tests_run(tmp_path: Path, genesis: Genesis, turn: int) -> None:
    """No process outlives the command; what the tests had begun is done again."""
    halting = (
        "defmodule Tiny.HaltTest do\n  use ExUnit.Case\n\n"
        '  test "waits at one turn" do\n'
        '    File.write!("_build/turns", "x", [:append])\n'
        f'    if File.stat!("_build/turns").size == {turn}, do: Process.sleep(:infinity)\n'
        "  end\nend\n"
    )
    project = repository(
        tmp_path / "tiny", {**ONE_FLAW, **TESTS_ONLY, "test/halt_test.exs": halting}
    )
    running = genesis.start("otp", "refactor", project, "--run-id", RUN)
    turns = genesis.home / "runs" / RUN / "tree" / "_build" / "turns"
    wait_until(lambda: turns.exists() and turns.stat().st_size == turn)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()

    wait_until(lambda: not processes_in(turns.parent.parent))
    resumed = genesis("run", "--resume", RUN)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "1 fixed" in resumed.stdout
    assert 1 == len(history(project))
    assert "lib/tiny/words.ex" == git(project, "diff", "--name-only", "main", BRANCH)


def processes_in(folder: Path) -> list[str]:
    """Return the processes that were started in a folder or below."""
    listed = subprocess.run(
        ["sh", "-c", "ls -l /proc/[0-9]*/cwd 2>/dev/null"],
        capture_output=True, text=True, check=False,
    ).stdout.splitlines()  # fmt: skip
    return [line for line in listed if str(folder) in line]
