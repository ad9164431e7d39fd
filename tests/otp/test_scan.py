"""The report: its shape, its order, lasting fingerprints, and suppression."""

import json

import pytest

from otp_genesis.otp.project import Project
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

RULES = all_rules()
CODE = """\
defmodule M do
  def go(f) do
    spawn(f)
    spawn(f)
    Task.start(f)
  end
end
"""


def fingerprints(code: str) -> list[str]:
    return [f.fingerprint for f in scan(Project.of({"lib/m.ex": code}), RULES).findings]


def test_json() -> None:
    """The report is version 1 of its JSON, with the keys that are promised."""
    report = scan(Project.of({"lib/m.ex": CODE, "lib/bad.ex": "def ("}), RULES)
    data = json.loads(report.model_dump_json())

    assert set(data) == {
        "version",
        "files",
        "lines",
        "elapsed_s",
        "cached",
        "findings",
        "unparsed",
    }
    assert (data["version"], data["files"], data["lines"]) == (1, 2, 7)
    assert data["unparsed"] == [{"file": "lib/bad.ex", "reason": "syntax error near line 1"}]
    first = data["findings"][0]
    assert first.pop("fingerprint")
    assert first == {
        "rule": "OTP001",
        "name": "unsupervised-spawn",
        "severity": "critical",
        "stage": 1,
        "file": "lib/m.ex",
        "line": 3,
        "column": 5,
        "end_line": 3,
        "end_column": 13,
        "module": "M",
        "function": "go/1",
        "message": "the process belongs to no supervisor: a crash or a shutdown loses its work",
        "evidence": [],
        "fix": "unsafe",
    }


def test_order() -> None:
    """Findings come by file, line, column and rule, whatever the order of the rules."""
    project = Project.of({"lib/b.ex": CODE, "lib/a.ex": CODE})
    findings = scan(project, reversed(RULES)).findings

    assert findings == scan(project, RULES).findings
    assert [(f.file, f.line) for f in findings] == [
        (path, line) for path in ("lib/a.ex", "lib/b.ex") for line in (3, 4, 5)
    ]


def test_only() -> None:
    """`only` takes codes and names."""
    project = Project.of({"lib/m.ex": CODE})

    assert {f.rule for f in scan(project, RULES, ["OTP004"]).findings} == {"OTP004"}
    assert {f.rule for f in scan(project, RULES, ["unsupervised-spawn"]).findings} == {"OTP001"}


def test_fingerprints_outlive_moves() -> None:
    """Lines above and blanks within change none; equal calls differ by their ordinal."""
    moved = "# one\n# two\n\n" + CODE.replace("  spawn(f)", "    spawn(f)")

    assert fingerprints(moved) == fingerprints(CODE)
    assert len(set(fingerprints(CODE))) == 3
    assert fingerprints(CODE.replace("def go", "def went"))[0] != fingerprints(CODE)[0]


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("# genesis: allow OTP001 because it is short", [4, 6]),
        ("# genesis: allow OTP004, OTP001 because it is short", [4, 6]),
        ("# genesis: allow OTP004 because it is short", [3, 4, 6]),
        ("# genesis: allow OTP001", [3, 4, 6]),
        ('"# genesis: allow OTP001 because it is short"', [3, 4, 6]),
    ],
)
def test_suppression(comment: str, left: list[int]) -> None:
    """A comment with a reason, on the line or the one above, silences the rules it names."""
    same = CODE.replace("    spawn(f)\n    spawn(f)", f"    spawn(f) {comment}\n    spawn(f)\n")
    above = CODE.replace("    spawn(f)\n", f"    {comment}\n    spawn(f)\n\n", 1)

    if comment.startswith("#"):
        found = scan(Project.of({"lib/m.ex": same}), RULES).findings
        assert [f.line for f in found] == left
    found = scan(Project.of({"lib/m.ex": above}), RULES).findings
    assert [f.line for f in found] == ([6, 7] if left == [4, 6] else [4, 6, 7])
