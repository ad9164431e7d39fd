"""Views of the OTP application: findings with their code, rules, a refactor's summary."""

from __future__ import annotations

import inspect
import io
from collections import Counter
from typing import TYPE_CHECKING, Any
from unicodedata import combining, east_asian_width

from otp_genesis.otp.folder import source_lines
from otp_genesis.otp.rule import SEVERITIES, Bad, Good

if TYPE_CHECKING:
    from otp_genesis.otp.folder import Sources
    from otp_genesis.otp.rule import Finding, Rule
    from otp_genesis.otp.scan import Report

_LONGEST_LINE = 400
"""How much is shown of a line."""
_HARMLESS = {
    **{code: 0x2400 + code for code in range(32)},
    ord("\t"): ord(" "),
    0x7F: 0x2421,
    **dict.fromkeys([*range(0x80, 0xA0), 0x61C, 0x200E, 0x200F, 0x2028, 0x2029], 0xFFFD),
    **dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD),
}
"""Control signs, line ends among them, and what turns the direction of text around."""
COLOURS = {"critical": 31, "high": 31, "medium": 33, "low": 36, "info": 90}
STATUS_MARKS = {"fixed": "✔", "failed": "✘", "skipped": "·", "needs_model": "?", "needs_human": "!"}
STATUS_COLOURS = {
    "fixed": "green", "failed": "red", "skipped": "bright_black", "needs_model": "blue",
    "needs_human": "yellow",
}  # fmt: skip


def scan_text(report: Report, project: Sources, *, colour: bool) -> str:
    """Return the findings, each with the line it is in, and the count by severity."""
    out: list[str] = []
    sources: dict[str, list[str]] = {}
    for finding in report.findings:
        head = f"{finding.file}:{finding.line}:{finding.column}"
        label = _painted(f"{finding.severity} {finding.rule}", COLOURS[finding.severity], colour)
        out.append(f"{shown(head)}: {label} {finding.name}: {shown(finding.message)}")
        if finding.file not in sources:
            sources[finding.file] = source_lines(project.source(finding.file))
        source = sources[finding.file]
        line = source[finding.line - 1] if finding.line <= len(source) else ""
        out += _marked(shown(line), finding)
    out += [shown(f"{lost.file}: not read: {lost.reason}") for lost in report.unparsed]
    counts = Counter(finding.severity for finding in report.findings)
    told = ", ".join(f"{counts[one]} {one}" for one in SEVERITIES if counts[one])
    out.append(
        f"{len(report.findings)} findings{f' ({told})' if told else ''} in {report.files} files,"
        f" {report.lines} lines, {report.elapsed_s:.2f} s"
    )
    return "\n".join(out)


def _marked(line: str, finding: Finding) -> list[str]:
    """Return the line of a finding, and marks under what is flagged in it."""
    start = finding.column - 1
    end = finding.end_column - 1 if finding.end_line == finding.line else len(line)
    if len(line) > _LONGEST_LINE:
        first = max(0, start - _LONGEST_LINE // 4)
        line = line[first : first + _LONGEST_LINE]
        start, end = start - first, min(end - first, len(line))
    marks = "^" * max(1, _width(line[start:end]))
    return [f"    {line}", f"    {' ' * _width(line[:start])}{marks}"]


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(bool(combining(char)) for char in text)


def shown(text: str) -> str:
    """Return a text without what would move or paint in a terminal; each sign keeps its place."""
    return text.translate(_HARMLESS)


def _painted(text: str, code: int, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text


def rule_page(rule: Rule) -> str:
    """Return a rule's page as markdown."""
    bad = [one for one in rule.examples if isinstance(one, Bad)]
    good = [one for one in rule.examples if isinstance(one, Good)]
    lines = [
        f"# {rule.code} {rule.name}",
        "",
        f"Severity: {rule.severity}. Stage: {rule.stage}. Repair: {rule.safety}."
        f" Effort: {rule.effort}.",
        "",
        inspect.cleandoc(rule.__doc__ or ""),
        "",
        f"Risk of the repair: {rule.risk}",
        "",
        "## Reported",
        "",
        *_example(bad[0].code),
    ]
    fixed = next((one for one in bad if one.fixed is not None), None)
    if fixed is not None and fixed.fixed is not None:
        lines += ["## Repaired", "", *_example(fixed.code), "becomes", "", *_example(fixed.fixed)]
    lines += ["## Not reported", "", *_example(good[0].code)]
    return "\n".join(lines).rstrip()


def _example(code: str) -> list[str]:
    return ["```elixir", code.rstrip("\n"), "```", ""]


def refactor_summary(report: dict[str, Any], *, width: int = 140, colour: bool = True) -> str:
    """Return the end of a refactor for a terminal: the items, the tests, where the work is."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, force_terminal=colour, no_color=not colour)
    print_summary(console, report)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().rstrip()


def print_summary(console: Any, report: dict[str, Any]) -> None:
    """Draw the end of a refactor on a rich console: a line an item, and why some are left."""
    from rich.text import Text

    items = report["items"]
    place_width = max((len(_place(item)) for item in items), default=0)
    name_width = max((len(item["name"]) for item in items), default=0)
    for item in items:
        colour = STATUS_COLOURS[item["status"]]
        line = Text(f"{STATUS_MARKS[item['status']]} ", style=colour)
        line.append(f"{item['id']:<6}", style="bright_black")
        line.append(f" {item['rule']} {item['name']:<{name_width}}  ")
        line.append(f"{_place(item):<{place_width}}  ", style="cyan")
        told = item["commit"][:10] if item["commit"] else item["status"].replace("_", " ")
        line.append(told, style=colour)
        console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
        if not item["commit"]:
            reason = (item["reason"].splitlines() or [""])[0]
            why = Text(f"         {reason}", style="bright_black")
            console.print(why, no_wrap=True, overflow="ellipsis", crop=True)
    for closing in _closing(report):
        console.print(closing, soft_wrap=True, highlight=False, markup=False)


def _place(item: dict[str, Any]) -> str:
    return f"{item['file']}:{item['line']}"


def _closing(report: dict[str, Any]) -> list[str]:
    counts = Counter(item["status"] for item in report["items"])
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    lines = [f"{report['status'].replace('_', ' ')}: {told or 'no flaw was found'}"]
    if report["items"]:
        before, after = report["baseline"], report["final"]
        lines.insert(0, "")
        lines += [
            f"tests: {before['tests']} with {before['failures']} failures before,"
            f" {after['tests']} with {after['failures']} failures after",
            f"branch: {report['branch']} in {report['repository']}"
            if report["branch"]
            else "branch: none, as nothing was committed",
        ]
    lines += [f"note: {note}" for note in report["notes"]]
    lines += [f"not read: {lost['file']}: {lost['reason']}" for lost in report["unparsed"]]
    return [*lines, f"report: {report['report']}"]
