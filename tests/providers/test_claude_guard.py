"""What the agent's tools may not do: leave the project, or write where the step may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otp_genesis.errors import BudgetReached, CodebaseError
from otp_genesis.loopback.anthropic import tool_use
from providers.claude_bench import EDITS, ClaudeBench

ALL = {"permission_mode": "bypass_permissions"}


@pytest.fixture
def bench(tmp_path: Path) -> ClaudeBench:
    """A project with a way out of it."""
    bench = ClaudeBench(tmp_path)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("plover")
    (bench.project / "out").symlink_to(tmp_path / "outside")
    (bench.project / ".git").mkdir()
    (bench.project / ".git" / "config").write_text("plover")
    (bench.project / "a.txt").write_text("inside\n")
    return bench


def test_no_path_leads_out(bench: ClaudeBench) -> None:
    """Absolute, with `..`, by a link, into .git: to read as to write, though all is permitted."""
    outside, root = str(bench.folder / "outside" / "secret.txt"), str(bench.project)
    calls = [
        tool_use("Read", file_path=outside),
        tool_use("Read", file_path=f"{root}/../outside/secret.txt"),
        tool_use("Read", file_path=f"{root}/out/secret.txt"),
        tool_use("Read", file_path=f"{root}/.git/config"),
        tool_use("Read", file_path="~/x"),
        tool_use("Glob", pattern="*", path=str(bench.folder)),
        tool_use("Glob", pattern="../outside/*"),
        tool_use("Glob", pattern=".g*/*"),
        tool_use("Glob", pattern="{.git,lib}/*"),
        tool_use("Glob", pattern="**/.git/config"),
        tool_use("Grep", pattern="plover", glob=".git/**"),
        tool_use("Grep", pattern="plover", glob="../**"),
        tool_use("Glob", pattern=f"{bench.folder}/outside/*"),
        tool_use("Grep", pattern="plover", path=f"{root}/out"),
        tool_use("Grep", pattern="plover", path="..", output_mode="content"),
        tool_use("Grep", pattern="plover", path=f"{root}/.git", output_mode="content"),
        tool_use("Write", file_path=str(bench.folder / "new.txt"), content="x"),
        tool_use("Write", file_path=f"{root}/out/new.txt", content="x"),
        tool_use("Write", file_path=f"{root}/.git/hooks/pre-commit", content="x"),
        tool_use("Edit", file_path=outside, old_string="plover", new_string="x"),
        tool_use("NotebookEdit", notebook_path=f"{root}/out/a.ipynb", new_source="x"),
    ]
    bench.run([calls, "I could not."], options=ALL)

    assert len(bench.denials) == len(calls)
    assert [one for one in bench.said() if "plover" in one and "outside" not in one] == []
    assert "plover" not in json.dumps(
        bench.server.asked[1].body["messages"][-1]["content"]
    ).replace('"plover"', "")
    assert bench.writes == 0
    assert sorted(one.name for one in (bench.folder / "outside").iterdir()) == ["secret.txt"]
    assert not (bench.folder / "new.txt").exists()
    assert "outside the project" in bench.denials[0]


def test_paths_inside_are_free(bench: ClaudeBench) -> None:
    """Relative or absolute; a search finds what is in the project, and nothing of .git."""
    root = str(bench.project)
    bench.run(
        [
            [
                tool_use("Read", file_path=f"{root}/a.txt"),
                tool_use("Grep", pattern="plover|inside", output_mode="content"),
                tool_use("Glob", pattern="**/*.txt"),
                tool_use("Glob", pattern=".gitignore"),
                tool_use("Glob", pattern=".github/**"),
                tool_use("Glob", pattern=f"{root}/*.{{txt,ex}}"),
            ],
            [tool_use("Write", file_path=f"{root}/lib/new.txt", content="new\n")],
            "done",
        ],
        options=ALL,
    )

    assert bench.denials == []
    assert (bench.project / "lib" / "new.txt").read_text() == "new\n"
    assert "plover" not in str(bench.said())
    assert bench.writes == 1


def test_a_step_that_may_not_write(bench: ClaudeBench) -> None:
    """The model is told why, for files and for commands, and may still read."""

    async def refuse() -> None:
        raise CodebaseError("this step only looks")

    bench.about_to_write = refuse
    root = str(bench.project)
    bench.run(
        [
            [
                tool_use("Read", file_path=f"{root}/a.txt"),
                tool_use("Write", file_path=f"{root}/new.txt", content="x"),
                tool_use("Bash", command="touch made", description="d"),
            ],
            "I only looked.",
        ],
        options=ALL,
    )

    assert [one.split(": ")[-1] for one in bench.denials] == ["this step only looks"] * 2
    assert sorted(one.name for one in bench.project.iterdir()) == [".git", "a.txt", "out"]


def test_what_ends_the_run_ends_the_call(bench: ClaudeBench) -> None:
    """Another error of the step's is raised when the agent is done, and nothing was written."""

    async def spent() -> None:
        raise BudgetReached("nothing is left")

    bench.about_to_write = spent
    file = str(bench.project / "new.txt")
    with pytest.raises(BudgetReached, match="nothing is left"):
        bench.run([[tool_use("Write", file_path=file, content="x")], "well"], options=ALL)

    assert not Path(file).exists()
    assert len(bench.server.asked) == 1


def test_what_is_not_allowed_is_not_done(bench: ClaudeBench) -> None:
    """Without a word of the step's the agent reads; nobody is there to be asked for more."""
    root = str(bench.project)
    calls = [
        tool_use("Write", file_path=f"{root}/new.txt", content="x"),
        tool_use("Bash", command="touch made", description="d"),
    ]
    bench.run([[tool_use("Read", file_path=f"{root}/a.txt")], calls, "no"])

    assert len(bench.denials) == 2
    assert not (bench.project / "new.txt").exists()
    assert not (bench.project / "made").exists()


def test_edits_may_be_accepted(bench: ClaudeBench) -> None:
    """`accept_edits` is about files: commands are allowed by name."""
    calls = [
        tool_use("Write", file_path=str(bench.project / "new.txt"), content="x"),
        tool_use("Bash", command="touch made", description="d"),
    ]
    bench.run([calls, "half"], options=EDITS)

    assert (bench.project / "new.txt").read_text() == "x"
    assert not (bench.project / "made").exists()
    assert ["allowed_tools" in one for one in bench.denials] == [True]


def test_tools_that_are_not_named_are_not_offered(bench: ClaudeBench) -> None:
    """`allowed_tools` is all that the model is told of; `disallowed_tools` takes away."""
    bench.run(["ok"], options={"allowed_tools": ["Read", "Grep"]})
    bench.run(["ok"], options={"permission_mode": "plan", "disallowed_tools": ["Bash", "Task"]})
    offered = {one["name"] for one in bench.server.asked[0].body["tools"]}

    assert not offered & {"Bash", "Task", "Agent"}
    assert {"Read", "Edit"} <= offered
