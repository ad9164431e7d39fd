"""The report: how each item ended and what is said of it, as data and as a page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.elixir import ONE_FLAW

from otp_genesis.otp.plan import Plan, make_plan
from otp_genesis.otp.project import Project
from otp_genesis.otp.report import Counts, ItemReport, RefactorReport, item_reports, overall
from otp_genesis.otp.report_html import report_page
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

FOUND = {"found": True}
DONE = {"changed": True, "tried": True, "by": "rule", "reason": "callers wait", "diff": "+x"}
VERIFIED = {"status": "failed", "summary": "test fails now: T: a", "problems": ["a", "b"]}


def plan() -> Plan:
    project = Project.of(ONE_FLAW)
    report = scan(project, all_rules())
    return make_plan(project, report, all_rules(), name="tiny", goal="<g>")


def reported(**results: Any) -> ItemReport:
    (item,) = item_reports(plan(), [{"results": results}])
    return item


def attempt(turns: int, refactor: dict[str, Any], verify: Any = None) -> dict[str, Any]:
    return {"iterations": turns, "last": {"refactor": refactor, "verify": verify or {}}}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (
            {"find": FOUND, "attempt": attempt(2, DONE, {"status": "passed"}),
             "outcome": {"results": {"commit": {"commit": "abc"}}}},
            ("fixed", 2, "abc", "rule", "callers wait"),
        ),
        (
            {"find": FOUND, "attempt": attempt(3, DONE, VERIFIED), "outcome": {"results": {}}},
            ("failed", 3, None, "rule", "test fails now: T: a"),
        ),
        (
            {"find": FOUND, "attempt": attempt(
                2, {"changed": False, "tried": False, "status": "failed", "by": "rule",
                    "reason": "test fails now: T: a"})},
            ("failed", 1, None, "rule", "test fails now: T: a"),
        ),
        (
            {"find": FOUND, "attempt": attempt(
                1, {"changed": False, "tried": True, "by": "m", "reason": "occurs 0 times"})},
            ("failed", 1, None, "m", "occurs 0 times"),
        ),
        (
            {"find": FOUND, "attempt": attempt(
                1, {"changed": False, "status": "needs_human", "reason": "decide"})},
            ("needs_human", 0, None, None, "decide"),
        ),
        (
            {"find": FOUND, "attempt": attempt(
                1, {"changed": False, "status": "needs_model", "reason": "judge"})},
            ("needs_model", 0, None, None, "judge"),
        ),
        (
            {"find": {"found": False}, "attempt": {"iterations": 0, "last": None}},
            ("skipped", 0, None, None, "no longer there: another repair took it away"),
        ),
    ],
    ids=["fixed", "failed", "rule failed", "edit failed", "needs human", "needs model", "skipped"],
)  # fmt: skip
def test_item(results: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """An item's end follows from what its turn of the loop left."""
    item = reported(**results)

    assert expected == (item.status, item.attempts, item.commit, item.by, item.reason)


@pytest.mark.parametrize(
    ("statuses", "final", "expected"),
    [
        ([], "unchanged", "nothing_to_do"),
        (["fixed", "skipped"], "passed", "done"),
        (["fixed", "needs_model"], "passed", "partial"),
        (["failed"], "unchanged", "partial"),
        (["fixed"], "failed", "partial"),
    ],
)
def test_overall(statuses: list[str], final: str, expected: str) -> None:
    """Only where every item is done with, and the whole verifies, it is done."""
    item = reported(find=FOUND, attempt=attempt(1, DONE, VERIFIED))
    items = [item.model_copy(update={"status": status}) for status in statuses]

    assert expected == overall(items, final)


def test_page_escapes() -> None:
    """Whatever the project, a model or a command says is text on the page."""
    evil = '<img src="http://x/y.png" onerror=alert(1)>'
    item = reported(find=FOUND, attempt=attempt(1, {**DONE, "diff": f"+{evil}"}, VERIFIED))
    item = item.model_copy(
        update=dict.fromkeys(("reason", "test", "output", "file", "flaw"), evil)
        | {"problems": (evil,)}
    )
    report = RefactorReport(
        run_id="one", project=f"/tmp/{evil.replace('/', '')}", branch=evil, base=evil,
        repository=evil, sandbox="local", notes=(evil,), status="partial", goal=evil,
        items=(item,), unparsed=({"file": evil, "reason": evil},), baseline=Counts(),
        final=Counts(), final_status="failed", final_summary=evil,
    )  # fmt: skip
    page = report_page(report, plan())

    assert "<img" not in page
    assert page.count("&lt;img") >= 12
    assert not re.search(r'(src|href)="', page)
    assert "The verification of the whole branch failed" in page


def test_page_without_items() -> None:
    """A project without a flaw has a page, too."""
    report = RefactorReport(
        run_id="one", project="/p/tiny", branch="", base="b", repository="/p", sandbox="local",
        status="nothing_to_do", goal="g", items=(), baseline=Counts(), final=Counts(),
        final_status="unchanged",
    )  # fmt: skip
    page = report_page(report, plan().model_copy(update={"items": ()}))

    assert "flaws found" in page
    assert "none, as nothing was committed" in page
