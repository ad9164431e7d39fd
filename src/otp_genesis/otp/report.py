"""What a refactor came to, item by item: the JSON that scripts read and the page is drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from otp_genesis.model.frozen import Frozen
from otp_genesis.otp.plan import Plan, PlanItem

ItemStatus = Literal["fixed", "failed", "skipped", "needs_model", "needs_human"]
Status = Literal["done", "partial", "nothing_to_do", "failed"]


class ItemReport(Frozen):
    """One plan item as it ended."""

    id: str
    rule: str
    name: str
    stage: int
    severity: str
    file: str
    line: int
    module: str | None
    function: str | None
    flaw: str
    status: ItemStatus
    attempts: int
    commit: str | None
    by: str | None
    """`rule`, or the provider's name."""
    reason: str
    diff: str = ""
    test_file: str | None = None
    test: str = ""
    problems: tuple[str, ...] = ()
    """What the verification said of the last attempt."""
    output: str = ""
    """The end of what the test run of the last attempt printed."""


class Counts(Frozen):
    """A verification in numbers."""

    tests: int = 0
    failures: int = 0
    warnings: int = 0


class RefactorReport(Frozen):
    """The whole refactor."""

    version: Literal[1] = 1
    run_id: str
    project: str
    branch: str
    """Empty where nothing was committed: there is none then."""
    base: str
    repository: str
    sandbox: str
    notes: tuple[str, ...] = ()
    status: Status
    goal: str
    items: tuple[ItemReport, ...]
    unparsed: tuple[dict[str, str], ...] = ()
    baseline: Counts
    final: Counts
    final_status: str
    final_summary: str = ""
    report: str = ""
    """The path of the HTML page."""


def item_reports(plan: Plan, iterations: Iterable[Mapping[str, Any]]) -> tuple[ItemReport, ...]:
    """Return the plan's items as the loop's iterations say they ended."""
    results = [row.get("results") or {} for row in iterations]
    return tuple(_item(item, result) for item, result in zip(plan.items, results, strict=False))


def _item(item: PlanItem, results: Mapping[str, Any]) -> ItemReport:
    attempt = results.get("attempt") or {}
    last = attempt.get("last") or {}
    refactor, verify, test = (last.get(key) or {} for key in ("refactor", "verify", "test"))
    committed = ((results.get("outcome") or {}).get("results") or {}).get("commit") or {}
    status, reason = _status(results, refactor, verify, committed)
    run = ((verify.get("checks") or {}).get("test") or {}).get("run") or {}
    return ItemReport(
        id=item.id,
        rule=item.rule,
        name=item.name,
        stage=item.stage,
        severity=item.severity,
        file=item.file,
        line=item.line,
        module=item.module,
        function=item.function,
        flaw=item.flaw,
        status=status,
        attempts=_attempts(attempt, refactor),
        commit=committed.get("commit"),
        by=refactor.get("by"),
        reason=reason,
        diff=refactor.get("diff") or "",
        test_file=test.get("path"),
        test=test.get("reason") or "",
        problems=tuple(verify.get("problems") or ()),
        output=str(run.get("output") or "")[-2000:],
    )


def _status(
    results: Mapping[str, Any],
    refactor: Mapping[str, Any],
    verify: Mapping[str, Any],
    committed: Mapping[str, Any],
) -> tuple[ItemStatus, str]:
    if committed.get("commit"):
        return "fixed", str(refactor.get("reason") or "")
    if not (results.get("find") or {}).get("found"):
        return "skipped", "no longer there: another repair took it away"
    told = str(refactor.get("reason") or "")
    if refactor.get("changed"):
        return "failed", str(verify.get("summary") or "it did not verify")
    if refactor.get("tried"):
        return "failed", told
    statuses: dict[Any, ItemStatus] = {"needs_human": "needs_human", "failed": "failed"}
    return statuses.get(refactor.get("status"), "needs_model"), told


def _attempts(attempt: Mapping[str, Any], refactor: Mapping[str, Any]) -> int:
    """Return how many repairs there were; the last turn of the loop may have brought none."""
    turns = int(attempt.get("iterations") or 0)
    return turns if refactor.get("tried") else max(0, turns - 1)


def overall(items: Iterable[ItemReport], final_status: str = "passed") -> Status:
    """Return how the refactor ended as a whole; `final_status` is the whole branch's."""
    statuses = [item.status for item in items]
    if not statuses:
        return "nothing_to_do"
    whole = final_status != "failed" and all(one in ("fixed", "skipped") for one in statuses)
    return "done" if whole else "partial"
