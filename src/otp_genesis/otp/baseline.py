"""Known findings in a file that can be committed: a scan then tells only the others."""

from __future__ import annotations

import json
from pathlib import Path

from otp_genesis.errors import EnvironmentLacks, UsageError
from otp_genesis.otp.scan import Report

VERSION = 1


def write_baseline(path: Path, report: Report) -> int:
    """Write what the report found; return how many. Raises `EnvironmentLacks`.

    A finding is known by its fingerprint; rule, file and line are for those who read the file.
    """
    findings = [
        {"fingerprint": one.fingerprint, "rule": one.rule, "file": one.file, "line": one.line}
        for one in report.findings
    ]
    text = json.dumps({"version": VERSION, "findings": findings}, indent=1) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EnvironmentLacks(f"cannot write the baseline {path}: {error.strerror}") from None
    return len(findings)


def read_baseline(path: Path) -> frozenset[str]:
    """Return the fingerprints in a baseline; raise `UsageError` where it is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        known = data["version"] == VERSION
        found = frozenset(str(one["fingerprint"]) for one in data["findings"])
    except OSError as error:
        message = f"cannot read the baseline {path}: {error.strerror}; write it: --write-baseline"
        raise UsageError(message) from None
    except (ValueError, TypeError, KeyError):
        known, found = False, frozenset()
    if not known:
        raise UsageError(f"{path}: this is no baseline of version {VERSION}; write it anew")
    return found


def without_known(report: Report, known: frozenset[str]) -> tuple[Report, int]:
    """Return the report without the known findings, and how many known ones are gone."""
    new = tuple(one for one in report.findings if one.fingerprint not in known)
    here = {one.fingerprint for one in report.findings}
    return report.model_copy(update={"findings": new}), len(known - here)
