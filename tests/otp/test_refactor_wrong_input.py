"""Wrong input and a poor environment: one clear message, the right exit code, nothing changed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import Genesis, commits, git, user_state
from support.elixir import NO_CHECKS, ONE_FLAW, TESTS_ONLY, THREE_FLAWS, repository, write

QUICK = {**ONE_FLAW, **NO_CHECKS}


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """The command."""
    return Genesis(tmp_path)


@pytest.fixture
def unharmed() -> Iterator[Callable[[Path], Path]]:
    """Watch a project: at the end it must be as it is now, without a branch more."""
    watched: list[tuple[Path, dict[str, Any]]] = []

    def watch(project: Path) -> Path:
        watched.append((project, user_state(project)))
        return project

    yield watch
    for project, before in watched:
        assert before == user_state(project)


def tools(folder: Path, *without: str) -> str:
    """Return a PATH that lacks some programs."""
    folder.mkdir()
    for name in ("git", "mix", "elixir", "elixirc", "erl", "bwrap", "sh", "cp", "env", "uname"):
        found = shutil.which(name)
        if found and name not in without:
            (folder / name).symlink_to(found)
    return str(folder)


def wait_until(happened: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    """Wait for something that a running command brings about."""
    until = time.monotonic() + 60
    while not happened():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until, "it did not happen"


@pytest.mark.parametrize("command", ["scan", "refactor"])
@pytest.mark.parametrize("name", ["nowhere", "empty", "file.txt"])
def test_no_project(tmp_path: Path, genesis: Genesis, command: str, name: str) -> None:
    """A path without a mix project is a wrong argument."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("text")
    said = genesis.said(genesis("otp", command, tmp_path / name), 2)

    assert said.startswith("error: ")
    assert name in said
    assert said.endswith("name the folder that holds the project's mix.exs")
    assert len(said.splitlines()) == 1


def test_no_mix(tmp_path: Path, genesis: Genesis, unharmed: Callable[[Path], Path]) -> None:
    """Without mix there is nothing to verify with: exit 4, and how to install it."""
    project = unharmed(repository(tmp_path / "tiny"))
    path = tools(tmp_path / "bin", "mix", "elixir", "elixirc", "erl")
    said = genesis.said(genesis("otp", "refactor", project, env={"PATH": path}), 4)

    assert said.startswith("error: mix is not installed; install Elixir (")
    assert said.splitlines()[1].startswith("then go on with: genesis run --resume ")


def test_no_git(tmp_path: Path, genesis: Genesis, unharmed: Callable[[Path], Path]) -> None:
    """Without git there is no branch to work on: exit 4."""
    project = unharmed(repository(tmp_path / "tiny", QUICK))
    path = tools(tmp_path / "bin", "git")
    said = genesis.said(genesis("otp", "refactor", project, env={"PATH": path}), 4)

    assert said.startswith("error: git is not installed; ")
    assert len(said.splitlines()) == 1


def test_scan_needs_nothing(tmp_path: Path, genesis: Genesis) -> None:
    """A scan needs neither git nor mix."""
    project = repository(tmp_path / "tiny", QUICK)
    scanned = genesis("otp", "scan", project, env={"PATH": str(tmp_path)})

    assert (0, "") == (scanned.returncode, scanned.stderr)
    assert "OTP053" in scanned.stdout


def test_unwritable_home(
    tmp_path: Path, genesis: Genesis, unharmed: Callable[[Path], Path]
) -> None:
    """A home that cannot be written to is named: exit 4."""
    project = unharmed(repository(tmp_path / "tiny", QUICK))
    (tmp_path / "taken").write_text("a file")
    home = str(tmp_path / "taken" / "home")
    said = genesis.said(genesis("otp", "refactor", project, env={"GENESIS_HOME": home}), 4)

    assert home in said
    assert len(said.splitlines()) == 1


def test_bad_settings(tmp_path: Path, genesis: Genesis, unharmed: Callable[[Path], Path]) -> None:
    """A misspelt key, a value of the wrong type, an unknown section: exit 2, file and key named."""
    for text, expected in (
        ("[verify]\ntest_timeout = 3\n", "did you mean 'test_timeout_s'?"),
        ("[verify]\nmemory_mb = 1\n", "[verify] memory_mb: "),
        ("[verfy]\n", "unknown section [verfy]; did you mean 'verify'?"),
        ("[verify\n", "line 1"),
    ):
        folder = tmp_path / str(abs(hash(text)))
        project = unharmed(repository(folder, {**ONE_FLAW, "genesis.toml": text}))
        said = genesis.said(genesis("otp", "refactor", project), 2)
        assert expected in said
        assert str(project / "genesis.toml") in said
        assert len(said.splitlines()) == 1


