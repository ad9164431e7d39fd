"""The loop on real projects: what verifies is kept, what does not is taken back and told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.command import Genesis, commits, git, references
from support.elixir import BASE, ONE_FLAW, TESTS_ONLY, WORDS_TEST, repository

pytestmark = pytest.mark.elixir

SLOW = """\
defmodule Tiny.Slow do
  @moduledoc "Answers slowly."
  use GenServer

  def start_link(state), do: GenServer.start_link(__MODULE__, state)

  def ask(server), do: GenServer.call(server, :ask)

  @impl true
  def init(state), do: {:ok, state}

  @impl true
  def handle_call(:ask, _from, state) do
    Process.sleep(1)
    {:reply, state, state}
  end
end
"""
SLOW_TEST = """\
defmodule Tiny.SlowTest do
  use ExUnit.Case

  test "it answers" do
    {:ok, server} = Tiny.Slow.start_link(7)
    assert 7 == Tiny.Slow.ask(server)
  end

  test "it starts" do
    assert {:ok, _} = Tiny.Slow.start_link(1)
  end
end
"""
JUDGED = {**BASE, "lib/tiny/slow.ex": SLOW, "test/slow_test.exs": SLOW_TEST}
"""A flaw that its rule leaves to judgement."""
SLEEP = "    Process.sleep(1)\n"
NEW_ATOM_TEST = WORDS_TEST.replace(
    '    assert :apple == Tiny.Words.kind("apple")',
    "    word = Integer.to_string(System.unique_integer([:positive]))\n"
    '    assert is_atom(Tiny.Words.kind("genesis " <> word))',
)


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """The command."""
    return Genesis(tmp_path)


def answer(when: str, *edits: tuple[str, str, str], error: str | None = None) -> dict[str, Any]:
    """Return a prepared answer to prompts that match; an edit is path, old, new."""
    if error:
        return {"when": when, "error": error}
    made = [dict(zip(("path", "old", "new"), edit, strict=True)) for edit in edits]
    return {"when": when, "data": {"explanation": "The server waits no more.", "edits": made}}


def script(folder: Path, *answers: dict[str, Any]) -> dict[str, str]:
    """Return the environment in which the scripted model answers so."""
    path = folder / "script.yaml"
    path.write_text(yaml.safe_dump(list(answers)))
    return {"GENESIS_SCRIPT": str(path)}


def test_every_bad_repair(tmp_path: Path, genesis: Genesis) -> None:
    """Each bad repair is taken back, and the next prompt says why; the good one is kept alone.

    The script knows an answer only where the prompt gives the reason that is expected.
    """
    slow, test = "lib/tiny/slow.ex", "test/slow_test.exs"
    project = repository(tmp_path / "tiny", {**JUDGED, "notes.txt": "mine\n"})
    starts = '  test "it starts" do\n    assert {:ok, _} = Tiny.Slow.start_link(1)\n  end\n'
    spawned = "    spawn(fn -> :ok end)\n"
    told = "Your last repair was taken back, because:\n(.*\n)*.*"
    answers = [
        answer(told + "occurs 0 times", ("../outside.txt", "", "x")),
        answer(told + "outside the project", ("notes.txt", "", "overwritten")),
        answer(told + "notes.txt exists already", (slow, SLEEP, "    (\n")),
        answer(told + "slow.ex cannot be parsed", (slow, SLEEP, "    later = 1\n")),
        answer(
            told + 'new warning in lib/tiny/slow.ex: variable "later" is unused',
            (slow, SLEEP, "    Process.sleep(2)\n"),
        ),
        answer(told + "OTP016 is still found in lib/tiny/slow.ex", (slow, SLEEP, spawned)),
        answer(
            told + "new finding OTP001 in lib/tiny/slow.ex",
            (slow, SLEEP, ""),
            (test, f"\n{starts}", ""),
        ),
        answer(
            told + "test is no longer run: Tiny.SlowTest: test it starts",
            (slow, SLEEP, ""),
            (test, '  test "it starts" do', '  @tag :skip\n  test "it starts" do'),
        ),
        answer(
            told + "test is no longer run: Tiny.SlowTest: test it starts",
            (slow, f"{SLEEP}    {{:reply, state, state}}", "    {:reply, :nothing, state}"),
        ),
        answer(
            told + r"test fails now: Tiny.SlowTest: test it answers \(test/slow_test.exs:4\)",
            (slow, SLEEP, ""),
        ),
        answer("^Repair this flaw", (slow, "no such text", "x")),
    ]
    # Two answers are for the same reason: the first is used up.
    answers[7]["once"] = True
    result = genesis.refactor(
        project, "--only", "OTP016", "--max-attempts", "12", env=script(tmp_path, *answers)
    )
    (item,) = result["items"]

    assert ("fixed", "scripted", 11) == (item["status"], item["by"], item["attempts"])
    assert "The server waits no more." == item["reason"]
    assert [item["commit"]] == commits(project, result["base"], result["branch"])
    change = git(project, "diff", "--unified=0", result["base"], result["branch"]).splitlines()
    assert ["-    Process.sleep(1)"] == [
        line for line in change if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert not list(tmp_path.rglob("outside.txt"))
    assert result["usage"]["input_tokens"] > 0


def test_max_attempts(tmp_path: Path, genesis: Genesis) -> None:
    """After so many repairs that do not verify the item has failed, and leaves no trace."""
    project = repository(tmp_path / "tiny", {**JUDGED, **TESTS_ONLY})
    kept = answer("", ("lib/tiny/slow.ex", SLEEP, "    Process.sleep(2)\n"))
    refs = references(project)
    result = genesis.refactor(
        project, "--only", "OTP016", "--max-attempts", "2", env=script(tmp_path, kept), code=1
    )
    (item,) = result["items"]

    assert ("failed", "scripted", 2, None) == tuple(
        item[key] for key in ("status", "by", "attempts", "commit")
    )
    assert "OTP016 is still found in lib/tiny/slow.ex" in item["reason"]
    assert refs == references(project)


def test_half_an_edit(tmp_path: Path, genesis: Genesis) -> None:
    """Of edits that cannot all be made none is; the next item's commit has nothing of them."""
    project = repository(tmp_path / "tiny", {**JUDGED, **ONE_FLAW, **TESTS_ONLY})
    half = answer(
        "^Repair this flaw .OTP016",
        ("lib/tiny/slow.ex", "Answers slowly.", "Answers."),
        ("lib/tiny/new.ex", "", "defmodule Tiny.New do\nend\n"),
        ("lib/tiny/slow.ex", "no such text", "x"),
    )
    options = ("--only", "OTP016,OTP053", "--max-attempts", "1")
    result = genesis.refactor(project, *options, env=script(tmp_path, half), code=1)
    first, second = result["items"]

    assert ("OTP016", "failed", "scripted", 1) == tuple(
        first[key] for key in ("rule", "status", "by", "attempts")
    )
    assert "occurs 0 times, not 1" in first["reason"]
    assert ("OTP053", "fixed") == (second["rule"], second["status"])
    changed = git(project, "diff", "--name-only", result["base"], result["branch"])
    assert "lib/tiny/words.ex" == changed


