"""The only caller of providers: choose, call, check the answer, fall back, tell of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from otp_genesis.contracts.provider import Health, Provider, Reply, Request
from otp_genesis.errors import NoProvider, ProviderError
from otp_genesis.model.event import ModelCalled
from otp_genesis.model.json_schema import misfits
from otp_genesis.providers.structured import extract

MAX_REPAIRS = 2
"""How often an answer that does not fit its schema is sent back with the errors."""

Emit = Callable[[ModelCalled], Awaitable[None]]


class Gateway:
    """`Models` for one step: every registered provider, in order of registration."""

    def __init__(
        self, providers: Mapping[str, Provider], path: str, emit: Emit, prefer: str | None = None
    ):
        self._providers, self._path, self._emit, self._prefer = providers, path, emit, prefer

    async def available(self, *needs: str) -> bool:
        """Whether any provider that offers all of `needs` can be asked now."""
        fit, _ = await self._candidates(Request(prompt="", needs=frozenset(needs)))
        return bool(fit)

    async def complete(self, request: Request) -> Reply:
        """Answer through the first candidate that can.

        Raises `NoProvider` where none is fit to be asked, `ProviderError` where all failed.
        """
        candidates, lacking = await self._candidates(request)
        if not candidates:
            raise NoProvider(request.needs, lacking)
        failures = []
        for provider in candidates:
            try:
                return await self._ask(provider, request)
            except ProviderError as error:
                failures.append((provider.name, error))
        text = "; ".join(f"{name}: {error}" for name, error in failures)
        raise ProviderError(text, retryable=any(error.retryable for _, error in failures))

    async def _candidates(self, request: Request) -> tuple[list[Provider], dict[str, str]]:
        wanted = request.provider or self._prefer
        lacking: dict[str, str] = {}
        fit = []
        for name, provider in self._providers.items():
            missing = sorted(request.needs - provider.capabilities)
            if wanted is not None and name != wanted:
                lacking[name] = f"{wanted!r} was asked for"
            elif missing:
                lacking[name] = f"cannot do {', '.join(missing)}"
            elif not (health := await _health(provider)).available:
                lacking[name] = " — ".join(filter(None, (health.reason, health.remedy)))
            else:
                fit.append(provider)
        return fit, lacking

    async def _ask(self, provider: Provider, request: Request) -> Reply:
        """Ask one provider, and again with the errors where its answer does not fit."""
        asked = request
        for _ in range(MAX_REPAIRS + 1):
            reply = await self._call(provider, asked)
            if request.output_schema is None:
                return reply
            problems, fitting = _fitted(reply, request.output_schema)
            if fitting is not None:
                return fitting
            told = "\n".join(problems)
            again = f"{request.prompt}\n\nYour last answer did not fit the schema:\n{told}"
            asked = request.model_copy(update={"prompt": again})
        message = f"no answer that fits the schema: {problems[0]}; it said: {reply.text[:1000]}"
        raise ProviderError(message, retryable=True)

    async def _call(self, provider: Provider, request: Request) -> Reply:
        began = time.perf_counter()
        reply, failure = None, None
        try:
            reply = await provider.complete(request)
            reply = reply.model_copy(update={"provider": provider.name})
            return reply
        except ProviderError as error:
            failure = str(error)
            raise
        # A flaw of one provider must not keep the others from being asked.
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
            raise ProviderError(failure, retryable=False) from error
        finally:
            event = ModelCalled(
                at=time.time(),
                path=self._path,
                provider=provider.name,
                model=reply.model if reply else request.model,
                duration_s=time.perf_counter() - began,
                error=failure,
            )
            if reply:
                event = event.model_copy(update={"usage": reply.usage})
            await self._emit(event)


async def _health(provider: Provider) -> Health:
    try:
        return await provider.check()
    # As above: whatever it raises is its own affair.
    except Exception as error:
        return Health(False, f"its check failed: {type(error).__name__}: {error}")


def _fitted(reply: Reply, schema: dict[str, object]) -> tuple[list[str], Reply | None]:
    """Return what is wrong with the answer's data, or the reply with data that fits."""
    try:
        data = reply.data if reply.data is not None else extract(reply.text)
    except ValueError as error:
        return [str(error)], None
    problems = misfits(data, schema)
    return problems, None if problems else reply.model_copy(update={"data": data})


async def require_provider(providers: Mapping[str, Provider], name: str) -> None:
    """Raise `NoProvider` unless the provider that was asked for by name can be asked."""
    lacking = {}
    for known, provider in providers.items():
        if known != name:
            lacking[known] = f"{name!r} was asked for"
            continue
        health = await provider.check()
        if health.available:
            return
        lacking[known] = " — ".join(filter(None, (health.reason, health.remedy)))
    raise NoProvider(("text",), lacking)