def test_unknown_rule(tmp_path: Path, genesis: Genesis, unharmed: Callable[[Path], Path]) -> None:
    """A rule that is not there: exit 2, and the one that was meant."""
    project = unharmed(repository(tmp_path / "tiny", QUICK))
    said = genesis.said(genesis("otp", "refactor", project, "--only", "OTP001,dynamic-atoms"), 2)

    assert "error: no rule named 'dynamic-atoms'; did you mean 'dynamic-atom'?" == said


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ("taken", "branch 'taken' exists already"),
        ("main", "branch 'main' exists already"),
        ("no..name", "'no..name' is no name for a branch"),
    ],
)
def test_bad_branch(
    tmp_path: Path,
    genesis: Genesis,
    unharmed: Callable[[Path], Path],
    branch: str,
    expected: str,
) -> None:
    """A branch that is there already is never moved; a name that is none is refused."""
    project = repository(tmp_path / "tiny", QUICK)
    git(project, "branch", "taken")
    said = genesis.said(genesis("otp", "refactor", unharmed(project), "--branch", branch), 2)

    assert said.startswith(f"error: {expected}")
    assert len(said.splitlines()) == 1


def test_unparsable_file(tmp_path: Path, genesis: Genesis) -> None:
    """A file that does not parse is named; the others are repaired."""
    broken = {"lib/tiny/broken.ex": "defmodule Tiny.Broken do\n  def (\n"}
    project = repository(tmp_path / "tiny", {**QUICK, **broken})
    result = genesis.refactor(project)
    changed = git(project, "diff", "--name-only", result["base"], result["branch"])

    assert ["fixed"] == [item["status"] for item in result["items"]]
    assert "lib/tiny/words.ex" == changed
    assert "lib/tiny/broken.ex" in Path(result["report"]).read_text()
    assert ["lib/tiny/broken.ex"] == [lost["file"] for lost in result["unparsed"]]
    shown = genesis("otp", "refactor", project, "--branch", "second")
    assert "\nnot read: lib/tiny/broken.ex: syntax error" in shown.stdout


@pytest.mark.elixir
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"lib/tiny/half.ex": "defmodule Tiny.Half do\n  def f, do: g()\nend\n"},
            "the project does not compile before any change: mix compile",
        ),
        (
            {
                "test/hang_test.exs": "defmodule HangTest do\n  use ExUnit.Case\n"
                '  test "hangs", do: Process.sleep(:infinity)\nend\n',
                "genesis.toml": '[verify]\nformat = ""\ncredo = ""\ntest_timeout_s = 4\n',
            },
            "the project's tests do not end before any change: mix test",
        ),
        (
            {"test/half_test.exs": "defmodule HalfTest do\n"},
            "the project's tests cannot be run before any change: mix test",
        ),
    ],
    ids=["does not compile", "hangs", "broken test file"],
)
def test_unusable_baseline(
    tmp_path: Path,
    genesis: Genesis,
    unharmed: Callable[[Path], Path],
    files: dict[str, str],
    expected: str,
) -> None:
    """A project that cannot be verified as it is: exit 1, what was said, no branch."""
    project = unharmed(repository(tmp_path / "tiny", {**ONE_FLAW, **files}))
    said = genesis.said(genesis("otp", "refactor", project), 1)

    assert said.startswith(f"error: {expected}")
    assert said.endswith("nothing was changed; mend it, commit, and run this again")
    assert 1 == said.count("error: the project")