def test_model_without_answer(tmp_path: Path, genesis: Genesis) -> None:
    """A model that cannot answer leaves the item as it is, and the run goes on."""
    project = repository(tmp_path / "tiny", {**JUDGED, **ONE_FLAW, **TESTS_ONLY})
    result = genesis.refactor(
        project, env=script(tmp_path, answer("", error="out of quota")), code=1
    )
    statuses = {item["rule"]: (item["status"], item["attempts"]) for item in result["items"]}

    assert ("fixed", 1) == statuses["OTP053"]
    assert ("needs_model", 0) == statuses["OTP016"]
    assert "out of quota" in next(i["reason"] for i in result["items"] if i["rule"] == "OTP016")


def test_rule_that_does_not_verify(tmp_path: Path, genesis: Genesis) -> None:
    """A rule's repair that breaks a test is taken back; the report says which test and why."""
    project = repository(
        tmp_path / "tiny", {**ONE_FLAW, **TESTS_ONLY, "test/words_test.exs": NEW_ATOM_TEST}
    )
    refs = references(project)
    result = genesis.refactor(project, code=1)
    (item,) = result["items"]

    assert ("failed", "rule", 1, None) == tuple(
        item[key] for key in ("status", "by", "attempts", "commit")
    )
    assert "test fails now: Tiny.WordsTest: test a known word" in item["reason"]
    assert "not an already existing atom" in item["reason"]
    assert refs == references(project)
    assert "not an already existing atom" in Path(result["report"]).read_text()


