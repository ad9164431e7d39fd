"""What a model is told of a flaw, and what it may answer."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from support.elixir import ONE_FLAW, THREE_FLAWS

from otp_genesis.otp.model_repair import ModelRepair, prompt
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Evidence, Finding
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

RULE = next(rule for rule in all_rules() if rule.code == "OTP053")


def finding() -> Finding:
    (found,) = scan(Project.of(ONE_FLAW), all_rules()).findings
    return found


def test_prompt() -> None:
    """The place, the flaw, the rule's whole page, the file; no file that has no part in it."""
    text = prompt(Project.of(THREE_FLAWS), RULE, finding(), None)

    assert (
        "Repair this flaw (OTP053 dynamic-atom) at lib/tiny/words.ex:4, in Tiny.Words,"
        " function kind/1: "
    ) in text
    assert (RULE.__doc__ or "?") in text
    assert f"File `lib/tiny/words.ex`:\n```elixir\n{ONE_FLAW['lib/tiny/words.ex']}```" in text
    assert "Tiny.Jobs" not in text
    assert "taken back" not in text


def test_evidence() -> None:
    """Files that prove the flaw are shown as well, once each; one that is gone is not."""
    places = ("lib/tiny/jobs.ex", "lib/tiny/jobs.ex", "lib/tiny/words.ex", "lib/gone.ex")
    proofs = tuple(Evidence(file=path, line=1, note="see") for path in places)
    found = finding().model_copy(update={"evidence": proofs})
    text = prompt(Project.of(THREE_FLAWS), RULE, found, None)

    assert 1 == text.count("File `lib/tiny/jobs.ex`:")
    assert 1 == text.count("File `lib/tiny/words.ex`:")
    assert "gone.ex" not in text


def test_feedback() -> None:
    """What the verification said of the last repair is told last."""
    text = prompt(Project.of(ONE_FLAW), RULE, finding(), "test fails now: T: a")

    assert text.endswith("Your last repair was taken back, because:\ntest fails now: T: a")


@pytest.mark.parametrize(
    "answer",
    [
        {"explanation": "nothing to do", "edits": []},
        {"edits": [{"path": "a", "old": "b", "new": "c"}]},
        {"explanation": "x", "edits": [{"path": "a", "new": "c"}]},
        {"explanation": "x", "edits": [{"path": "a", "old": "b", "new": "c", "all": True}]},
    ],
)
def test_answers_that_do_not_fit(answer: dict[str, object]) -> None:
    """An answer has an explanation and at least one exact replacement, and nothing else."""
    with pytest.raises(ValidationError):
        ModelRepair.model_validate(answer)
