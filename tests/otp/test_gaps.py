"""Files that the grammar cannot read whole: what is left of them, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.extract import Unparsable, analyse
from otp_genesis.otp.gaps import Gap, blanked
from otp_genesis.otp.project import Project
from otp_genesis.otp.repair import repair_by_rule
from otp_genesis.otp.rule import Declined
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import Report, scan
from otp_genesis.otp.sweep import sweep
from otp_genesis.otp.vocabulary import vocabulary_of

RULES = all_rules()
SPAWN = [rule for rule in RULES if rule.code == "OTP001"]
BROKEN = (
    "defmodule Job do\n"
    "  def a(f) do\n"
    "    spawn(f)\n"
    "    :ok\n"
    "  end\n\n"
    "  def b(x) do\n"
    "    if x do\n"
    "      {{}\n"
    "    end\n"
    "  end\n\n"
    "  def c(f) do\n"
    "    spawn(f)\n"
    "    :ok\n"
    "  end\n"
    "end\n"
)
VALID = (
    "defmodule Words do\n"
    "  def marks(first) do\n"
    "    [\n"
    "      ~S(\\\\),\n"
    "      {}\n"
    "    ]\n"
    "  end\n\n"
    "  def go(f) do\n"
    "    spawn(f)\n"
    "    :ok\n"
    "  end\n"
    "end\n"
)
"""Elixir takes this; the grammar takes the first sigil to go on behind its end."""


def scanned(text: str) -> Report:
    """Scan one file for unsupervised processes."""
    return scan(Project.of({"lib/job.ex": text}), SPAWN)


def test_functions_around_an_error() -> None:
    """Two functions of three are read; the smallest block that is broken is told."""
    report = scanned(BROKEN)

    assert [3, 14] == [finding.line for finding in report.findings]
    assert [("lib/job.ex", "line 9 could not be read; the rest was")] == [
        (lost.file, lost.reason) for lost in report.unparsed
    ]
    assert (1, BROKEN.count("\n")) == (report.files, report.lines)


def test_findings_are_marked() -> None:
    """A finding beside a gap says so, and is left to a person."""
    project = Project.of({"lib/job.ex": BROKEN})
    (first, _) = scan(project, SPAWN).findings

    assert "none" == first.fix
    assert (9, "this could not be read, and what it does is not known; the file is not edited") == (
        first.evidence[-1].line,
        first.evidence[-1].note,
    )


def test_no_repair_beside_a_gap() -> None:
    """A rule that could repair the finding does not: what it cannot see might matter."""
    calls = [rule for rule in RULES if rule.code == "OTP009"]
    whole = BROKEN.replace("spawn(f)", "GenServer.call(f, :a, :infinity)")
    results = {}
    for name, text in (("broken", whole), ("mended", whole.replace("{{}", "{}"))):
        project = Project.of({"lib/job.ex": text})
        finding = scan(project, calls).findings[0]
        results[name] = repair_by_rule(calls[0], project, finding)

    expected = "line 9 of lib/job.ex could not be read; mend that first"
    assert Declined(expected) == results["broken"]
    assert isinstance(results["mended"], ChangeSet)


@pytest.mark.parametrize(
    "text",
    [
        "def (",
        "defmodule A do\n  def a do\n    {{}\n  end\nend\n",
        "defmodule A do\n  {{}\n  def a do\n    1\n  end\nend\n",
        "{{} end",
        "",
    ],
    ids=["no text", "the only function", "between functions", "no definition", "empty"],
)
def test_nothing_to_keep(text: str) -> None:
    """Where no definition is left, or the error is in none, the file is lost whole."""
    assert blanked(text.encode()) is None


def test_two_gaps() -> None:
    """Each broken function has its own gap."""
    text = BROKEN.replace("    spawn(f)\n    :ok\n  end\nend", "    spawn(f\n    :ok\n  end\nend")
    file = analyse("lib/job.ex", text.encode())

    assert (Gap(9, 9), Gap(14, 15)) == file.gaps
    assert ["a/1", "b/1", "c/1"] == [function.label for function in file.functions]
    assert ["line 9", "lines 14 to 15"] == [str(gap) for gap in file.gaps]


def test_valid_code_that_the_grammar_loses() -> None:
    """Of valid code too the rest is read."""
    file = analyse("lib/words.ex", VALID.encode())

    assert (Gap(3, 6),) == file.gaps
    assert ["go/1"] == [call.function for call in file.calls_to("Kernel.spawn/1")]


def test_long_head() -> None:
    """A definition whose `do` stands lines below its name."""
    text = VALID.replace("marks(first) do", "marks(first)\n      when is_map(first) do")

    assert (Gap(4, 7),) == analyse("lib/words.ex", text.encode()).gaps


@given(
    lines=st.lists(
        st.sampled_from(
            [
                *("def a do", "  if x do", "  end", "end", "defmodule A do", "  {{}", "  spawn(f)"),
                *("  cond do", "    x -> y", '  "é"', "\r", "fn ->", "~S(\\\\)"),
            ]
        ),
        max_size=25,
    )
)
def test_any_lines(lines: list[str]) -> None:
    """Blanking keeps every byte's place and every line's end, and what is left can be read."""
    data = "\n".join(lines).encode()
    found = blanked(data)
    if found is None:
        return
    text, gaps = found

    assert len(data) == len(text)
    assert [at for at, byte in enumerate(data) if byte in b"\r\n"] == [
        at for at, byte in enumerate(text) if byte in b"\r\n"
    ]
    changed = {data.count(b"\n", 0, at) + 1 for at in range(len(data)) if data[at] != text[at]}
    assert changed <= {n for gap in gaps for n in range(gap.first_line, gap.last_line + 1)}
    try:
        assert analyse("lib/a.ex", text).gaps == ()
    except Unparsable:
        pytest.fail("what is left cannot be read")


@pytest.mark.elixir
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BROKEN, "line 9 could not be read; the rest was; Elixir says: line 10, column 5:"),
        (VALID, "lines 3 to 6 could not be read; the rest was; it is valid Elixir: nothing"),
        (
            VALID.replace("      {}\n", "      spawn first\n"),
            "it is valid Elixir: look at spawn (line 5) there",
        ),
        ("def (", "syntax error near line 1; Elixir says: line 1, column"),
    ],
    ids=["invalid", "valid", "valid with a call", "lost whole"],
)
def test_what_elixir_says(tmp_path: Path, text: str, expected: str) -> None:
    """Elixir's own parser tells whether a file is valid, and what its unread lines call."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "mix.exs").write_text("# none\n")
    (tmp_path / "lib/a.ex").write_text(text)
    _, report = sweep(tmp_path, RULES, vocabulary_of(RULES))

    (lost,) = report.unparsed
    assert expected in lost.reason


@pytest.mark.elixir
def test_elixir_runs_nothing_of_the_project(tmp_path: Path) -> None:
    """Neither the file nor an `.erlang` beside it is run."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "mix.exs").write_text("# none\n")
    mark = tmp_path / "mark"
    write = f'File.write!("{mark}", "run")\n'
    (tmp_path / "lib/a.ex").write_text(f"{write}{VALID}@on_load ({write.strip()})\n")
    (tmp_path / ".erlang").write_text(f'file:write_file("{mark}", "run").\n')
    _, report = sweep(tmp_path, RULES, vocabulary_of(RULES))

    assert "it is valid Elixir" in report.unparsed[0].reason
    assert not mark.exists()
