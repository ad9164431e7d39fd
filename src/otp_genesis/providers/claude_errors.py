"""How a call of the agent failed, in the errors of this program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otp_genesis.errors import (
    BadCredentials,
    BrokenStream,
    ContentFiltered,
    ContextTooLong,
    NoAnswerInTime,
    Overloaded,
    ProviderError,
    RateLimited,
)
from otp_genesis.providers.wire_proxy import WireFault, WireProxy

if TYPE_CHECKING:
    import claude_agent_sdk as sdk

_TOO_LONG = ("prompt is too long", "context window", "context limit", "input is too long")
_LIMITS = {
    "error_max_turns": "it did not finish in max_turns",
    "error_max_budget_usd": "it did not finish within max_budget_usd",
}


def failure_of(
    result: sdk.ResultMessage, proxy: WireProxy | None, said: str
) -> ProviderError | None:
    """Return the error that a result stands for; nothing where it is an answer.

    `said` is the text that the model said last: it is kept in the error.
    """
    if proxy is not None and proxy.missed is not None:
        return ProviderError(proxy.missed, retryable=False)
    if result.stop_reason == "refusal":
        return ContentFiltered("the model refused to answer", output=result.result or said)
    if not result.is_error and result.subtype == "success":
        return None
    output = said or result.result
    if result.subtype in _LIMITS:
        turns = f" ({result.num_turns} turns)"
        return ProviderError(_LIMITS[result.subtype] + turns, retryable=False, output=output)
    if result.subtype == "error_max_structured_output_retries":
        message = "it gave no answer that fits the schema"
        return ProviderError(message, retryable=True, output=output)
    told = result.result or "; ".join(result.errors or ()) or result.subtype
    fault = proxy.fault if proxy is not None else None
    return error_of_status(result.api_error_status, fault, told, output)


def error_of_status(
    status: int | None, fault: WireFault | None, told: str, output: str | None
) -> ProviderError:
    """Return the error for an HTTP status, with the vendor's own words where they are known."""
    after = None
    if fault is not None:
        if fault.broken:
            return BrokenStream(fault.message, output=output)
        if fault.status == 0:
            return ProviderError(fault.message, retryable=True, output=output)
        status, told, after = fault.status, fault.message or told, fault.retry_after_s
    error = _by_status(status, told, after)
    error.output = output
    return error


def _by_status(status: int | None, told: str, after: float | None) -> ProviderError:
    message = told if status is None else f"{status}: {told}"
    if any(words in told.lower() for words in _TOO_LONG) or status == 413:
        return ContextTooLong(message)
    match status:
        case None:
            return ProviderError(message, retryable=False)
        case 401 | 403:
            return BadCredentials(message)
        case 408 | 504:
            return NoAnswerInTime(message)
        case 429:
            return RateLimited(message, retry_after_s=after)
        case _ if status >= 500:
            return Overloaded(message, retry_after_s=after)
    return ProviderError(message, retryable=False)
