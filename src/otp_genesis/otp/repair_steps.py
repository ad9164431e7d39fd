"""Steps that change the code: repair, format, test, take back, commit."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from otp_genesis.contracts.codebase import Revision
from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import CodebaseError, ProviderError
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.otp.commit_message import commit_message
from otp_genesis.otp.mix import is_elixir
from otp_genesis.otp.model_repair import ask_for_repair, make_edits
from otp_genesis.otp.plan import PlanItem, who_repairs
from otp_genesis.otp.projects import current_project, rule_named
from otp_genesis.otp.repair import repair_by_rule
from otp_genesis.otp.rule import Declined, Finding, Rule
from otp_genesis.otp.verify_steps import mix_of


class Fix(Params):
    """Parameters of `otp.fix`."""

    finding: Finding
    feedback: str | None = None
    """Why the last repair was taken back."""


class Repair(BaseModel):
    """What `otp.fix` did, or why it did nothing."""

    changed: bool = False
    tried: bool = False
    """Whether there was a repair, though perhaps one that could not be made."""
    by: str | None = None
    reason: str = ""
    status: str | None = None
    """`needs_model`, `needs_human` or `failed`, where there was none."""
    files: list[str] = []


@step("otp.fix", effects="writes")
async def fix(params: Fix, ctx: Context) -> Outcome:
    """Repair a flaw: by its rule where the shape is exact, else by a model where one is there.

    With `feedback` the rule has had its turn. The result holds `changed`, `tried`, `by`, `files`
    and `reason`.
    """
    project, rule = current_project(ctx), rule_named(ctx, params.finding.rule)
    if params.feedback is None:
        change = repair_by_rule(rule, project, params.finding)
        if not isinstance(change, Declined):
            await ctx.codebase.apply(change)
            files = list(change.paths)
            done = Repair(changed=True, tried=True, by="rule", reason=rule.risk, files=files)
            return Ok(output=done.model_dump())
        left = Repair(status=_who_is_left(rule), reason=change.reason)
    else:
        left = Repair(status="failed", by="rule", reason=params.feedback)
    if await ctx.models.available("text", "structured_output"):
        left = await _by_model(params, ctx, rule, left)
    return Ok(output=left.model_dump())


async def _by_model(params: Fix, ctx: Context, rule: Rule, left: Repair) -> Repair:
    try:
        asked = await ask_for_repair(
            ctx, current_project(ctx), rule, params.finding, params.feedback
        )
    except ProviderError as error:
        reason = f"{left.reason}; no model could repair it: {error}"
        return left.model_copy(update={"by": None, "reason": reason})
    try:
        await make_edits(ctx, asked.repair)
    except CodebaseError as error:
        before = ctx.scope.revision
        if before is not None:
            await ctx.codebase.restore(before)
        reason = f"the repair could not be made: {error}"
        return Repair(tried=True, by=asked.provider, reason=reason)
    files = sorted({edit.path for edit in asked.repair.edits})
    return Repair(
        changed=True, tried=True, by=asked.provider, reason=asked.repair.explanation, files=files
    )


def _who_is_left(rule: Rule) -> str:
    return "needs_human" if who_repairs(rule) == "person" else "needs_model"


class Format(Params):
    """Parameters of `otp.format`."""

    files: list[str]
    unless: list[str] = []
    """Files that were not formatted before either, and stay as they are."""


@step("otp.format", effects="writes")
async def format_files(params: Format, ctx: Context) -> Outcome:
    """Format files with the project's formatter."""
    files = [one for one in params.files if one not in params.unless and is_elixir(one)]
    result = await mix_of(ctx).format(files)
    return Ok(output={"files": files, **result.model_dump(mode="json")})


class Diff(Params):
    """Parameters of `otp.diff`."""

    since: Revision


@step("otp.diff", effects="reads")
async def diff(params: Diff, ctx: Context) -> Outcome:
    """Return the git diff of the code since a revision."""
    return Ok(output={"diff": await ctx.codebase.diff(params.since)})


class GenerateTest(Params):
    """Parameters of `otp.generate_test`."""

    finding: Finding


@step("otp.generate_test", effects="writes")
async def generate_test(params: GenerateTest, ctx: Context) -> Outcome:
    """Write the ExUnit test that proves a repair, where the rule knows one.

    The result holds `path` and `content` (nothing where there is no test) and `reason`, what the
    test proves or why there is none.
    """
    project, rule = current_project(ctx), rule_named(ctx, params.finding.rule)
    made = rule.test(project, params.finding)
    if isinstance(made, Declined):
        return Ok(output={"path": None, "content": None, "reason": made.reason})
    if made.path in project.files and project.source(made.path).decode() != made.code:
        reason = f"{made.path} is there already, with other content"
        return Ok(output={"path": None, "content": None, "reason": reason})
    await ctx.codebase.write(made.path, made.code)
    return Ok(output={"path": made.path, "content": made.code, "reason": made.proves})


class Restore(Params):
    """Parameters of `otp.restore`."""

    revision: Revision
    why: str = ""


@step("otp.restore", effects="writes")
async def restore(params: Restore, ctx: Context) -> Outcome:
    """Make the code that of a revision again."""
    await ctx.codebase.restore(params.revision)
    return Ok(output={"restored": True, "why": params.why}, revision=params.revision)


class Commit(Params):
    """Parameters of `otp.commit`."""

    item: PlanItem
    repair: dict[str, Any]
    verification: dict[str, Any]
    since: Revision


@step("otp.commit", effects="writes")
async def commit(params: Commit, ctx: Context) -> Outcome:
    """Commit the repaired code on the work's branch; the result holds `commit` and `message`."""
    message = commit_message(params.item, params.repair, params.verification)
    made = await ctx.codebase.commit(message, params.since)
    if made.head is None:
        return Failed(error="the commit has no id")
    return Ok(output={"commit": made.head, "message": message}, revision=made)


STEPS = (fix, format_files, diff, generate_test, restore, commit)
