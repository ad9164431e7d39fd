"""The project as it is in the working tree, read again only where files have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from otp_genesis.contracts.plugin import RULES
from otp_genesis.contracts.step import Context
from otp_genesis.errors import UsageError
from otp_genesis.otp.folder import Unreadable, content, project_paths
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Finding, Rule
from otp_genesis.otp.scan import Report, scan
from otp_genesis.otp.scan_settings import ScanSettings
from otp_genesis.otp.vocabulary import VOCABULARY, Vocabulary, vocabulary_of
from otp_genesis.settings import Settings

SERVICE = "otp.projects"


class Projects:
    """Remembers the last project that was read; one a run."""

    def __init__(self) -> None:
        self._root: Path | None = None
        self._last: Project | None = None
        self._scanned: tuple[Project, Report] | None = None

    def read(self, root: Path, vocabulary: Vocabulary = VOCABULARY) -> Project:
        """Return the project at `root` as it is now; raise `NotAProject`."""
        if self._last is None or root != self._root:
            self._root, self._last = root, Project.read(root, vocabulary=vocabulary)
            return self._last
        known = self._last
        lost = {one.file for one in known.unparsed}
        present: dict[str, bytes] = {}
        unreadable: set[str] = set()
        for path in project_paths(root):
            try:
                present[path] = content(root, path)
            except Unreadable as error:
                unreadable.add(error.file)
        changed: dict[str, bytes | None] = {
            path: data
            for path, data in present.items()
            if path in lost or path not in known.files or known.source(path) != data
        }
        gone = (known.files.keys() | lost) - present.keys() - (unreadable & lost)
        changed |= dict.fromkeys(gone)
        if changed:
            self._last = known.with_files(changed)
        return self._last

    def report(self, project: Project, rules: tuple[Rule, ...]) -> Report:
        """Return what all rules find; one that was scanned last is not scanned again."""
        if self._scanned is None or self._scanned[0] is not project:
            self._scanned = project, scan(project, rules)
        return self._scanned[1]


def current_project(ctx: Context) -> Project:
    """Return the project that the step stands on."""
    projects: Projects = ctx.facts[SERVICE]
    return projects.read(Path(ctx.codebase.root), vocabulary_of(rules_of(ctx)))


def rules_of(ctx: Context) -> tuple[Rule, ...]:
    """Return the rules that plugins brought, ours among them."""
    return checked_rules(ctx.facts.get(RULES, ()))


def checked_rules(given: Iterable[Any]) -> tuple[Rule, ...]:
    """Return the rules by code; raise `UsageError` for what a plugin calls a rule and is none."""
    rules = tuple(given)
    for rule in rules:
        if not isinstance(rule, Rule):
            raise UsageError(f"{rule!r} is no rule; derive it from otp_genesis.otp.rule.Rule")
    return tuple(sorted(rules, key=lambda rule: rule.code))


def rule_named(ctx: Context, code: str) -> Rule:
    """Return the rule with a code."""
    return next(rule for rule in rules_of(ctx) if rule.code == code)


def current_findings(ctx: Context, only: list[str] | None = None) -> Report:
    """Scan the project that the step stands on."""
    projects: Projects = ctx.facts[SERVICE]
    project, rules = current_project(ctx), rules_of(ctx)
    report = scan(project, rules, only) if only else projects.report(project, rules)
    settings: Settings = ctx.facts["settings"]
    wanted = settings.section("scan", ScanSettings)
    return wanted.applied(report, rules, str(settings.source))


def same_finding(findings: tuple[Finding, ...], wanted: Finding) -> Finding | None:
    """Return `wanted` as it is found now, if it still is.

    A repair may take away one of several that are alike; the ordinals of the rest then change, so
    that the first of its like is taken where the fingerprint itself is gone.
    """
    for finding in findings:
        if finding.fingerprint == wanted.fingerprint:
            return finding
    for finding in findings:
        if kin(finding) == kin(wanted) and finding.message == wanted.message:
            return finding
    return None


def kin(finding: Finding) -> str:
    """What findings have in common that only their place in a function tells apart."""
    return f"{finding.rule} {finding.file} {finding.module or ''} {finding.function or ''}"


def counted_kin(findings: Iterable[Finding]) -> Counter[str]:
    """Return how many findings there are of each kin: what a repair is held against."""
    return Counter(map(kin, findings))
