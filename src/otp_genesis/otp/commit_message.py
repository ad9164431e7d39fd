"""A commit's message: what was repaired, why it was wrong, what proves that it is right."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from otp_genesis.otp.plan import PlanItem

SUBJECT_WIDTH = 72


def commit_message(
    item: PlanItem, repair: Mapping[str, Any], verification: Mapping[str, Any]
) -> str:
    """Return the message: a subject, then paragraphs of at most 72 columns."""
    place = f"{item.module}.{item.function}" if item.module and item.function else item.file
    subject = f"Repair {item.name} in {place} ({item.rule})"
    if len(subject) > SUBJECT_WIDTH:
        subject = f"Repair {item.name} in {item.module or item.file} ({item.rule})"
    paragraphs = [
        f"{_sentence(item.flaw)} {item.why}",
        f"Repaired {'by rule' if repair.get('by') == 'rule' else 'by ' + str(repair.get('by'))}:"
        f" {item.fix} {_sentence(str(repair.get('reason') or ''))}".rstrip(),
        _proof(verification),
    ]
    body = "\n\n".join(textwrap.fill(text, SUBJECT_WIDTH) for text in paragraphs if text)
    return f"{subject}\n\n{body}\n\nPlan item: {item.id} ({item.file}:{item.line})"


def _proof(verification: Mapping[str, Any]) -> str:
    tests = verification.get("tests") or {}
    return (
        f"Verified: format and compiler are content, {tests.get('tests', 0)} tests with"
        f" {tests.get('failures', 0)} failures, none that passed before; the finding is gone and"
        " no new one is there."
    )


def _sentence(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
