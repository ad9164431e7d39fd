"""A scan as one self-contained page."""

from __future__ import annotations

from otp_genesis.otp.folder import Sources
from otp_genesis.otp.html import page
from otp_genesis.otp.rule import SEVERITIES
from otp_genesis.otp.scan import Report


def scan_page(report: Report, project: Sources, name: str) -> str:
    """Return the page; everything that comes from the project is escaped."""
    counts = {
        severity: sum(1 for one in report.findings if one.severity == severity)
        for severity in SEVERITIES
    }
    frames = [(one, code_frame(project, one.file, one.line)) for one in report.findings]
    values = {"report": report, "name": name, "counts": counts, "frames": frames}
    return page("scan.html.jinja", values)


def code_frame(project: Sources, file: str, line: int, around: int = 1) -> list[tuple[int, str]]:
    """Return the lines around a place, each with its number."""
    lines = project.source(file).decode(errors="replace").splitlines()
    first, last = max(1, line - around), min(len(lines), line + around)
    return [(number, lines[number - 1]) for number in range(first, last + 1)]
