"""What pydantic-ai and the vendors' packages raise, as our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from otp_genesis.deferred import deferred
from otp_genesis.errors import (
    BrokenStream,
    ContentFiltered,
    NoAnswerInTime,
    Overloaded,
    ProviderError,
    RateLimited,
)
from otp_genesis.providers.vendor_errors import error_of

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai import exceptions
else:
    httpx2 = deferred("httpx2")
    exceptions = deferred("pydantic_ai.exceptions")

SHOWN = 500


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what is raised into `ProviderError`; `where` is the address that was asked."""
    try:
        yield
    except (exceptions.AgentRunError, exceptions.UserError) as error:
        raise _error_of(error, where) from None
    except httpx2.TransportError as error:
        raise _of_the_wire(error, where) from None
    # The packages read answers by their shape, and raise whatever comes of one that has another.
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"{where} answered what makes no sense: {str(error)[:SHOWN]}"
        raise BrokenStream(message) from None


def _error_of(error: Exception, where: str) -> ProviderError:
    if isinstance(error, exceptions.ModelHTTPError):
        return _of_status(error, where)
    if (status := _redirect_of(error)) is not None:
        return error_of(status, "a redirect", {}, where)
    if isinstance(error, exceptions.ModelTimeoutError | exceptions.ModelRequestTimeout):
        return NoAnswerInTime(f"{where} did not answer in time")
    if isinstance(error, exceptions.ModelConnectionError):
        cause = _transport_cause(error)
        if cause is not None:
            return _of_the_wire(cause, where)
        return ProviderError(f"{where} cannot be reached: {error}", retryable=True)
    if isinstance(error, exceptions.ContentFilterError):
        return ContentFiltered(f"{where} has filtered the answer: {error}")
    if isinstance(error, exceptions.UserError):
        return ProviderError(f"{where} cannot be asked this: {error}", retryable=False)
    return BrokenStream(f"{where} answered what makes no sense: {str(error)[:SHOWN]}")


def _of_status(error: exceptions.ModelHTTPError, where: str) -> ProviderError:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    body = str(error) if error.body is None else error.body
    mapped = error_of(error.status_code, body, headers, where)
    if isinstance(mapped, RateLimited | Overloaded) and mapped.retry_after_s is None:
        mapped.retry_after_s = error.retry_after
    return mapped


def _redirect_of(error: BaseException) -> int | None:
    """Return the status where it was a redirect: there is no error of its own for that."""
    cause = error.__cause__
    status = getattr(cause, "status_code", None) or getattr(cause, "code", None)
    return status if isinstance(status, int) and 300 <= status < 400 else None


def _transport_cause(error: BaseException) -> httpx2.TransportError | None:
    cause = error.__cause__
    while cause is not None and not isinstance(cause, httpx2.TransportError):
        cause = cause.__cause__
    return cause


def _of_the_wire(error: httpx2.TransportError, where: str) -> ProviderError:
    words = str(error) or type(error).__name__
    if isinstance(error, httpx2.TimeoutException):
        return NoAnswerInTime(f"{where} did not answer in time")
    if isinstance(error, httpx2.ConnectError):
        return ProviderError(f"{where} cannot be reached: {words}", retryable=True)
    if isinstance(error, httpx2.UnsupportedProtocol):
        return ProviderError(f"{where} cannot be spoken to: {words}", retryable=False)
    return BrokenStream(f"the connection to {where} broke: {words}")
