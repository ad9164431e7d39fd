"""The step that sums a refactor up and draws its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import EnvironmentLacks
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.otp.plan import Plan
from otp_genesis.otp.report import Counts, RefactorReport, item_reports, overall
from otp_genesis.otp.report_html import report_page


class MakeReport(Params):
    """Parameters of `otp.report`."""

    plan: Plan
    iterations: list[dict[str, Any]]
    baseline: dict[str, Any]
    final: dict[str, Any]


@step("otp.report")
async def report(params: MakeReport, ctx: Context) -> Outcome:
    """Sum up a refactor: the report as data, and one self-contained HTML page."""
    facts, request = ctx.facts, ctx.facts["request"]
    path = Path(ctx.facts["settings"].home) / "reports" / f"{request.run_id}.html"
    items = item_reports(params.plan, params.iterations)
    before = Counts.model_validate(params.baseline.get("tests") or {})
    done = RefactorReport(
        run_id=request.run_id,
        project=str(facts.get("project", ctx.codebase.root)),
        branch=str(facts.get("branch", "")) if any(item.commit for item in items) else "",
        base=str(facts.get("base", "")),
        repository=str(facts.get("repository", "")),
        sandbox=str(facts.get("sandbox", "")),
        notes=tuple(facts.get("notes", ())),
        status=overall(items, str(params.final.get("status"))),
        goal=params.plan.goal,
        items=items,
        unparsed=tuple(one.model_dump() for one in params.plan.unparsed),
        baseline=before,
        final=Counts.model_validate(params.final["tests"]) if "tests" in params.final else before,
        final_status=str(params.final.get("status") or "unchanged"),
        final_summary=str(params.final.get("summary") or ""),
        report=str(path),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(report_page(done, params.plan), encoding="utf-8")
    except OSError as error:
        raise EnvironmentLacks(f"cannot write the report {path}: {error.strerror}") from None
    return Ok(output=done.model_dump(mode="json"))


STEPS = (report,)
