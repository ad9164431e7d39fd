"""The section `[scan]` of `genesis.toml`: which rules, how grave, which files, what is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from otp_genesis.codebase.patterns import matches
from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.model.frozen import Frozen
from otp_genesis.otp.rule import Finding, Rule, Severity
from otp_genesis.otp.scan import Report


class ScanSettings(Frozen):
    """What holds for every scan of a project, its plans and its refactors."""

    rules: dict[str, Severity | Literal["off"]] = {}
    """By code or name: how grave its findings are, or that it is not wanted."""
    exclude: tuple[str, ...] = ()
    """Patterns of files whose findings are not told: generated ones, copies."""
    fail_on: Severity | None = None
    """Exit with 1 for a finding this grave or graver, where the command line says nothing."""
    baseline: str | None = None
    """A file of known findings, beside `genesis.toml`: only others are told."""

    def applied(self, report: Report, rules: Iterable[Rule], source: str) -> Report:
        """Return the report as these settings want it; raise `UsageError` for an unknown rule."""
        if not self.rules and not self.exclude:
            return report
        wanted = self._by_code(rules, source)
        kept = tuple(
            one if (severity := wanted.get(one.rule)) is None else _graded(one, severity)
            for one in report.findings
            if wanted.get(one.rule) != "off" and not self._excluded(one.file)
        )
        return report.model_copy(update={"findings": kept})

    def _by_code(self, rules: Iterable[Rule], source: str) -> dict[str, str]:
        codes = {name: rule.code for rule in rules for name in (rule.code, rule.name)}
        for name in self.rules:
            if name not in codes:
                message = f"[scan] rules: no rule {name!r}{did_you_mean(name, codes)}"
                raise UsageError(f"{source}: {message}")
        return {codes[name]: wanted for name, wanted in self.rules.items()}

    def _excluded(self, file: str) -> bool:
        return any(matches(pattern, file) for pattern in self.exclude)


def _graded(finding: Finding, severity: str) -> Finding:
    return finding.model_copy(update={"severity": severity})
