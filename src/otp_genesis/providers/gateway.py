"""The only caller of providers: choose, call, check the answer, fall back, tell of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.provider import Provider, Reply, Request
from otp_genesis.errors import NoProvider, ProviderError
from otp_genesis.model.event import Event, ModelCalled, ProviderHealth, Warned
from otp_genesis.model.json_schema import misfits
from otp_genesis.model.outcome import Usage
from otp_genesis.providers.estimate import tokens_of
from otp_genesis.providers.record import Record, shortened
from otp_genesis.providers.roster import Only
from otp_genesis.providers.selection import Selection
from otp_genesis.providers.strangers import answer_of, counts
from otp_genesis.providers.structured import extract

if TYPE_CHECKING:
    from otp_genesis.providers.pool import Pool

MAX_REPAIRS = 2
"""How often an answer that does not fit its schema is sent back with the errors."""

Emit = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Hop:
    """One provider's turn at a request."""

    record: Record
    number: int
    strategy: str
    passed_over: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Heard:
    """What came of one call: a reply or an error."""

    seconds: float
    reply: Reply | None = None
    error: ProviderError | asyncio.CancelledError | None = None


class Gateway:
    """`Models` for one step: the providers of the pool. `Pool.models` makes it."""

    def __init__(
        self,
        pool: Pool,
        path: str,
        emit: Emit,
        prefer: str | None = None,
        strategy: str | None = None,
        sessions: MutableMapping[str, str] | None = None,
        only: Only | None = None,
    ):
        self._pool, self._path, self._emit = pool, path, emit
        self._prefer, self._strategy = prefer, strategy
        self._sessions = {} if sessions is None else sessions
        self._only = only

    async def available(self, *needs: str) -> bool:
        """Whether any provider that offers all of `needs` can be asked now.

        Raises `UsageError` for a capability that nobody declared.
        """
        selection = await self._selected(Request(prompt="", needs=frozenset(needs)))
        return bool(selection.chosen)

    async def complete(self, request: Request) -> Reply:
        """Answer through the first of those selected that can.

        Raises `UsageError` for a capability or a strategy that does not exist, `NoProvider` where
        none is fit to be asked, and `ProviderError` where all failed, or where those that are fit
        are not asked for a while because they failed before; it may be retried then.
        """
        selection = await self._selected(request)
        if not selection.chosen:
            raise refusal(request.needs, selection, self._pool.clock())
        failures: dict[str, ProviderError] = {}
        told: dict[str, str] = {}
        for number, entry in enumerate(selection.chosen):
            passed_over = {**selection.passed_over, **told}
            hop = _Hop(selection.record(entry), number, selection.strategy, passed_over)
            try:
                reply = await self._ask(hop, request)
            except ProviderError as error:
                failures[entry.name] = error
                asked = not isinstance(error, _Resting)
                told[entry.name] = shortened(f"failed: {error}" if asked else str(error))
                continue
            if (session := reply.session or request.session) is not None:
                self._sessions[session] = entry.name
            return reply
        text = "; ".join(f"{name}: {error}" for name, error in failures.items())
        raise ProviderError(text, retryable=any(one.retryable for one in failures.values()))

    async def _selected(self, request: Request) -> Selection:
        session = request.session
        selection = await self._pool.chosen(
            request,
            self._prefer,
            self._strategy,
            talked_with=None if session is None else self._sessions.get(session),
            only=self._only,
            emit=self._emit,
        )
        if selection.fault is not None:
            await self._complain(selection)
        return selection

    async def _complain(self, selection: Selection) -> None:
        strategy = self._pool.strategy_named(selection.strategy)
        if strategy in self._pool.faulty:
            return
        self._pool.faulty.add(strategy)
        message = f"{selection.fault}; the providers are asked by priority instead"
        await self._emit(Warned(at=time.time(), path=self._path, code="strategy", message=message))

    async def _ask(self, hop: _Hop, request: Request) -> Reply:
        """Ask one provider, and again with the errors where its answer does not fit."""
        asked = request
        for _ in range(MAX_REPAIRS + 1):
            reply = await self._call(hop, asked)
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

    async def _call(self, hop: _Hop, request: Request) -> Reply:
        """Make one call within the provider's limits, and tell of it.

        Whatever happens, what it holds is given back.
        """
        record = hop.record
        period = None
        estimated = sum(tokens_of(request))
        # Counted before anything is awaited: what is chosen meanwhile must see that this one is.
        record.enter()
        try:
            async with record.throttle.slot(estimated):
                now = self._pool.clock()
                # It was waited for, perhaps, and others may have met with failures meanwhile.
                if (why := record.rest(now)) is not None:
                    raise _Resting(why, retryable=True)
                period, change = record.begin(now)
                if change is not None:
                    await self._emit(change)
                heard = await self._heard(record.entry.provider, request)
            change = self._taken_in(record, period, heard)
            if heard.reply is not None and (used := _tokens(heard.reply.usage)):
                record.throttle.correct(estimated, used)
        finally:
            record.leave(period)
        await self._emit(self._event(hop, request, heard))
        if change is not None:
            await self._emit(change)
        if heard.error is not None:
            raise heard.error
        assert heard.reply is not None
        return heard.reply

    async def _heard(self, provider: Provider, request: Request) -> _Heard:
        began = self._pool.clock()
        try:
            reply = await answer_of(provider, request)
        # A cancellation is raised again, once what the call held is given back and told of.
        except (ProviderError, asyncio.CancelledError) as error:
            return _Heard(self._pool.clock() - began, error=error)
        return _Heard(self._pool.clock() - began, reply)

    def _taken_in(self, record: Record, period: int, heard: _Heard) -> ProviderHealth | None:
        now, error = self._pool.clock(), heard.error
        if error is None:
            return record.answered(period, heard.seconds, now)
        if isinstance(error, ProviderError):
            jitter = self._pool.jitter()
            return record.failed(period, str(error), now, jitter, counts=counts(error))
        record.given_up(heard.seconds)
        return None

    def _event(self, hop: _Hop, request: Request, heard: _Heard) -> ModelCalled:
        reply, error = heard.reply, heard.error
        cancelled = isinstance(error, asyncio.CancelledError)
        return ModelCalled(
            at=time.time(),
            path=self._path,
            provider=hop.record.name,
            model=reply.model if reply else request.model,
            duration_s=heard.seconds,
            usage=reply.usage if reply else Usage(),
            error=None if error is None else "cancelled" if cancelled else str(error),
            strategy=hop.strategy,
            hop=hop.number,
            passed_over=hop.passed_over,
            session=(reply.session if reply else None) or request.session,
        )


