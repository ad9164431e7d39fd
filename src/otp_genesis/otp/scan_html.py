"""A scan as one self-contained page."""

from __future__ import annotations

from otp_genesis.otp.folder import Sources, source_lines
from otp_genesis.otp.html import page
from otp_genesis.otp.rule import SEVERITIES
from otp_genesis.otp.scan import Report

_LONGEST_LINE = 400
"""How much is shown of a line."""


def scan_page(report: Report, project: Sources, name: str) -> str:
    """Return the page; everything that comes from the project is escaped."""
    counts = {
        severity: sum(1 for one in report.findings if one.severity == severity)
        for severity in SEVERITIES
    }
    sources: dict[str, list[str]] = {}
    frames = []
    for one in report.findings:
        if one.file not in sources:
            sources[one.file] = source_lines(project.source(one.file))
        frames.append((one, _around(sources[one.file], one.line)))
    values = {"report": report, "name": name, "counts": counts, "frames": frames}
    return page("scan.html.jinja", values)


def code_frame(project: Sources, file: str, line: int, around: int = 1) -> list[tuple[int, str]]:
    """Return the lines around a place, each with its number."""
    return _around(source_lines(project.source(file)), line, around)


def _around(lines: list[str], line: int, around: int = 1) -> list[tuple[int, str]]:
    first, last = max(1, line - around), min(len(lines), line + around)
    return [(number, lines[number - 1][:_LONGEST_LINE]) for number in range(first, last + 1)]
