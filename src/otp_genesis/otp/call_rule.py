"""A rule about calls of certain functions: most are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Literal

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Declined, Finding, Rule, Severity
from otp_genesis.otp.task_calls import found_call


class CallRule(Rule):
    """Flags calls of `targets` in production code, each with the same words."""

    targets: ClassVar[tuple[str, ...]]
    """`Module.function/arity`, as calls are resolved through aliases, imports and pipes."""
    kinds = PRODUCTION
    reach: ClassVar[Literal["file", "project"]] = "file"
    flaw: ClassVar[str]

    def __init_subclass__(cls) -> None:
        """Have files read for the targets; a check of its own may look at the whole project."""
        if "check" in cls.__dict__ and "reach" not in cls.__dict__:
            cls.reach = "project"
        cls.needs = getattr(cls, "targets", ())
        cls.watches = (*cls.watches, *getattr(cls, "targets", ()))

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each call that is a flaw."""
        for call in file.production_calls(*self.targets):
            if self.is_flaw(file, call):
                place = (call.start, call.end)
                grade = self.grade(file, call)
                yield self.at(
                    file,
                    place,
                    self.flaw,
                    module=call.module,
                    function=call.function,
                    severity=grade,
                )

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Return whether this call of a target is meant."""
        return True

    def grade(self, file: SourceFile, call: Call) -> Severity:
        """Return how grave this flaw is."""
        return self.severity

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Find the flagged call again, and repair it."""
        file = project.files[finding.file]
        call = found_call(file, finding, self.targets)
        if call is None:
            return Declined("the call is no longer there")
        return self.repair(project, file, call)

    @abstractmethod
    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Return the change that removes the flaw, or why there is none by rule."""
