"""`genesis otp refactor`: its options, its questions, its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command import Genesis, commits, git, references, user_state
from support.elixir import BASE, NO_CHECKS, THREE_FLAWS, repository

FILES = {**THREE_FLAWS, **NO_CHECKS}


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """The command."""
    return Genesis(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with three flaws that rules repair; no check takes time."""
    return repository(tmp_path / "tiny [old]", FILES)


def test_summary(genesis: Genesis, project: Path) -> None:
    """A line an item with its commit, the tests, the branch, the report; no colour in a pipe."""
    done = genesis("otp", "refactor", project, "--run-id", "one")
    lines = done.stdout.splitlines()
    made = commits(project, "main", "genesis/one")

    assert (0, "") == (done.returncode, done.stderr)
    for line, commit, place in zip(
        lines, made, ("jobs.ex:5", "jobs.ex:9", "words.ex:4"), strict=False
    ):
        assert line.endswith(commit[:10])
        assert f"lib/tiny/{place} " in line
    assert "done: 3 fixed" in lines
    assert "tests: 0 with 0 failures before, 0 with 0 failures after" in lines
    assert f"branch: genesis/one in {project}" in lines
    assert f"report: {genesis.home / 'reports' / 'one.html'}" == lines[-1]
    assert "\x1b" not in done.stdout


def test_nothing_to_do(tmp_path: Path, genesis: Genesis) -> None:
    """A project without a flaw: exit 0, no branch, and no check is run."""
    project = repository(tmp_path / "tiny", BASE)
    before = user_state(project)
    result = genesis.refactor(project)
    said = genesis("otp", "refactor", project)

    assert ("nothing_to_do", [], None) == (result["status"], result["items"], result["branch"])
    assert "nothing to do: no flaw was found" in said.stdout
    assert before == user_state(project)
    assert not [event for event in genesis.events(result["run_id"]) if "argv" in event]


def test_dry_run(genesis: Genesis, project: Path) -> None:
    """The plan, as text or JSON; nothing is changed."""
    before = user_state(project)
    text = genesis("otp", "refactor", project, "--dry-run")
    told = genesis("otp", "refactor", project, "--dry-run", "--json", "--max-items", "2")
    plan = json.loads(told.stdout)

    assert "S1-01 OTP001 lib/tiny/jobs.ex:5 (rule)" in text.stdout
    assert text.stdout.endswith("3 items; nothing was changed\n")
    assert ["OTP001", "OTP009"] == [item["rule"] for item in plan["items"]]
    assert before == user_state(project)


def test_dry_run_with_uncommitted_changes(genesis: Genesis, project: Path) -> None:
    """A dry run looks at the files as they are, and says that a refactor would not."""
    flaw = "defmodule Tiny.New do\n  def f(x), do: String.to_atom(x)\nend\n"
    (project / "lib" / "new.ex").write_text(flaw)
    done = genesis("otp", "refactor", project, "--dry-run", "--json")

    assert "lib/new.ex" in {item["file"] for item in json.loads(done.stdout)["items"]}
    assert "note: 1 file has uncommitted changes, which the work does not see\n" == done.stderr
    assert "lib/new.ex" not in {item["file"] for item in genesis.refactor(project)["items"]}


def test_max_items(genesis: Genesis, project: Path) -> None:
    """So many items of the plan, in its order."""
    result = genesis.refactor(project, "--max-items", "2")

    assert ["OTP001", "OTP009"] == [item["rule"] for item in result["items"]]
    assert 2 == len(commits(project, "main", result["branch"]))


def test_only(genesis: Genesis, project: Path) -> None:
    """The rules that are named; the others' findings are no new ones."""
    result = genesis.refactor(project, "--only", "call-with-infinite-timeout,OTP053")

    assert ["OTP009", "OTP053"] == [item["rule"] for item in result["items"]]
    assert "done" == result["status"]


def test_goal(genesis: Genesis, project: Path) -> None:
    """The goal heads the report, escaped."""
    result = genesis.refactor(project, "--goal", "Never <lose> an order")

    assert "Never &lt;lose&gt; an order" in Path(result["report"]).read_text()


def test_ask(genesis: Genesis, project: Path) -> None:
    """Without a terminal the question suspends the run; answered, it goes on to the end."""
    before = user_state(project)["files"]
    asked = genesis("otp", "refactor", project, "--ask", "--run-id", "one")
    early = genesis("run", "--resume", "one")
    answered = genesis("runs", "answer", "one", "approve")
    resumed = genesis("run", "--resume", "one")

    assert (1, "") == (asked.returncode, asked.stdout)
    question, *advice = asked.stderr.splitlines()
    assert question.startswith("it asks: Carry out 3 items on a branch of their own?")
    assert [
        "answer with: genesis runs answer one approve",
        "go on with: genesis run --resume one",
    ] == advice
    assert 1 == early.returncode
    assert 0 == answered.returncode
    assert 0 == resumed.returncode
    assert "done: 3 fixed" in resumed.stdout
    assert before == user_state(project)["files"]


def test_ask_in_json(genesis: Genesis, project: Path) -> None:
    """With `--json` the question is in the document."""
    result = genesis.refactor(project, "--ask", code=1)

    assert ("failed", []) == (result["status"], result["items"])
    assert result["error"].startswith("Carry out 3 items on a branch of their own?")


def test_rejected(genesis: Genesis, project: Path) -> None:
    """Answered no, the run ends; nothing is left of it in the repository."""
    refs = references(project)
    genesis("otp", "refactor", project, "--ask", "--run-id", "one")
    genesis("runs", "answer", "one", "reject")
    resumed = genesis("run", "--resume", "one")

    assert 1 == resumed.returncode
    assert "was answered 'reject'" in resumed.stdout + resumed.stderr
    assert refs == references(project)
    assert 1 == len(git(project, "worktree", "list").splitlines())


def test_approve(genesis: Genesis, project: Path) -> None:
    """`--approve` answers the question beforehand."""
    assert "done" == genesis.refactor(project, "--ask", "--approve")["status"]


def test_relative_path(genesis: Genesis, project: Path) -> None:
    """The current folder is as good as a path."""
    done = genesis("otp", "refactor", ".", "--json", cwd=project)

    assert 0 == done.returncode, done.stderr
    assert str(project) == json.loads(done.stdout)["project"]


@pytest.mark.parametrize(
    ("option", "code", "expected"),
    [
        (("--max-attempts", "0"), 2, "'--max-attempts': "),
        (("--max-items", "-1"), 2, "'--max-items': "),
        (("--max-item", "1"), 2, "No such option: --max-item"),
        (("--provider", "nobody"), 3, "nobody: it is not registered"),
    ],
)
def test_wrong_options(
    genesis: Genesis, project: Path, option: tuple[str, ...], code: int, expected: str
) -> None:
    """A wrong option is named, and nothing is begun."""
    before = user_state(project)
    done = genesis("otp", "refactor", project, *option)

    assert (code, "") == (done.returncode, done.stdout)
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert before == user_state(project)


def test_same_run_twice(genesis: Genesis, project: Path) -> None:
    """A run id that is taken is refused, and the first run stays as it is."""
    genesis.refactor(project, "--run-id", "one")
    before = user_state(project)
    said = genesis.said(genesis("otp", "refactor", project, "--run-id", "one"), 2)

    assert "'one'" in said
    assert 1 == len(said.splitlines())
    assert before == user_state(project)
