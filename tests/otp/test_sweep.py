"""A folder scanned file by file: the same findings as from the whole project in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis.errors import NotAProject
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Good
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan
from otp_genesis.otp.sweep import sweep
from otp_genesis.otp.vocabulary import vocabulary_of

RULES = all_rules()
VOCABULARY = vocabulary_of(RULES)
EXAMPLES = [(rule, example) for rule in RULES for example in rule.examples]


def write(root: Path, files: dict[str, str]) -> Path:
    """Write a project."""
    for path, text in {"mix.exs": "# none\n", **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def example_files() -> dict[str, str]:
    """Return every example of every rule as a file of one project, each with its own modules."""
    files: dict[str, str] = {}
    for number, (_, example) in enumerate(EXAMPLES):
        folder, name = example.path.rsplit("/", 1) if "/" in example.path else ("", example.path)
        if folder.startswith(("lib", "test")):
            files[f"{folder}/n{number}_{name}"] = example.code
        for path, text in example.files:
            files.setdefault(path, text)
    return files


@pytest.mark.parametrize("jobs", [1, 2])
def test_examples_of_all_rules(tmp_path: Path, jobs: int) -> None:
    """All examples as one project: alone, by processes or in memory, the findings are the same."""
    root = write(tmp_path, example_files())
    project, report = sweep(root, RULES, VOCABULARY, jobs=jobs)
    whole = scan(Project.read(root, vocabulary=VOCABULARY), RULES)

    assert whole.findings == report.findings
    assert (whole.files, whole.lines, whole.unparsed) == (
        report.files,
        report.lines,
        report.unparsed,
    )
    assert len({finding.rule for finding in report.findings}) > 30
    assert project.source("mix.exs") == (root / "mix.exs").read_bytes()


@pytest.mark.parametrize(
    ("rule", "example"), EXAMPLES, ids=[f"{rule.code}-{n}" for n, (rule, _) in enumerate(EXAMPLES)]
)
def test_each_example(tmp_path: Path, rule: object, example: Good | Bad) -> None:
    """Each example as a project of its own."""
    root = write(tmp_path, {**dict(example.files), example.path: example.code})
    _, report = sweep(root, RULES, VOCABULARY)

    assert scan(Project.read(root, vocabulary=VOCABULARY), RULES).findings == report.findings


def test_unreadable_files(tmp_path: Path) -> None:
    """A file that is lost is told once, wherever it was read."""
    used = "defmodule A do\n  defmacro __using__(_), do: (\nend\n"
    root = write(tmp_path, {"lib/a.ex": used, "lib/b.ex": "def (", "lib/c.ex": "1\n"})
    for jobs in (1, 2):
        _, report = sweep(root, RULES, VOCABULARY, jobs=jobs)

        assert ["lib/a.ex", "lib/b.ex"] == [lost.file for lost in report.unparsed]
        assert 4 == report.files


def test_no_project(tmp_path: Path) -> None:
    """A folder without mix.exs is refused."""
    with pytest.raises(NotAProject, match=r"no mix\.exs"):
        sweep(tmp_path, RULES, VOCABULARY)
