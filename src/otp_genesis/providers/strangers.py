"""A provider is a stranger's code: it is called so that whatever it does is its own affair."""

from __future__ import annotations

import asyncio

from otp_genesis.contracts.provider import Health, Provider, Reply, Request
from otp_genesis.errors import (
    BadCredentials,
    BudgetReached,
    GenesisError,
    ProviderError,
    RateLimited,
)


def _cancellations() -> int:
    """Return how often somebody has asked for the present task to be cancelled.

    Where a `CancelledError` comes and the number is as before, the code that was called let it
    out: that is its flaw, and must not end the run as if the user had stopped it. Where the number
    is higher and no such error comes, that code has swallowed it.
    """
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


async def health_of(provider: Provider, limit_s: float) -> Health:
    """Return what the provider's check says; where it fails or hangs, that it cannot be asked."""
    before = _cancellations()
    try:
        async with asyncio.timeout(limit_s) as limit:
            health = await provider.check()
    except asyncio.CancelledError:
        if _cancellations() > before:
            raise
        return Health(False, "its check failed: it cancelled itself")
    except Exception as error:
        if isinstance(error, TimeoutError) and limit.expired():
            return Health(False, f"its check said nothing within {limit_s:g} s")
        return Health(False, f"its check failed: {_told(error)}")
    if not isinstance(health, Health):
        return Health(False, f"its check failed: it returned {type(health).__name__}, no Health")
    return health


async def answer_of(provider: Provider, request: Request) -> Reply:
    """Return the provider's reply under its name; whatever it raises becomes `ProviderError`."""
    before = _cancellations()
    try:
        reply = await provider.complete(request)
    except BudgetReached:
        # It is ours, by way of the call site.
        raise
    except (Exception, asyncio.CancelledError) as error:
        if _cancellations() > before:
            raise asyncio.CancelledError from error
        raise _as_provider_error(error) from error
    if _cancellations() > before:
        raise asyncio.CancelledError
    if not isinstance(reply, Reply):
        raise _Flaw(f"it returned {type(reply).__name__}, no Reply", retryable=False)
    return reply.model_copy(update={"provider": provider.name})


def _as_provider_error(error: BaseException) -> ProviderError:
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, asyncio.CancelledError):
        return _Flaw("it cancelled itself", retryable=True)
    passing = isinstance(error, TimeoutError | ConnectionError)
    return _Flaw(_told(error), retryable=passing)


class _Flaw(ProviderError):
    """What a provider may not raise."""


def counts(error: ProviderError) -> bool:
    """Whether the circuit breaker counts it.

    Not where the provider refused this one request, and not where it was asked too often: it is
    well, and is left alone for as long as it says.
    """
    if isinstance(error, RateLimited):
        return False
    return error.retryable or isinstance(error, _Flaw | BadCredentials)


def _told(error: BaseException) -> str:
    if isinstance(error, GenesisError):
        return str(error)
    return f"{type(error).__name__}: {error}"