@pytest.mark.elixir
def test_interrupted(tmp_path: Path, genesis: Genesis) -> None:
    """Ctrl-C ends with 130 and the command that goes on; that ends with the same branch."""
    project = repository(tmp_path / "tiny", {**THREE_FLAWS, **TESTS_ONLY})
    whole = genesis.refactor(project, "--run-id", "whole")
    before = user_state(project)
    running = genesis.start("otp", "refactor", project, "--run-id", "halted")

    def committed() -> bool:
        return (
            "refs/heads/genesis/halted" in git(project, "for-each-ref")
            and len(commits(project, "main", "genesis/halted")) == 1
        )

    wait_until(committed, running)
    running.send_signal(signal.SIGINT)
    out, said = running.communicate(timeout=60)
    resumed = genesis("run", "--resume", "halted")

    assert (130, "") == (running.returncode, out)
    assert "interrupted; go on with: genesis run --resume halted" == said.strip()
    assert 0 == resumed.returncode, resumed.stderr
    assert "3 fixed" in resumed.stdout
    tree = git(project, "rev-parse", f"{whole['branch']}^{{tree}}")
    assert tree == git(project, "rev-parse", "genesis/halted^{tree}")
    assert 3 == len(commits(project, "main", "genesis/halted"))
    after = user_state(project)
    after["refs"].pop("refs/heads/genesis/halted")
    assert before == after


def test_two_at_once(tmp_path: Path, genesis: Genesis) -> None:
    """A second refactor of one project is refused and names the first, which goes on."""
    project = repository(tmp_path / "tiny", {**QUICK, "wait": "", "genesis.toml": WAITING})
    first = genesis.start("otp", "refactor", project, "--run-id", "first")
    wait_until(lambda: bool(list(genesis.home.glob("runs/first/tree/_build/waits"))), first)
    second = genesis("otp", "refactor", project, "--run-id", "second")
    tree = genesis.home / "runs" / "first" / "tree"
    (tree / "_build" / "goes").write_text("")
    _, said_first = first.communicate(timeout=60)

    said = genesis.said(second, 4)
    assert said.startswith(
        f"error: {project} is being worked on by run first (process {first.pid})"
    )
    assert 0 == first.returncode, said_first
    assert 1 == len(commits(project, "main", "genesis/first"))
    assert "second" not in git(project, "for-each-ref")


WAITING = """\
[verify]
format = ""
compile = ["sh", "-c", "mkdir -p _build; : > _build/waits; until [ -e _build/goes ]; do :; done"]
test = ""
credo = ""
"""


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that the state of a run begins to fit on."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1000k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("filler_kb", [0, 500, 760, 900, 960])
def test_full_disk(tmp_path: Path, genesis: Genesis, tiny_disk: Path, filler_kb: int) -> None:
    """A disk that is full at once or in the middle: exit 4, one message, the project as it was.

    Only where there are commits already is their branch kept, for the run to be taken up.
    """
    project = repository(tmp_path / "tiny", {**THREE_FLAWS, **NO_CHECKS})
    before = user_state(project)
    (tiny_disk / "filler").write_bytes(b"x" * filler_kb * 1024)
    home = {"GENESIS_HOME": str(tiny_disk / "home")}
    said = genesis.said(genesis("otp", "refactor", project, "--run-id", "one", env=home), 4)
    after = user_state(project)

    assert said.startswith("error: ")
    assert said.splitlines()[1:] in ([], ["then go on with: genesis run --resume one"])
    assert any(words in said for words in ("disk is full", "no space left", "disk I/O error"))
    if "refs/heads/genesis/one" in after["refs"]:
        assert commits(project, "main", "genesis/one")
        for state in (before, after):
            del state["refs"], state["worktrees"]
    assert before == after


def test_room_again(tmp_path: Path, genesis: Genesis, tiny_disk: Path) -> None:
    """With room on the disk again a run that was ended for want of it is taken up."""
    project = repository(tmp_path / "tiny", {**THREE_FLAWS, **NO_CHECKS})
    home = {"GENESIS_HOME": str(tiny_disk / "home")}
    ended = genesis("otp", "refactor", project, "--run-id", "one", env=home)
    subprocess.run(["mount", "-o", "remount,size=9m", str(tiny_disk)], check=True)
    resumed = genesis("run", "--resume", "one", env=home)

    assert (4, 0) == (ended.returncode, resumed.returncode), resumed.stderr
    assert 3 == len(commits(project, "main", "genesis/one"))


def test_plan_that_cannot_be_written(tmp_path: Path, genesis: Genesis) -> None:
    """An output folder that cannot be made: exit 4, and its name."""
    project = write(tmp_path / "tiny", QUICK)
    (tmp_path / "taken").write_text("a file")
    said = genesis.said(genesis("otp", "plan", project, "--out", tmp_path / "taken" / "plan"), 4)

    assert f"error: cannot write to {tmp_path / 'taken' / 'plan'}: Not a directory" == said
