"""The report as one self-contained page: no script, no font, nothing fetched from anywhere."""

from __future__ import annotations

from otp_genesis.otp.html import page
from otp_genesis.otp.plan import Plan
from otp_genesis.otp.report import RefactorReport
from otp_genesis.otp.rule import STAGES

LABELS = {
    "fixed": "repaired and verified",
    "failed": "repair did not verify, taken back",
    "skipped": "no longer there",
    "needs_model": "needs a model's judgement",
    "needs_human": "needs a person's decision",
}


def report_page(report: RefactorReport, plan: Plan) -> str:
    """Return the page; everything that comes from the project is escaped."""
    counts = {status: sum(1 for item in report.items if item.status == status) for status in LABELS}
    planned = {item.id: item for item in plan.items}
    values = {
        "report": report,
        "stages": STAGES,
        "labels": LABELS,
        "counts": counts,
        "planned": planned,
    }
    return page("report.html.jinja", values, diff_lines=diff_lines)


def diff_lines(diff: str) -> list[tuple[str, str]]:
    """Return each line of a diff with its kind: `add`, `del`, `hunk`, `file` or nothing."""
    kinds = {"+": "add", "-": "del", "@": "hunk"}
    lines = []
    for line in diff.splitlines():
        header = line.startswith(("diff --git", "index ", "--- ", "+++ ", "new file"))
        lines.append(("file" if header else kinds.get(line[:1], ""), line))
    return lines
