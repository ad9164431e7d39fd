"""What a rule is. Its check, fix, documentation and examples live in its own file."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from otp_genesis.model.change import ChangeSet
from otp_genesis.model.frozen import Frozen

if TYPE_CHECKING:
    from otp_genesis.otp.facts import Kind, SourceFile
    from otp_genesis.otp.project import Project
    from otp_genesis.otp.syntax import Span

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")

Stage = Literal[1, 2, 3, 4, 5]
STAGES: dict[int, str] = {
    1: "Critical fixes",
    2: "State persistence",
    3: "Architectural decomposition",
    4: "Testing and communication",
    5: "Integration and rollout",
}

Safety = Literal["safe", "unsafe", "model", "none"]
"""`safe`: behaviour stays but for the flaw; `unsafe`: mechanical, callers may see a difference;
`model`: needs judgement that a model can give; `none`: needs a person."""


class Evidence(Frozen):
    """A place that proves a finding."""

    file: str
    line: int
    note: str

    @classmethod
    def at(cls, file: SourceFile, offset: int, note: str) -> Evidence:
        """Return the evidence that stands at a byte offset of `file`."""
        return cls(file=file.path, line=file.lines.position(offset)[0], note=note)


class Finding(Frozen):
    """One place where a rule does not hold. Lines and columns from 1, columns in characters."""

    rule: str
    name: str
    severity: Severity
    stage: int
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    module: str | None
    function: str | None
    """`name/arity`."""
    message: str
    evidence: tuple[Evidence, ...] = ()
    fix: Safety
    fingerprint: str
    """Stays the same while lines move: rule, module, function, the flagged code, its ordinal."""


PRODUCTION: frozenset[Kind] = frozenset({"lib"})
"""The files of which most rules speak."""


@dataclass(frozen=True)
class Declined:
    """Why a rule does not repair a finding by itself."""

    reason: str


@dataclass(frozen=True)
class GeneratedTest:
    """An ExUnit file that fails before the repair and passes after it."""

    path: str
    code: str
    proves: str


@dataclass(frozen=True)
class Good:
    """Source that the rule must not report. `files` are the other files of the project."""

    code: str
    path: str = "lib/example.ex"
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Bad:
    """Source that the rule must report.

    `fixed` is what the fix must make of it, `files_fixed` what it must make of other files; where
    `fixed` is `None` the fix must decline. `count` is the number of findings.
    """

    code: str
    fixed: str | None = None
    path: str = "lib/example.ex"
    files: tuple[tuple[str, str], ...] = ()
    files_fixed: tuple[tuple[str, str], ...] = ()
    count: int = 1


class Rule(ABC):
    """A named OTP anti-pattern. The class docstring is its documentation page."""

    code: ClassVar[str]
    name: ClassVar[str]
    stage: ClassVar[Stage]
    severity: ClassVar[Severity]
    safety: ClassVar[Safety]
    examples: ClassVar[tuple[Good | Bad, ...]]
    effort: ClassVar[str]
    """A person's effort for one repair: `minutes`, `hours` or `days`."""
    risk: ClassVar[str]
    """One sentence: what a repair may change for callers."""
    reach: ClassVar[Literal["file", "project"]] = "project"
    """What its check may look at. `file`: the file itself, `project.behaviours`, and the files that
    define a `__using__`, no others; such a rule is held against a file while its tree is at hand,
    by several processes, and its findings are remembered while the file stays the same."""
    kinds: ClassVar[frozenset[Kind]] = frozenset({"lib", "test", "config", "mix"})
    """What the files are for that it looks at."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Calls, as `Module.function/arity`, of which each file that it can flag has one; the others
    are not shown to it. Empty: any file."""
    needs_server: ClassVar[bool] = False
    """Whether each file that it can flag defines a server; others are not shown to it."""
    watches: ClassVar[tuple[str, ...]] = ()
    """Calls that its check asks a file for, as `Module.function/arity`, beside those that the rules
    of this program ask for: files are read for them."""

    def at(
        self,
        file: SourceFile,
        span: Span,
        message: str,
        *,
        module: str | None,
        function: str | None = None,
        evidence: Iterable[Evidence] = (),
        severity: Severity | None = None,
        fix: Safety | None = None,
    ) -> Finding:
        """Return the finding of this rule that flags the bytes `span` of `file`."""
        (line, column), (end_line, end_column) = map(file.lines.position, span)
        return Finding(
            rule=self.code,
            name=self.name,
            severity=severity or self.severity,
            stage=self.stage,
            file=file.path,
            line=line,
            column=column,
            end_line=end_line,
            end_column=end_column,
            module=module,
            function=function,
            message=message,
            evidence=tuple(evidence),
            fix=fix or self.safety,
            fingerprint=fingerprint(self.code, module, function, file.slice(span), 0),
        )

    @abstractmethod
    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Yield each finding in `file`, in file order."""

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Return the change that removes `finding`, or why there is none by rule."""
        return Declined("this flaw needs a decision that a rule cannot take")

    def test(self, project: Project, finding: Finding) -> GeneratedTest | Declined:
        """Return a test that proves the repair of `finding`; `project` is the repaired one."""
        return Declined("the project's own tests cover this repair")


def fingerprint(
    rule: str, module: str | None, function: str | None, flagged: str, ordinal: int
) -> str:
    """Return a finding's identity, blind to blanks and to where it stands in the file.

    `ordinal` counts, from 0, the findings that are equal in all else.
    """
    parts = (rule, module or "", function or "", " ".join(flagged.split()), str(ordinal))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def span_of(file: SourceFile, finding: Finding) -> Span:
    """Return the bytes of `file` that a finding flags."""
    start = file.lines.offset(finding.line, finding.column)
    return start, file.lines.offset(finding.end_line, finding.end_column)
