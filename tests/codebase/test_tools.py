"""The codebase as functions for a model: real files, real commands, every path in the jail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from codebase.conftest import DATE
from otp_genesis.codebase.folder import FolderCodebase
from otp_genesis.codebase.tools import MOST_CHARACTERS, codebase_tools
from otp_genesis.contracts.tool import ToolFailed

NAMES = ["edit_file", "list_files", "read_file", "run_tests", "search", "write_file"]
TESTS = ("sh", "-c", 'echo "ran with $MIX_ENV: $*"; exit 3', "tests")


def calls(
    folder: Path, env: Mapping[str, str], *wanted: tuple[str, dict[str, Any]], tests: Any = None
) -> list[str]:
    """Return what each call says; of one that fails, `failed: ` and the message."""

    async def go() -> list[str]:
        codebase = await FolderCodebase.open(
            folder, folder.parent / "state", "r", commit_date=DATE, env=env
        )
        tools = codebase_tools(codebase, tests)
        said = []
        for name, arguments in wanted:
            jsonschema.validate(arguments, dict(tools[name].parameters))
            try:
                said.append(await tools[name].call(arguments))
            except ToolFailed as error:
                said.append(f"failed: {error}")
        return said

    return asyncio.run(go())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with two files."""
    folder = tmp_path / "project"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "a.ex").write_text("defmodule A do\n  def a, do: 1\nend\n")
    (folder / "notes.md").write_text("# Notes\n")
    return folder


def test_they_look(project: Path, env: Mapping[str, str]) -> None:
    """Files are read whole or in part, listed and searched."""
    said = calls(
        project,
        env,
        ("read_file", {"path": "lib/a.ex"}),
        ("read_file", {"path": "lib/a.ex", "first_line": 2, "last_line": 2}),
        ("list_files", {}),
        ("list_files", {"pattern": "**/*.ex"}),
        ("search", {"pattern": "def a"}),
        ("search", {"pattern": "nothing of it"}),
        ("list_files", {"pattern": "*.zip"}),
    )

    assert said == [
        "1\tdefmodule A do\n2\t  def a, do: 1\n3\tend",
        "2\t  def a, do: 1",
        "lib/a.ex\nnotes.md",
        "lib/a.ex",
        "lib/a.ex:2:   def a, do: 1",
        "no line matches",
        "no file matches",
    ]


def test_they_change(project: Path, env: Mapping[str, str]) -> None:
    """An edit and a new file are there afterwards."""
    calls(
        project,
        env,
        ("edit_file", {"path": "lib/a.ex", "old": "do: 1", "new": "do: 2"}),
        ("write_file", {"path": "test/a_test.exs", "text": "x\n"}),
    )

    assert (project / "lib" / "a.ex").read_text() == "defmodule A do\n  def a, do: 2\nend\n"
    assert (project / "test" / "a_test.exs").read_text() == "x\n"


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("read_file", {"path": "../secret"}, "outside the project"),
        ("read_file", {"path": "/etc/passwd"}, "outside the project"),
        ("read_file", {"path": ".git/config"}, "outside the project"),
        ("write_file", {"path": "../x", "text": ""}, "outside the project"),
        ("edit_file", {"path": "lib/a.ex", "old": "zzz", "new": "y"}, "lib/a.ex"),
        ("edit_file", {"path": "lib/b.ex", "old": "a", "new": "b"}, "lib/b.ex"),
        ("read_file", {"path": "lib/a.ex", "first_line": 9}, "has 3 lines"),
        ("search", {"pattern": "("}, "("),
        ("run_tests", {"paths": ["--no-start"]}, "there is no file '--no-start'"),
        ("run_tests", {"paths": ["../x_test.exs"]}, "outside the project"),
        ("run_tests", {}, "there is no mix.exs or pyproject.toml"),
    ],
)
def test_they_refuse(
    project: Path, env: Mapping[str, str], name: str, arguments: dict[str, Any], why: str
) -> None:
    """What cannot be done is told to the model, which can go on."""
    (said,) = calls(project, env, (name, arguments))

    assert said.startswith("failed: ")
    assert why in said


def test_they_run_the_tests(project: Path, env: Mapping[str, str]) -> None:
    """The command of the settings, or of the kind of project, with the exit and what it says."""
    (said,) = calls(project, env, ("run_tests", {"paths": ["notes.md"]}), tests=TESTS)

    assert said.endswith("exit 3\nran with test: notes.md")


def test_what_is_long_is_cut_in_the_middle(project: Path, env: Mapping[str, str]) -> None:
    """The beginning and the end stay, and how much is left out is said."""
    (project / "long.txt").write_text("".join(f"line {number}\n" for number in range(20_000)))

    (said,) = calls(project, env, ("read_file", {"path": "long.txt"}))

    assert len(said) < MOST_CHARACTERS + 100
    assert said.startswith("1\tline 0\n")
    assert "characters left out" in said
    assert said.endswith("20000\tline 19999")


def test_they_say_what_they_take(project: Path, env: Mapping[str, str]) -> None:
    """Each has a JSON Schema that takes no unknown argument; those that write say so."""

    async def go() -> dict[str, tuple[bool, bool]]:
        codebase = await FolderCodebase.open(
            project, project.parent / "state", "r", commit_date=DATE, env=env
        )
        tools = codebase_tools(codebase)
        for tool in tools.values():
            jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(tool.parameters)))
        closed = {n: tool.parameters["additionalProperties"] is False for n, tool in tools.items()}
        return {name: (closed[name], tool.writes) for name, tool in tools.items()}

    told = asyncio.run(go())

    assert sorted(told) == NAMES
    assert all(closed for closed, _ in told.values())
    assert [name for name, (_, writes) in told.items() if writes] == [
        "edit_file",
        "write_file",
        "run_tests",
    ]
