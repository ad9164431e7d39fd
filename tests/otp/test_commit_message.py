"""A commit's message: what was repaired, why, and what was verified, in lines that fit."""

from __future__ import annotations

from typing import Any

import pytest
from support.elixir import THREE_FLAWS

from otp_genesis.otp.commit_message import commit_message
from otp_genesis.otp.plan import PlanItem, make_plan
from otp_genesis.otp.project import Project
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

CHECKS = {
    "format": {"run": {"command": "mix format --check-formatted"}},
    "compile": {"run": {"command": "mix compile"}},
    "test": {"run": {"command": "mix test"}},
    "credo": {"available": False, "run": None},
}


def items(files: dict[str, str]) -> list[PlanItem]:
    project = Project.of(files)
    report = scan(project, all_rules())
    return list(make_plan(project, report, all_rules(), name="tiny", goal="g").items)


def verification(**checks: Any) -> dict[str, Any]:
    return {"tests": {"tests": 7, "failures": 1, "warnings": 0}, "checks": {**CHECKS, **checks}}


def last_words(message: str) -> str:
    paragraphs = message.split("\n\n")
    return " ".join(paragraphs[-2].split())


@pytest.mark.parametrize("item", items(THREE_FLAWS), ids=lambda item: item.rule)
def test_shape(item: PlanItem) -> None:
    """A short subject, a blank line, lines of 72 columns, addresses whole, the plan's item."""
    repair = {"by": "rule", "reason": item.risk}
    message = commit_message(item, repair, verification())
    subject, blank, *body = message.splitlines()

    assert subject.startswith(f"Repair {item.name} in {item.module}")
    assert subject.endswith(f"({item.rule})")
    assert len(subject) <= 72
    assert blank == ""
    assert all(len(line) <= 72 or " " not in line for line in body)
    for address in (word for word in item.why.split() if "https://" in word):
        assert address in message
    assert f"Plan item: {item.id} ({item.file}:{item.line})" == body[-1]


def test_proof() -> None:
    """The message says what was run; a check that the settings turn off proves nothing."""
    item = items(THREE_FLAWS)[0]
    off = {"run": {"command": ""}}
    all_ran = commit_message(item, {"by": "rule"}, verification())
    tests_off = commit_message(item, {"by": "rule"}, verification(test=off, format=off))
    none = commit_message(item, {"by": "rule"}, verification(test=off, format=off, compile=off))

    assert (
        "Verified: format and compile are content; 7 tests with 1 failures, none that passed"
        " before; the finding is gone and no new one is there."
    ) == last_words(all_ran)
    assert (
        "Verified: compile is content; the finding is gone and no new one is there."
    ) == last_words(tests_off)
    assert "Verified: the finding is gone and no new one is there." == last_words(none)


def test_by_model() -> None:
    """A model's repair is told as the model's, in its words."""
    item = items(THREE_FLAWS)[0]
    repair = {"by": "claude", "reason": "the job runs under a supervisor"}
    message = commit_message(item, repair, verification())

    assert "Repaired by claude: " in message
    assert "The job runs under a supervisor." in " ".join(message.split())


def test_long_names() -> None:
    """A subject that would be too long names the module only."""
    name = "Tiny.AVeryLongNamespace.WithAnotherLongPart"
    code = THREE_FLAWS["lib/tiny/words.ex"].replace("Tiny.Words", name)
    item = next(one for one in items({"lib/w.ex": code}) if one.rule == "OTP053")
    subject = commit_message(item, {"by": "rule"}, verification()).splitlines()[0]

    assert f"Repair dynamic-atom in {name} (OTP053)" == subject