def test_model_after_rule(tmp_path: Path, genesis: Genesis) -> None:
    """Where the rule's repair does not verify, a model is told why, and may do better."""
    project = repository(
        tmp_path / "tiny", {**ONE_FLAW, **TESTS_ONLY, "test/words_test.exs": NEW_ATOM_TEST}
    )
    better = answer(
        "taken back, because:\ntest fails now: Tiny.WordsTest: test a known word",
        (
            "lib/tiny/words.ex",
            "do: String.to_atom(text)",
            'do: if(text == "apple", do: :apple, else: :other)',
        ),
    )
    result = genesis.refactor(project, env=script(tmp_path, better))
    (item,) = result["items"]

    assert ("fixed", "scripted", 2) == (item["status"], item["by"], item["attempts"])
    message = git(project, "log", "-1", "--format=%B", item["commit"])
    assert "Repaired by scripted" in message


def test_failing_baseline(tmp_path: Path, genesis: Genesis) -> None:
    """Tests that fail before may fail after; the rest decides."""
    broken = (
        "defmodule Tiny.BrokenTest do\n  use ExUnit.Case\n\n"
        '  test "größer als (eins)" do\n    assert 1 == 2\n  end\n\n'
        '  @tag :skip\n  test "later" do\n    flunk("not yet")\n  end\n'
        "end\n\ndefmodule Tiny.NoSetupTest do\n  use ExUnit.Case\n\n"
        '  setup_all do\n    raise "no database"\n  end\n\n'
        '  test "never run" do\n    assert true\n  end\nend\n'
    )
    helper = "ExUnit.start(exclude: [:slow])\n"
    slow = WORDS_TEST.replace("WordsTest", "MoreTest").replace("  test", "  @tag :slow\n  test")
    files = {"test/broken_test.exs": broken, "test/test_helper.exs": helper}
    project = repository(
        tmp_path / "tiny", {**ONE_FLAW, **TESTS_ONLY, **files, "test/more_test.exs": slow}
    )
    result = genesis.refactor(project)

    assert ["fixed"] == [item["status"] for item in result["items"]]
    # A known word, one that fails, one skipped, one whose setup failed, and that setup.
    assert {"tests": 5, "failures": 3, "warnings": 0} == result["verification"]["baseline"]
    assert result["verification"]["baseline"] == result["verification"]["final"]


def test_flaky_test(tmp_path: Path, genesis: Genesis) -> None:
    """A test that fails once and passes when run again takes no repair back."""
    flaky = (
        "defmodule Tiny.FlakyTest do\n  use ExUnit.Case\n\n"
        '  test "fails the second time" do\n'
        '    path = "_build/counter"\n'
        '    File.write!(path, "x", [:append])\n'
        "    assert 2 != File.stat!(path).size\n  end\nend\n"
    )
    project = repository(
        tmp_path / "tiny", {**ONE_FLAW, **TESTS_ONLY, "test/flaky_test.exs": flaky}
    )
    result = genesis.refactor(project)
    runs = [
        e for e in genesis.events(result["run_id"]) if e.get("argv", [""])[:2] == ["mix", "test"]
    ]

    assert ["fixed"] == [item["status"] for item in result["items"]]
    # The baseline, the item twice, the branch as a whole.
    assert 4 == len(runs)


def test_warnings_and_formatting_of_old(tmp_path: Path, genesis: Genesis) -> None:
    """Warnings that were there stay; a file that nobody has formatted stays unformatted."""
    ugly = (
        "defmodule Tiny.Words   do\n"
        "  def kind(  text  ), do: String.to_atom( text )\n"
        "  def odd(x), do: 1\nend\n"
    )
    project = repository(tmp_path / "tiny", {**ONE_FLAW, "lib/tiny/words.ex": ugly})
    result = genesis.refactor(project)
    repaired = git(project, "show", f"{result['branch']}:lib/tiny/words.ex") + "\n"

    assert ["fixed"] == [item["status"] for item in result["items"]]
    assert ugly.replace("String.to_atom", "String.to_existing_atom") == repaired
    assert {"tests": 1, "failures": 0, "warnings": 1} == result["verification"]["final"]
