"""Runs rules over a project: the report, suppressions, and findings' lasting identities."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

from otp_genesis.model.frozen import Frozen
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.holding import RulesByNeed
from otp_genesis.otp.project import Project, Unparsed
from otp_genesis.otp.rule import Evidence, Finding, Rule, fingerprint, span_of


class Report(Frozen):
    """What a scan found; findings by file, line, column and rule."""

    version: Literal[1] = 1
    files: int
    lines: int
    elapsed_s: float
    cached: int = 0
    """Files whose facts were not read anew."""
    findings: tuple[Finding, ...]
    unparsed: tuple[Unparsed, ...]


def scan(project: Project, rules: Iterable[Rule], only: Collection[str] = ()) -> Report:
    """Return what `rules` (of them those whose code or name is in `only`) find in `project`."""
    began = time.perf_counter()
    wanted = chosen(rules, only)
    held = RulesByNeed(wanted)
    findings = [
        finding
        for file in project.files.values()
        for finding in findings_of(project, file, held.of(project, file))
    ]
    return Report(
        files=len(project.files.keys() | {lost.file for lost in project.unparsed}),
        lines=sum(file.line_count for file in project.files.values()),
        elapsed_s=time.perf_counter() - began,
        findings=tuple(sorted(findings, key=place_of)),
        unparsed=project.unparsed,
    )


def chosen(rules: Iterable[Rule], only: Collection[str] = ()) -> list[Rule]:
    """Return the rules whose code or name is in `only`; all where that is empty."""
    return [rule for rule in rules if not only or {rule.code, rule.name} & set(only)]


def place_of(finding: Finding) -> tuple[str, int, int, str]:
    """Return what findings are sorted by."""
    return finding.file, finding.line, finding.column, finding.rule


def findings_of(project: Project, file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding]:
    """Yield what `rules` find in one file, but for what a comment allows."""
    for rule in rules:
        found = [*rule.check(project, file)]
        if not found:
            continue
        seen: Counter[str] = Counter()
        for finding in sorted(found, key=place_of):
            ordinal = seen[finding.fingerprint]
            seen[finding.fingerprint] += 1
            if not _allowed(file, finding):
                yield _marked(file, _numbered(file, finding, ordinal))


def _numbered(file: SourceFile, finding: Finding, ordinal: int) -> Finding:
    if ordinal == 0:
        return finding
    flagged = file.slice(span_of(file, finding))
    name = fingerprint(finding.rule, finding.module, finding.function, flagged, ordinal)
    return finding.model_copy(update={"fingerprint": name})


def _marked(file: SourceFile, finding: Finding) -> Finding:
    """Return a finding that says what of its file is not known."""
    if not file.gaps:
        return finding
    note = "this could not be read, and what it does is not known; the file is not edited"
    gaps = [Evidence(file=file.path, line=gap.first_line, note=note) for gap in file.gaps]
    evidence = (*finding.evidence, *gaps)
    return finding.model_copy(update={"evidence": evidence, "fix": "none"})


def _allowed(file: SourceFile, finding: Finding) -> bool:
    return any(
        finding.rule in allowance.rules and allowance.line == finding.line
        for allowance in file.allowances
    )
