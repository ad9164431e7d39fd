"""A commit's message: what was repaired, why it was wrong, what proves that it is right."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from otp_genesis.otp.plan import PlanItem

WIDTH = 72


def commit_message(
    item: PlanItem, repair: Mapping[str, Any], verification: Mapping[str, Any]
) -> str:
    """Return the message: a subject, then paragraphs of at most 72 columns."""
    place = f"{item.module}.{item.function}" if item.module and item.function else item.file
    subject = f"Repair {item.name} in {place} ({item.rule})"
    if len(subject) > WIDTH:
        subject = f"Repair {item.name} in {item.module or item.file} ({item.rule})"
    paragraphs = [
        f"{_sentence(item.flaw)} {item.why}",
        f"Repaired {'by rule' if repair.get('by') == 'rule' else 'by ' + str(repair.get('by'))}:"
        f" {item.fix} {_sentence(str(repair.get('reason') or ''))}".rstrip(),
        _proof(verification),
    ]
    body = "\n\n".join(_filled(text) for text in paragraphs if text)
    return f"{subject}\n\n{body}\n\nPlan item: {item.id} ({item.file}:{item.line})"


def _filled(text: str) -> str:
    # An address that is broken cannot be followed.
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _proof(verification: Mapping[str, Any]) -> str:
    checks = verification.get("checks") or {}
    ran = [name for name in ("format", "compile") if _ran(checks.get(name))]
    proofs = [f"{' and '.join(ran)} {'are' if len(ran) > 1 else 'is'} content"] if ran else []
    if _ran(checks.get("test")):
        tests = verification.get("tests") or {}
        proofs.append(
            f"{tests.get('tests', 0)} tests with {tests.get('failures', 0)} failures, none that"
            " passed before"
        )
    if _ran(checks.get("credo")):
        proofs.append("credo has no new complaint")
    proofs.append("the finding is gone and no new one is there")
    return f"Verified: {'; '.join(proofs)}."


def _ran(check: Mapping[str, Any] | None) -> bool:
    """Whether a check has run a command; settings can turn each of them off."""
    return bool(((check or {}).get("run") or {}).get("command"))


def _sentence(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
