"""Every rule is tested by the examples in its own file."""

import pytest

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import SEVERITIES, STAGES, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

RULES = all_rules()
CASES = [
    pytest.param(rule, example, id=f"{rule.code}-{number}")
    for rule in RULES
    for number, example in enumerate(rule.examples)
]


def project_of(example: Good | Bad) -> Project:
    return Project.of({**dict(example.files), example.path: example.code})


def findings(project: Project, rule: Rule) -> tuple[Finding, ...]:
    return scan(project, [rule]).findings


def apply(project: Project, change: ChangeSet) -> Project:
    return project.with_files(
        {
            part.path: part.apply(project.source(part.path) if part.base else None)
            for part in change.files
        }
    )


def repaired(project: Project, rule: Rule) -> Project:
    """Fix one finding after the other, each on the project as it then is."""
    for _ in range(20):
        changes = (rule.fix(project, finding) for finding in findings(project, rule))
        change = next((made for made in changes if isinstance(made, ChangeSet)), None)
        if change is None:
            return project
        project = apply(project, change)
    raise AssertionError(f"{rule.code} is not stable")


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_example(rule: Rule, example: Good | Bad) -> None:
    """Good stays silent, Bad is found; the fix gives `fixed`, which is silent and stays."""
    project = project_of(example)
    found = findings(project, rule)

    assert not project.unparsed
    assert (example.count if isinstance(example, Bad) else 0) == len(found)
    if isinstance(example, Bad) and example.fixed is None:
        assert all(isinstance(rule.fix(project, finding), Declined) for finding in found)
    elif isinstance(example, Bad):
        after = repaired(project, rule)
        others = {**dict(example.files), **dict(example.files_fixed)}
        texts = {path: file.text.decode() for path, file in after.files.items()}
        assert texts == {**others, example.path: example.fixed}
        assert not after.unparsed
        assert not findings(after, rule)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_shape(rule: Rule) -> None:
    """A rule names itself, documents itself, and has examples of both kinds."""
    doc = type(rule).__doc__ or ""
    kinds = [type(example) for example in rule.examples]

    assert type(rule).__module__.endswith(f"{rule.code.lower()}_{rule.name.replace('-', '_')}")
    assert all(f"## {part}" in doc for part in ("Why is this bad?", "Use instead", "Fix safety"))
    assert kinds.count(Bad) >= 4
    assert kinds.count(Good) >= 4
    assert rule.severity in SEVERITIES
    assert rule.stage in STAGES
    assert rule.safety in ("safe", "unsafe", "model", "none")
    assert rule.effort in ("minutes", "hours", "days")
    assert rule.risk.endswith(".")


def test_codes_are_unique() -> None:
    """No two rules share a code or a name."""
    assert len(RULES) == len({rule.code for rule in RULES}) == len({rule.name for rule in RULES})


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_findings_are_whole(rule: Rule, example: Good | Bad) -> None:
    """Every finding says where it is, in lines and columns of its file, and gives a fingerprint."""
    project = project_of(example)

    for finding in findings(project, rule):
        lines = project.source(finding.file).decode().splitlines()
        assert 1 <= finding.line <= finding.end_line <= len(lines)
        assert 1 <= finding.column <= len(lines[finding.line - 1])
        assert finding.severity in SEVERITIES
        assert len(finding.fingerprint) == 16
        assert finding.message