class _Resting(ProviderError):
    """The circuit breaker does not let the provider be asked: no call was made."""


def refusal(needs: frozenset[str], selection: Selection, now: float) -> NoProvider | ProviderError:
    """Return the error for a selection of nobody.

    Where a circuit breaker is all that stands against one of them, that will pass: it is a
    `ProviderError` that may be retried. Nobody is asked before the cool-down is over, though there
    be no other: a failing provider is left alone, and the run is told so at once.
    """
    plan, reasons = selection.plan, selection.passed_over
    resting = [one for one in plan.fit if one.fit and one.circuit.state != "closed"]
    if not resting:
        return NoProvider(needs, reasons)
    told = "; ".join(f"{one.name}: {reasons[one.name]}" for one in plan.fit)
    wait = max(min(one.circuit.until for one in resting) - now, 0.0)
    message = f"no provider can be asked now: {told}"
    return ProviderError(message, retryable=True, retry_after_s=wait)


def _tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens


def _fitted(reply: Reply, schema: dict[str, Any]) -> tuple[list[str], Reply | None]:
    """Return what is wrong with the answer's data, or the reply with data that fits."""
    try:
        data = reply.data if reply.data is not None else extract(reply.text)
    except ValueError as error:
        return [str(error)], None
    problems = misfits(data, schema)
    return problems, None if problems else reply.model_copy(update={"data": data})
