"""Steps that look: scan the project, make the plan, find one flaw again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import did_you_mean
from otp_genesis.model.event import Noted
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.otp.plan import Plan, limited, make_plan, of_findings
from otp_genesis.otp.plan_documents import plan_documents
from otp_genesis.otp.projects import (
    counted_kin,
    current_findings,
    current_project,
    rules_of,
    same_finding,
)
from otp_genesis.otp.rule import Finding


class Scan(Params):
    """Parameters of `otp.scan`."""

    only: list[str] | None = None
    """Codes or names of the rules to run; all by default."""
    file: str | None = None
    """Keep findings in this file only."""


@step("otp.scan", effects="reads")
async def scan_project(params: Scan, ctx: Context) -> Outcome:
    """Scan the project; the report holds `findings`, `unparsed`, `files` and `lines`."""
    known = {name for rule in rules_of(ctx) for name in (rule.code, rule.name)}
    for name in params.only or ():
        if name not in known:
            return Failed(error=f"no rule {name!r}{did_you_mean(name, known)}")
    report = current_findings(ctx, params.only)
    if params.file is not None:
        kept = tuple(one for one in report.findings if one.file == params.file)
        report = report.model_copy(update={"findings": kept})
    return Ok(output=report.model_dump(mode="json"))


class MakePlan(Params):
    """Parameters of `otp.plan`."""

    goal: str
    only: list[str] | None = None
    fingerprints: list[str] = []
    """Keep the items for these findings only; all with `[]`."""
    max_items: int = 0
    """Keep so many items at most; 0 keeps all."""


@step("otp.plan", effects="reads")
async def plan_refactor(params: MakePlan, ctx: Context) -> Outcome:
    """Scan, and make the staged plan of what is found; the result is the plan with its `items`."""
    project, report = current_project(ctx), current_findings(ctx, params.only)
    name = Path(str(ctx.facts.get("project") or ctx.codebase.root)).name
    plan = make_plan(project, report, rules_of(ctx), name=name, goal=params.goal)
    known = {item.finding.fingerprint for item in plan.items}
    for fingerprint in params.fingerprints:
        if fingerprint not in known:
            return Failed(error=f"no finding {fingerprint!r} can be an item; scan again")
    plan = of_findings(plan, params.fingerprints)
    return Ok(output=limited(plan, params.max_items).model_dump(mode="json"))


class Documents(Params):
    """Parameters of `otp.plan_documents`."""

    plan: Plan


@step("otp.plan_documents")
async def write_documents(params: Documents, ctx: Context) -> Outcome:
    """Write the plan as five stage documents and `plan.json`; the result lists name and content."""
    documents = [one.model_dump() for one in plan_documents(params.plan)]
    return Ok(output={"documents": documents})


class FindAgain(Params):
    """Parameters of `otp.find`."""

    finding: Finding


@step("otp.find", effects="reads")
async def find_again(params: FindAgain, ctx: Context) -> Outcome:
    """Find a known flaw in the code as it is now, wherever its lines have moved to.

    The result holds `found`, the `finding` as it is now, how many findings of each kin there
    are `before` the repair, and the `revision` that a failed repair goes back to.
    """
    wanted = params.finding
    told = f"{wanted.rule} {wanted.name} {wanted.file}:{wanted.line}"
    await ctx.emit(Noted(at=time.time(), path=ctx.path, message=told))
    report = current_findings(ctx)
    now = same_finding(report.findings, params.finding)
    revision = ctx.scope.revision
    output: dict[str, Any] = {
        "found": now is not None,
        "finding": now.model_dump(mode="json") if now else None,
        "before": dict(counted_kin(report.findings)),
        "revision": revision.model_dump() if revision else None,
    }
    return Ok(output=output)


STEPS = (scan_project, plan_refactor, write_documents, find_again)
