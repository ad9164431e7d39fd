"""`[verify]` in `genesis.toml`: other commands, environment, limits, network; and credo."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from support.command import Genesis, git
from support.elixir import ONE_FLAW, THREE_FLAWS, repository
from support.python import PYTHON

from otp_genesis.codebase.bubblewrap import choose_sandbox
from otp_genesis.errors import UsageError
from otp_genesis.otp.verify_settings import VerifySettings
from otp_genesis.settings import Settings

SANDBOX = asyncio.run(choose_sandbox(dict(os.environ))).sandbox.name
OFF = 'format = ""\ncompile = ""\ncredo = ""\n'


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """The command."""
    return Genesis(tmp_path)


def commands(genesis: Genesis, result: dict[str, Any]) -> list[list[str]]:
    """Return what was run, in order."""
    return [event["argv"] for event in genesis.events(result["run_id"]) if "argv" in event]


def test_defaults() -> None:
    """Without the section it is mix, in the test environment, without network."""
    settings = Settings(Path()).section("verify", VerifySettings)

    assert ("mix", "test") == settings.test
    assert {"MIX_ENV": "test"} == settings.environment
    assert not settings.network


def test_words() -> None:
    """A command is a text that is split as a shell would, or a list that is taken as it is."""
    section = {"test": "mix test --exclude 'a b'", "compile": ["make", "all of it"]}
    settings = Settings(Path(), sections={"verify": section}).section("verify", VerifySettings)

    assert ("mix", "test", "--exclude", "a b") == settings.test
    assert ("make", "all of it") == settings.compile
    with pytest.raises(UsageError, match=r"\[verify\] test: "):
        Settings(Path(), sections={"verify": {"test": "mix 'test"}}).section(
            "verify", VerifySettings
        )


def test_own_commands(tmp_path: Path, genesis: Genesis) -> None:
    """Other commands than mix are judged by their exit code; the environment is the section's."""
    check = (
        "#!/bin/sh\n"
        '[ "$COLOUR-$MIX_ENV" = "dark red-dev" ] || exit 3\n'
        "grep -rq 'to_existing_atom(text)' lib && exit 1\n"
        "exit 0\n"
    )
    toml = f'[verify]\n{OFF}test = "sh check.sh"\nenv = {{COLOUR = "dark red", MIX_ENV = "dev"}}\n'
    project = repository(
        tmp_path / "tiny", {**THREE_FLAWS, "check.sh": check, "genesis.toml": toml}
    )
    result = genesis.refactor(project, code=1)
    statuses = {item["rule"]: item["status"] for item in result["items"]}

    assert {"OTP001": "fixed", "OTP009": "fixed", "OTP053": "failed"} == statuses
    assert {("sh", "check.sh")} == {tuple(argv) for argv in commands(genesis, result)}


def test_nothing_leaks(tmp_path: Path, genesis: Genesis) -> None:
    """Commands see no secret of the user's, and write to nothing but the work."""
    outside = tmp_path / "outside"
    outside.mkdir()
    check = (
        '#!/bin/sh\n[ -z "$SECRET_API_KEY" ] || exit 1\n'
        f": > lib/new.txt || exit 2\n(: > '{outside}/new.txt') 2>/dev/null\nexit 0\n"
    )
    toml = f'[verify]\n{OFF}test = "sh check.sh"\n'
    project = repository(tmp_path / "tiny", {**ONE_FLAW, "check.sh": check, "genesis.toml": toml})
    result = genesis.refactor(project, env={"SECRET_API_KEY": "xyz"})

    assert ["fixed"] == [item["status"] for item in result["items"]]
    # What a test leaves lying about is not committed.
    changed = git(project, "diff", "--name-only", result["base"], result["branch"])
    assert "lib/tiny/words.ex" == changed
    assert not (project / "lib" / "new.txt").exists()
    assert SANDBOX != "bubblewrap" or not (outside / "new.txt").exists()


@pytest.mark.skipif(SANDBOX != "bubblewrap", reason="bubblewrap does not work here")
@pytest.mark.parametrize(("network", "status"), [("true", "fixed"), ("false", "failed")])
def test_network(tmp_path: Path, genesis: Genesis, network: str, status: str) -> None:
    """Without leave a command reaches nobody, not even a server on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"('127.0.0.1', {server.getsockname()[1]})"
        check = (
            "#!/bin/sh\ngrep -q existing lib/tiny/words.ex || exit 0\n"
            f'{PYTHON} -c "import socket; socket.create_connection({place}, 5)"\n'
        )
        toml = f'[verify]\n{OFF}test = "sh check.sh"\nnetwork = {network}\n'
        files = {**ONE_FLAW, "check.sh": check, "genesis.toml": toml}
        project = repository(tmp_path / "tiny", files)
        result = genesis.refactor(project, code=0 if status == "fixed" else 1)

    assert [status] == [item["status"] for item in result["items"]]


def test_limits(tmp_path: Path, genesis: Genesis) -> None:
    """A repair after which the tests do not end within their limit is taken back."""
    check = "#!/bin/sh\nwhile grep -q existing lib/tiny/words.ex; do :; done\n"
    toml = f'[verify]\n{OFF}test = "sh check.sh"\ntest_timeout_s = 1\n'
    project = repository(tmp_path / "tiny", {**ONE_FLAW, "check.sh": check, "genesis.toml": toml})
    (item,) = genesis.refactor(project, code=1)["items"]

    assert "failed" == item["status"]
    assert "sh check.sh was ended (timeout)" == item["reason"]


CREDO = """\
defmodule Mix.Tasks.Credo do
  @moduledoc "Stands in for credo."
  use Mix.Task

  @impl true
  def run(["--strict", "--format", "json"]) do
    texts = Path.wildcard("lib/**/*.ex") |> Enum.sort() |> Enum.map(&{&1, File.read!(&1)})

    issues =
      for {path, text} <- texts, word <- ["kind(", "TODO", "existing_atom(text)"],
          path != "lib/credo.ex", String.contains?(text, word) do
        ~s({"check": "Word", "filename": "#{path}", "line_no": 4, "message": "says #{word}"})
      end

    IO.puts(~s({"issues": [#{Enum.join(issues, ",")}]}))
    if issues != [], do: exit({:shutdown, 4})
  end
end
"""


@pytest.mark.elixir
def test_credo(tmp_path: Path, genesis: Genesis) -> None:
    """Credo's issues of before may stay; a repair that brings a new one is taken back."""
    jobs = THREE_FLAWS["lib/tiny/jobs.ex"].replace("Runs jobs.", "TODO")
    files = {**THREE_FLAWS, "lib/credo.ex": CREDO, "lib/tiny/jobs.ex": jobs}
    toml = '[verify]\nformat = ""\ntest = ""\n'
    project = repository(tmp_path / "tiny", {**files, "genesis.toml": toml})
    result = genesis.refactor(project, "--only", "OTP009,OTP053", code=1)
    first, second = result["items"]

    assert ("OTP009", "fixed") == (first["rule"], first["status"])
    assert ("OTP053", "failed") == (second["rule"], second["status"])
    assert "credo: lib/tiny/words.ex: says existing_atom(text) (Word)" == second["reason"]
    assert "mix credo --strict --format json" in map(" ".join, commands(genesis, result))
    message = git(project, "log", "-1", "--format=%B", first["commit"])
    assert (
        "Verified: compile is content; credo has no new complaint; the finding is gone"
        in " ".join(message.split())
    )
