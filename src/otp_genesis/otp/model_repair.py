"""A repair by a model: the rule's page is the prompt, exact replacements are the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from otp_genesis.contracts.provider import Request
from otp_genesis.contracts.step import Context
from otp_genesis.errors import CodebaseError
from otp_genesis.model.frozen import Frozen
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Finding, Rule


class Replacement(Frozen):
    """One exact replacement in a file; an empty `old` makes a new file of `new`."""

    path: str
    old: str
    new: str


class ModelRepair(Frozen):
    """What a model answers."""

    explanation: str
    edits: tuple[Replacement, ...] = Field(min_length=1)


SYSTEM = (
    "You repair Erlang/OTP flaws in Elixir code. Change as little as the repair needs; keep"
    " behaviour, names and formatting. Answer with exact replacements: each `old` must occur"
    " exactly once in its file."
)


@dataclass(frozen=True)
class Asked:
    """A model's repair, and whose it is."""

    provider: str
    repair: ModelRepair


async def ask_for_repair(
    ctx: Context, project: Project, rule: Rule, finding: Finding, feedback: str | None
) -> Asked:
    """Ask for a repair; raise what the gateway raises."""
    request = Request(
        prompt=prompt(project, rule, finding, feedback),
        system=SYSTEM,
        output_schema=ModelRepair.model_json_schema(),
        needs=frozenset(("text", "structured_output")),
    )
    reply = await ctx.models.complete(request)
    return Asked(reply.provider, ModelRepair.model_validate(reply.data))


async def make_edits(ctx: Context, repair: ModelRepair) -> None:
    """Make a repair's edits in order; raise `CodebaseError` at the first that cannot be made."""
    for edit in repair.edits:
        if edit.old:
            await ctx.codebase.edit(edit.path, edit.old, edit.new)
        elif edit.path in await ctx.codebase.list():
            raise CodebaseError(f"{edit.path} exists already; it cannot be made anew")
        else:
            await ctx.codebase.write(edit.path, edit.new)


def prompt(project: Project, rule: Rule, finding: Finding, feedback: str | None) -> str:
    """Return the task: the rule's page, the finding, the files, and what went wrong last time."""
    shown: dict[str, Any] = {finding.file: project.source(finding.file).decode()}
    for evidence in finding.evidence:
        if evidence.file in project.files:
            shown[evidence.file] = project.source(evidence.file).decode()
    files = "\n\n".join(f"File `{path}`:\n```elixir\n{text}```" for path, text in shown.items())
    parts = [
        f"Repair this flaw ({rule.code} {rule.name}) at {finding.file}:{finding.line}, in"
        f" {finding.module}, function {finding.function}: {finding.message}",
        f"About this flaw:\n{rule.__doc__ or ''}",
        files,
    ]
    if feedback:
        parts.append(f"Your last repair was taken back, because:\n{feedback}")
    return "\n\n".join(parts)
