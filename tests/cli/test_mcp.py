"""`genesis mcp`: the real server, started as a program, asked by the official client."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import GENESIS, Genesis
from mcp import Client, StdioServerParameters

ROOT = Path(__file__).parent.parent.parent
NAMES = [
    "explain", "list_files", "plan", "read_file", "refactor_item", "run_tests", "scan", "search",
]  # fmt: skip
Calls = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def shaky(tmp_path: Path) -> Path:
    """A copy of the example project in a repository of its own."""
    project = tmp_path / "shaky"
    ignored = shutil.ignore_patterns("_build", "deps")
    shutil.copytree(ROOT / "examples" / "shaky_otp", project, ignore=ignored)
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "as it is"]):
        subprocess.run(["git", *identity, *command], cwd=project, check=True)
    return project


def asked(project: Path, environ: Mapping[str, str], calls: Calls) -> list[Any]:
    """Start the server, make the calls, and return what each says; of a failure, its text."""
    command, *arguments = [*GENESIS, "mcp", "--project", str(project)]
    server = StdioServerParameters(command=command, args=arguments, env=dict(environ))

    async def go() -> list[Any]:
        async with Client(server) as client:
            names = sorted(tool.name for tool in (await client.list_tools()).tools)
            said: list[Any] = [names]
            for name, given in calls:
                result = await client.call_tool(name, given)
                text = "".join(part.text for part in result.content if part.type == "text")
                said.append(f"failed: {text}" if result.is_error else _data(text))
            return said

    return asyncio.run(go())


def _data(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else text


def test_an_agent_finds_and_reads(shaky: Path, environ: dict[str, str]) -> None:
    """It scans, has a rule explained, reads, lists and searches."""
    names, report, grave, page, text, files, found = asked(
        shaky,
        environ,
        [
            ("scan", {}),
            ("scan", {"only": ["OTP001"], "severity": "critical"}),
            ("explain", {"rule": "OTP001"}),
            ("read_file", {"path": "mix.exs", "last_line": 1}),
            ("list_files", {"pattern": "*.exs"}),
            ("search", {"pattern": "defmodule .*MixProject"}),
        ],
    )

    assert names == NAMES
    assert len(report["findings"]) > 10
    assert {one["rule"] for one in grave["findings"]} <= {"OTP001"}
    assert page.startswith("# OTP001 unsupervised-spawn")
    assert text.startswith("1\tdefmodule")
    assert "mix.exs" in files.splitlines()
    assert found.startswith("mix.exs:1:")


def test_what_goes_wrong_is_told(shaky: Path, environ: dict[str, str]) -> None:
    """Names that nobody knows, paths that lead out: the agent reads why."""
    _, rule, severity, path, finding = asked(
        shaky,
        environ,
        [
            ("explain", {"rule": "OTP999"}),
            ("scan", {"severity": "deadly"}),
            ("read_file", {"path": "../secret"}),
            ("refactor_item", {"fingerprint": "nothing"}),
        ],
    )

    assert "no rule named 'OTP999'" in rule
    assert "no severity named 'deadly'" in severity
    assert "'../secret' is outside the project" in path
    assert "no finding 'nothing' can be an item; scan again" in finding


def test_the_tests_are_those_of_the_settings(shaky: Path, environ: dict[str, str]) -> None:
    """What `[verify]` names runs, written as one text, too."""
    (shaky / "genesis.toml").write_text('[verify]\ntest = "echo our own tests"\n')
    _, said = asked(shaky, environ, [("run_tests", {})])

    assert said == "echo our own tests: exit 0\nour own tests"


@pytest.mark.elixir
def test_an_agent_has_one_flaw_repaired(shaky: Path, environ: dict[str, str]) -> None:
    """One finding is repaired, proved, committed on its own branch; the checkout stays."""
    _, plan = asked(shaky, environ, [("plan", {"only": ["OTP001"]})])
    item = next(one for one in plan["items"] if one["by"] == "rule")
    call = {"fingerprint": item["finding"]["fingerprint"], "branch": "genesis/one"}
    _, done, tests = asked(shaky, environ, [("refactor_item", call), ("run_tests", {})])
    log = ["git", "log", "--format=%s", "HEAD..genesis/one"]
    commits = subprocess.run(log, cwd=shaky, capture_output=True, text=True, check=True).stdout
    status = ["git", "status", "--porcelain"]
    left = subprocess.run(status, cwd=shaky, capture_output=True, text=True, check=True).stdout

    assert [(one["rule"], one["status"]) for one in done["items"]] == [("OTP001", "fixed")]
    assert len(commits.splitlines()) == 1
    assert left == ""
    assert "0 failures" in tests


def test_it_needs_a_project(genesis: Genesis, folder: Path) -> None:
    """A folder without mix.exs is told in one line."""
    done = genesis("mcp", "--project", folder)

    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no mix.exs; name the folder that holds the project's mix.exs" in done.stderr
