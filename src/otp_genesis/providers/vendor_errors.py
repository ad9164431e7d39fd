"""What went wrong at a vendor, by the status and the words of its answer."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from otp_genesis.errors import (
    BadCredentials,
    ContentFiltered,
    ContextTooLong,
    Overloaded,
    ProviderError,
    RateLimited,
)

OVERLOADED = frozenset((500, 502, 503, 504, 529))
"""It is the vendor that has failed, and it will pass."""
LONGEST_MESSAGE = 500
_TOO_LONG = (
    "context_length_exceeded",
    "context length",
    "context window",
    "prompt is too long",
    "maximum context",
    "input token count",
    "exceed_context_size",
)
_FILTERED = ("content_filter", "content_policy_violation", "responsible_ai")
_KEYLESS = ("api key not valid", "api_key_invalid")
_SPENT = ("insufficient_quota", "credit balance is too low", "billing_hard_limit")


def error_of(
    status: int, body: Any, headers: Mapping[str, str], asked: str, *, now: float | None = None
) -> ProviderError:
    """Return the error for an answer of that status; `asked` is the address that gave it.

    `body` is the answer: JSON that was read, or text.
    """
    message = f"{asked} answered {status}: {told_in(body)}"
    words = (body if isinstance(body, str) else json.dumps(body, default=str)).lower()
    if status == 429 and not any(word in words for word in _SPENT):
        return RateLimited(message, retry_after_s=retry_after_s(headers, now))
    if any(word in words for word in _SPENT):
        return BadCredentials(f"{message}; the account has no credit left")
    if status in OVERLOADED:
        return Overloaded(message, retry_after_s=retry_after_s(headers, now))
    if status in (401, 403) or any(word in words for word in _KEYLESS):
        return BadCredentials(message)
    if status == 413 or any(word in words for word in _TOO_LONG):
        return ContextTooLong(message)
    if any(word in words for word in _FILTERED):
        return ContentFiltered(message)
    return _otherwise(status, message)


def _otherwise(status: int, message: str) -> ProviderError:
    if status == 404:
        message += "; is the model's name right, and base_url?"
    if 300 <= status < 400:
        message += "; redirects are not followed with a key: write the address that it leads to"
    return ProviderError(message, retryable=status in (408, 409, 425) or status > 500)


def told_in(body: Any) -> str:
    """Return the message within a vendor's answer, cut where it is long."""
    match body:
        case {"error": {"message": str(message)}} | {"error": str(message)}:
            text = message
        case {"message": str(message)} | {"detail": str(message)}:
            text = message
        case [first, *_]:
            return told_in(first)
        case str():
            text = body.strip()
        case _:
            text = json.dumps(body, default=str)
    return text[:LONGEST_MESSAGE] or "nothing"


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return how long the vendor says to wait, if it does: milliseconds, seconds, or a date."""
    try:
        if (said := headers.get("retry-after-ms")) is not None:
            return _bounded(float(said) / 1000)
        if (said := headers.get("retry-after")) is None:
            return None
        if said.strip().replace(".", "", 1).isdigit():
            return _bounded(float(said))
        due = parsedate_to_datetime(said).timestamp()
        return _bounded(due - (time.time() if now is None else now))
    except (ValueError, TypeError, OverflowError):
        return None


def _bounded(seconds: float) -> float | None:
    # What is no number at all compares with nothing.
    return min(max(seconds, 0.0), 86_400.0) if seconds == seconds else None
