"""What mix, ExUnit and credo print, read as data."""

from __future__ import annotations

import base64

import pytest

from otp_genesis.otp.exunit import printed_failures, printed_totals, read_results
from otp_genesis.otp.mix import CredoIssue, Warned, compiler_warnings, credo_issues

OLD = """\
Compiling 2 files (.ex)
warning: variable "x" is unused (if it is not meant to be used, say so)
  lib/a.ex:3: A.f/1

warning: this clause for f/1 cannot match because a previous clause at line 3 always matches
  lib/a.ex:7

warning: Missing.call/0 is undefined (module Missing is not available or is yet to be defined)
Invalid call found at 2 locations:
  lib/größe b.ex:9: B.g/0
  lib/größe b.ex:11: B.g/0

Generated a app
"""
BOXED = """\
    warning: variable "x" is unused (if it is not meant to be used, say so)
    │
  3 │   def f(x), do: 1
    │         ~
    │
    └─ lib/a.ex:3:9: A.f/1

    warning: this clause for f/1 cannot match because a previous clause at line 3 always matches
    │
  7 │   def f(_), do: 2
    │       ~
    │
    └─ lib/a.ex:7:7

    warning: Missing.call/0 is undefined (module Missing is not available or is yet to be defined)
    │
  9 │   def g, do: Missing.call()
    │                      ~
    │
    └─ lib/größe b.ex:9:22: B.g/0
    └─ lib/größe b.ex:11:22: B.g/0

Generated a app
"""


@pytest.mark.parametrize("printed", [OLD, BOXED], ids=["until 1.14", "from 1.15"])
def test_compiler_warnings(printed: str) -> None:
    """Warnings are read in both forms, without line numbers, as lines move."""
    unused = 'variable "x" is unused (if it is not meant to be used, say so)'

    assert [
        Warned(text=unused, file="lib/a.ex"),
        Warned(
            text="this clause for f/1 cannot match because a previous clause at line always"
            " matches",
            file="lib/a.ex",
        ),
        Warned(
            text="Missing.call/0 is undefined (module Missing is not available or is yet to be"
            " defined)",
            file="lib/größe b.ex",
        ),
    ] == compiler_warnings(printed)


@pytest.mark.parametrize("printed", [OLD, BOXED], ids=["until 1.14", "from 1.15"])
def test_warnings_move(printed: str) -> None:
    """The same warnings some lines further down are the same warnings."""
    moved = printed.replace("line 3", "line 23").replace("a.ex:7", "a.ex:27")

    assert compiler_warnings(printed) == compiler_warnings(moved)
    assert compiler_warnings("warning: f/1 was defined before (lib/a.ex:3)") == compiler_warnings(
        "warning: f/1 was defined before (lib/a.ex:23)"
    )


def test_no_warnings() -> None:
    """Other words about warnings are none."""
    assert [] == compiler_warnings("Generated app\n  no warning: here\nwarnings: 0\n")


def test_totals() -> None:
    """An umbrella prints one summary an app; they are added up."""
    text = "==> a\n1 test, 1 failure\n==> b\n2 doctests, 12 tests, 0 failures, 3 skipped\n"

    assert (13, 1) == printed_totals(text)
    assert printed_totals("nothing was run") is None


def test_printed_failures() -> None:
    """ExUnit's printed failures give names, umlauts, blanks and brackets among them."""
    text = (
        "\n  1) test größer (als eins) (A.BTest)\n     test/a_test.exs:3\n"
        "\n 12) doctest A.f/1 (2) (ATest)\n     test/a_test.exs:9\n"
    )

    assert [("A.BTest", "test größer (als eins)"), ("ATest", "doctest A.f/1 (2)")] == [
        (one.module, one.name) for one in printed_failures(text)
    ]


def line(status: str, name: str) -> str:
    fields = ("T", name, "test/t.exs", "")
    encoded = (base64.b64encode(field.encode()).decode() for field in fields)
    return "\t".join((status, "1500", "7", *encoded))


def test_results_cut_short() -> None:
    """What a test run wrote before it was killed counts; half a line does not."""
    whole = line("passed", "test a\tb")
    results = read_results(f"{whole}\n{line('failed', 'test c')[:-9]}")

    assert [("test a\tb", "passed", 7, 0.0015)] == [
        (one.name, one.status, one.line, one.duration_s) for one in results
    ]
    assert () == read_results("finished\n")


def test_credo() -> None:
    """Credo's JSON is found wherever it begins; what is no JSON is told from no issues."""
    issue = '{"check": "C", "filename": "lib/a.ex", "message": "m", "line_no": 3}'

    assert (CredoIssue(check="C", file="lib/a.ex", message="m"),) == credo_issues(
        'Compiling {1 file}\n{"issues": [' + issue + "]}"
    )
    assert () == credo_issues('{"issues": []}')
    assert credo_issues("** (Mix) it could not start") is None
    assert credo_issues('{"issues": [') is None
    assert credo_issues('{"error": "x"}') is None
