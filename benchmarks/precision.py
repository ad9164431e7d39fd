"""`python -m benchmarks.precision FOLDER`: which flaws, known by hand, a scan finds.

FOLDER holds the project that `data/foundation_flaws.json` names, at that commit. The flaws were
checked by hand, the claims that are none too: those must not be reported. The exit code is 1 where
a flaw is missed or a wrong claim made, and 2 where the project is not there.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Finding
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

DATA = Path(__file__).with_name("data") / "foundation_flaws.json"
NEAR = 3
"""How many lines a finding may stand above or below a flaw."""


@dataclass(frozen=True)
class Flaw:
    """One claim about the project, and what became of it when it was checked."""

    id: str
    file: str
    line: int
    end_line: int
    category: str
    verified: Literal["yes", "partly", "no"]
    rule: str | None
    """The rule that speaks of such flaws; `None` where none does."""
    module: str | None = None
    """The module, where the flaw is the module's as a whole."""


@dataclass(frozen=True)
class Known:
    """What is known of a project at one commit."""

    project: str
    commit: str
    files: dict[str, str]
    flaws: tuple[Flaw, ...]


def known(path: Path = DATA) -> Known:
    """Read the flaws."""
    data = json.loads(path.read_text(encoding="utf-8"))
    flaws = tuple(Flaw(**one) for one in data.pop("flaws"))
    return Known(**data, flaws=flaws)


def told(flaw: Flaw, findings: tuple[Finding, ...]) -> list[Finding]:
    """Return the findings that speak of a flaw, or, of a wrong claim, all at its place."""
    return [
        finding for finding in findings if finding.file == flaw.file and _speaks_of(finding, flaw)
    ]


def verdict(flaw: Flaw, found: list[Finding]) -> str:
    """Return what a scan makes of a claim: the words of the report."""
    if flaw.verified == "no":
        return "WRONGLY CLAIMED" if found else "not claimed"
    if found:
        return "found"
    return "no rule" if flaw.rule is None else "MISSED"


def _speaks_of(finding: Finding, flaw: Flaw) -> bool:
    if flaw.rule is not None and finding.rule != flaw.rule:
        return False
    if flaw.module is not None:
        return finding.module == flaw.module
    if flaw.verified == "partly" and flaw.rule is None:
        return False
    return flaw.line - NEAR <= finding.line <= flaw.end_line + NEAR


def _missing(folder: Path, data: Known) -> str | None:
    """Return why the folder is not the project, if it is not."""
    if not (folder / "mix.exs").is_file():
        return f"{folder} holds no mix.exs"
    for path, digest in data.files.items():
        file = folder / path
        if not file.is_file():
            return f"{path} is not there"
        if hashlib.sha256(file.read_bytes()).hexdigest()[: len(digest)] != digest:
            return f"{path} is another version"
    return None


def main(arguments: list[str]) -> int:
    """Scan the folder and print what was found of each flaw."""
    data = known()
    wanted = f"give a folder that holds {data.project} at {data.commit}"
    if len(arguments) != 1:
        print(f"nothing was measured: {wanted}", file=sys.stderr)
        return 2
    if (why := _missing(Path(arguments[0]), data)) is not None:
        print(f"nothing was measured: {why}; {wanted}", file=sys.stderr)
        return 2
    findings = scan(Project.read(Path(arguments[0])), all_rules()).findings
    verdicts = []
    for flaw in data.flaws:
        found = told(flaw, findings)
        verdicts.append(verdict(flaw, found))
        by = ", ".join(f"{one.rule} {one.severity} line {one.line}" for one in found)
        place = f"{flaw.file}:{flaw.line}"
        print(f"{flaw.id}  {flaw.verified:6}  {verdicts[-1]:15}  {flaw.category}  {place}  {by}")
    print(", ".join(f"{verdicts.count(one)} {one}" for one in sorted(set(verdicts))))
    return 1 if {"MISSED", "WRONGLY CLAIMED"} & set(verdicts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
