"""ExUnit's results test by test, from real runs through a real codebase."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.elixir import ONE_FLAW, write

from otp_genesis.codebase.folder import FolderCodebase
from otp_genesis.model.environment import scrubbed_environment
from otp_genesis.otp.mix import Mix, TestsResult
from otp_genesis.otp.verify_settings import VerifySettings

pytestmark = pytest.mark.elixir

ODD = """\
defmodule Tiny.OddTest do
  use ExUnit.Case

  describe "größer als (eins)" do
    test "ein Wort\\tmit Tabulator" do
      assert true
    end

    test "fails: [1]" do
      assert "ü" == "u", "Größe"
    end
  end

  @tag skip: "not yet"
  test "skipped" do
    flunk("never")
  end

  @tag :slow
  test "excluded" do
    flunk("never")
  end
end

defmodule Tiny.NoSetupTest do
  use ExUnit.Case

  setup_all do
    raise "no database"
  end

  test "never run" do
    assert true
  end
end
"""


def ran(place: Path, files: dict[str, str], settings: VerifySettings, *paths: str) -> TestsResult:
    """Return what the tests of a project with these files come to."""
    project = write(place / "tiny project", files)
    home = place / "home"
    home.mkdir()
    env = scrubbed_environment(os.environ, added={"HOME": str(home)})

    async def run() -> TestsResult:
        codebase = await FolderCodebase.open(
            project, place / "state", "run", commit_date=datetime.now(UTC), env=env
        )
        scratch = project / "_build" / "scratch"
        scratch.mkdir(parents=True)
        return await Mix(codebase, settings, scratch).test(paths)

    return asyncio.run(run())


FILES = {
    **ONE_FLAW,
    "test/odd_test.exs": ODD,
    "test/test_helper.exs": "ExUnit.start(exclude: [:slow])\n",
}


def test_each_test(tmp_path: Path) -> None:
    """Each test has its status, under its whole name, with where it is and what it said."""
    result = ran(tmp_path, FILES, VerifySettings())
    described = "Tiny.OddTest: test größer als (eins)"
    failed = next(one for one in result.results if one.name.endswith("fails: [1]"))

    assert {
        f"{described} ein Wort\tmit Tabulator": "passed",
        f"{described} fails: [1]": "failed",
        "Tiny.OddTest: test skipped": "skipped",
        "Tiny.OddTest: test excluded": "excluded",
        "Tiny.NoSetupTest: setup_all": "failed",
        "Tiny.NoSetupTest: test never run": "invalid",
        "Tiny.WordsTest: test a known word": "passed",
    } == {one.id: one.status for one in result.results}
    assert ("test/odd_test.exs", 9) == (failed.file, failed.line)
    assert "Größe" in failed.message
    assert (6, 3, 1, True) == (result.tests, result.failures, result.skipped, result.detailed)
    assert result.exit_code not in (0, None)


def test_some_paths(tmp_path: Path) -> None:
    """Only the files that are named are run."""
    result = ran(tmp_path, FILES, VerifySettings(), "test/words_test.exs")

    assert ["Tiny.WordsTest: test a known word"] == [one.id for one in result.results]
    assert result.ok


def test_command_of_its_own(tmp_path: Path) -> None:
    """Of a test command that is the project's own the failures are read off what it prints."""
    settings = VerifySettings(test=("mix", "test", "--seed", "1"))
    result = ran(tmp_path, FILES, settings)

    assert not result.detailed
    assert "Tiny.OddTest: test größer als (eins) fails: [1]" in {one.id for one in result.results}
    assert result.failures == 1


def test_no_tests(tmp_path: Path) -> None:
    """A project without tests passes all none of them."""
    files = {name: text for name, text in ONE_FLAW.items() if not name.startswith("test/words")}
    result = ran(tmp_path, files, VerifySettings())

    assert (0, 0, True) == (result.tests, result.failures, result.ok)


def test_nothing_to_run(tmp_path: Path) -> None:
    """An empty command is no check."""
    result = ran(tmp_path, ONE_FLAW, VerifySettings(test=()))

    assert ("", 0, ()) == (result.command, result.exit_code, result.results)
