"""A scan as SARIF 2.1.0, the form that code hosts and editors read (OASIS standard)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from otp_genesis import __version__
from otp_genesis.otp.plan import sections
from otp_genesis.otp.rule import Finding, Rule
from otp_genesis.otp.scan import Report

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}

PROBLEMS = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "recommendation",
    "info": "recommendation",
}
"""How GitHub's code scanning grades rules."""


def sarif(report: Report, rules: Iterable[Rule]) -> str:
    """Return the report as SARIF text; files are relative to `SRCROOT`."""
    known = {rule.code: index for index, rule in enumerate(rules)}
    driver = {
        "name": "otp-genesis",
        "semanticVersion": __version__,
        "rules": [_rule(rule) for rule in rules],
    }
    unread = [
        {
            "level": "warning",
            "message": {"text": f"not read: {lost.reason}"},
            "locations": [{"physicalLocation": _file(lost.file)}],
        }
        for lost in report.unparsed
    ]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The scanned folder."}}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": unread}],
        "results": [_result(finding, known[finding.rule]) for finding in report.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: Rule) -> dict[str, Any]:
    page = sections(rule.__doc__ or "")
    summary = (rule.__doc__ or "").strip().splitlines()[0]
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": summary},
        "fullDescription": {"text": page.get("Why is this bad?", summary)},
        "help": {"text": page.get("Use instead", summary)},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "severity": rule.severity,
            "stage": rule.stage,
            "problem.severity": PROBLEMS[rule.severity],
            "tags": ["elixir", "otp", f"stage-{rule.stage}"],
        },
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    place = {
        **_file(finding.file),
        "region": {
            "startLine": finding.line,
            "startColumn": finding.column,
            "endLine": finding.end_line,
            "endColumn": finding.end_column,
        },
    }
    related = [
        {
            "id": number,
            "message": {"text": evidence.note},
            "physicalLocation": {
                **_file(evidence.file),
                "region": {"startLine": evidence.line},
            },
        }
        for number, evidence in enumerate(finding.evidence, start=1)
    ]
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": place}],
        "relatedLocations": related,
        "partialFingerprints": {"otpGenesis/v1": finding.fingerprint},
    }


def _file(path: str) -> dict[str, Any]:
    return {"artifactLocation": {"uri": quote(path), "uriBaseId": "SRCROOT"}}
