"""The plan: every finding as an action item, in the order in which they are carried out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from otp_genesis.model.change import ChangeSet
from otp_genesis.model.frozen import Frozen
from otp_genesis.otp.project import Project, Unparsed
from otp_genesis.otp.repair import repair_by_rule
from otp_genesis.otp.rule import SEVERITIES, Declined, Finding, Rule
from otp_genesis.otp.scan import Report

By = Literal["rule", "model", "person"]
MAX_SNIPPET_LINES = 24


class PlanItem(Frozen):
    """One flaw: where it is, what is wrong, what repairs it and what proves the repair."""

    id: str
    stage: int
    rule: str
    name: str
    severity: str
    file: str
    line: int
    module: str | None
    function: str | None
    fingerprint: str
    flaw: str
    why: str
    fix: str
    by: By
    """Who can carry it out: the rule by itself, a model, a person."""
    reason: str | None = None
    """Why the rule cannot, where it cannot."""
    before: str
    """Lines that are in the file, beginning at `before_line`."""
    before_line: int
    after: str | None = None
    """What the rule makes of them."""
    diff: str = ""
    """The whole change of the rule, over all files."""
    files: tuple[str, ...] = ()
    test: str
    """What proves the repair."""
    test_file: str | None = None
    effort: str
    risk: str
    depends_on: tuple[str, ...] = ()
    finding: Finding


class Plan(Frozen):
    """All items in order, and what the scan could not read."""

    version: Literal[1] = 1
    project: str
    goal: str
    files: int
    lines: int
    items: tuple[PlanItem, ...]
    unparsed: tuple[Unparsed, ...] = ()


def make_plan(
    project: Project, report: Report, rules: Iterable[Rule], *, name: str, goal: str
) -> Plan:
    """Return the plan for what a scan found: by stage, severity, file and line."""
    by_code = {rule.code: rule for rule in rules}
    ordered = sorted(report.findings, key=_order)
    items: list[PlanItem] = []
    shared: dict[str, str] = {}
    numbers: dict[int, int] = {}
    for finding in ordered:
        numbers[finding.stage] = numbers.get(finding.stage, 0) + 1
        identity = f"S{finding.stage}-{numbers[finding.stage]:02d}"
        item = _item(identity, project, by_code[finding.rule], finding)
        elsewhere = [path for path in item.files if path not in (finding.file, item.test_file)]
        needs = tuple(sorted({shared[path] for path in elsewhere if path in shared}))
        for path in elsewhere:
            shared.setdefault(path, identity)
        items.append(item.model_copy(update={"depends_on": needs}))
    return Plan(
        project=name,
        goal=goal,
        files=report.files,
        lines=report.lines,
        items=tuple(items),
        unparsed=report.unparsed,
    )


def _order(finding: Finding) -> tuple[int, int, str, int, int]:
    severity = SEVERITIES.index(finding.severity)
    return finding.stage, severity, finding.file, finding.line, finding.column


def _item(identity: str, project: Project, rule: Rule, finding: Finding) -> PlanItem:
    change = repair_by_rule(rule, project, finding)
    page = sections(rule.__doc__ or "")
    lines = project.source(finding.file).decode().splitlines()
    start, end = finding.line, min(finding.end_line, finding.line + MAX_SNIPPET_LINES - 1)
    before, before_line, after, diff = "\n".join(lines[start - 1 : end]), start, None, ""
    test, test_file = "the project's own tests, and that the finding is gone", None
    if isinstance(change, ChangeSet):
        fixed = changed_files(project, change)
        diff = "".join(unified(path, *both) for path, both in sorted(fixed.items()))
        before, before_line, after = snippets(*fixed[finding.file])
        proof = rule.test(project.with_files({p: new for p, (_, new) in fixed.items()}), finding)
        if not isinstance(proof, Declined):
            test, test_file = proof.proves, proof.path
    return PlanItem(
        id=identity,
        stage=finding.stage,
        rule=rule.code,
        name=rule.name,
        severity=finding.severity,
        file=finding.file,
        line=finding.line,
        module=finding.module,
        function=finding.function,
        fingerprint=finding.fingerprint,
        flaw=finding.message,
        why=page.get("Why is this bad?", ""),
        fix=page.get("Use instead", ""),
        by="rule" if isinstance(change, ChangeSet) else who_repairs(rule),
        reason=change.reason if isinstance(change, Declined) else None,
        before=before,
        before_line=before_line,
        after=after,
        diff=diff,
        files=change.paths if isinstance(change, ChangeSet) else (),
        test=test,
        test_file=test_file,
        effort=rule.effort,
        risk=rule.risk,
        finding=finding,
    )


def who_repairs(rule: Rule) -> By:
    """Return who can repair what the rule itself has declined to."""
    return "person" if rule.safety == "none" else "model"


def sections(page: str) -> dict[str, str]:
    """Return the sections of a rule's page by their headings, each as one text."""
    parts = re.split(r"^\s*## (.+)$", page, flags=re.MULTILINE)
    texts = (" ".join(text.split()) for text in parts[2::2])
    return dict(zip(parts[1::2], texts, strict=True))


def changed_files(project: Project, change: ChangeSet) -> dict[str, tuple[bytes, bytes]]:
    """Return each changed file's bytes before and after."""
    result = {}
    for one in change.files:
        old = None if one.base is None else project.source(one.path)
        result[one.path] = (old or b"", one.apply(old))
    return result


def unified(path: str, old: bytes, new: bytes) -> str:
    """Return the change of one file as a unified diff."""
    before, after = (data.decode().splitlines(keepends=True) for data in (old, new))
    lines = difflib.unified_diff(before, after, f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def snippets(old: bytes, new: bytes) -> tuple[str, int, str]:
    """Return the lines that a change touches, their first line number, and what they become."""
    before, after = old.decode().splitlines(), new.decode().splitlines()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    groups = list(matcher.get_grouped_opcodes(1))
    olds = [before[group[0][1] : group[-1][2]] for group in groups]
    news = [after[group[0][3] : group[-1][4]] for group in groups]
    first = groups[0][0][1] + 1 if groups else 1
    return _joined(olds), first, _joined(news)


def _joined(parts: Sequence[Sequence[str]]) -> str:
    return "\n# …\n".join("\n".join(lines) for lines in parts)


def limited(plan: Plan, count: int) -> Plan:
    """Return the plan with its first `count` items only; 0 means all."""
    return plan if count <= 0 else _of(plan, plan.items[:count])


def of_findings(plan: Plan, fingerprints: Collection[str]) -> Plan:
    """Return the plan with the items for these findings only; none named means all."""
    if not fingerprints:
        return plan
    return _of(plan, [item for item in plan.items if item.finding.fingerprint in fingerprints])


def _of(plan: Plan, items: Sequence[PlanItem]) -> Plan:
    kept = {item.id for item in items}
    whole = [
        item.model_copy(update={"depends_on": tuple(i for i in item.depends_on if i in kept)})
        for item in items
    ]
    return plan.model_copy(update={"items": tuple(whole)})
