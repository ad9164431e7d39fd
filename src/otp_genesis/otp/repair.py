"""A repair by rule, with what holds for all of them."""

from __future__ import annotations

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Declined, Finding, Rule


def repair_by_rule(rule: Rule, project: Project, finding: Finding) -> ChangeSet | Declined:
    """Return the change by which `rule` removes `finding`, or why there is none.

    A file of which a part could not be read is not edited: what stands there might need the change
    as well, or forbid it.
    """
    change = rule.fix(project, finding)
    for edited in change.files if isinstance(change, ChangeSet) else ():
        known = project.files.get(edited.path)
        if known is not None and known.gaps:
            lines = ", ".join(map(str, known.gaps))
            return Declined(f"{lines} of {edited.path} could not be read; mend that first")
    return change
