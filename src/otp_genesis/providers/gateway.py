"""The only caller of providers: choose, call, check the answer, fall back, tell of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.call_site import NOWHERE, CallSite
from otp_genesis.contracts.provider import Provider, Reply, Request
from otp_genesis.errors import BudgetReached, NoProvider, ProviderError, RateLimited
from otp_genesis.model.budget import Spent
from otp_genesis.model.event import Event, ModelCalled, ModelSaid, ProviderHealth, Warned
from otp_genesis.model.json_schema import misfits
from otp_genesis.providers.budget import Purse
from otp_genesis.providers.estimate import estimated_cost, tokens_of
from otp_genesis.providers.heard import Heard
from otp_genesis.providers.record import Record, shortened
from otp_genesis.providers.roster import Only
from otp_genesis.providers.selection import Selection
from otp_genesis.providers.strangers import answer_of, counts
from otp_genesis.providers.structured import extract
from otp_genesis.providers.tape import Recorded

if TYPE_CHECKING:
    from otp_genesis.providers.pool import Pool

MAX_ROUNDS = 3
"""How often all are asked where the last of them says that it is asked too often."""

Emit = Callable[[Event], Awaitable[None]]
Site = Callable[[], CallSite]


@dataclass(frozen=True, slots=True)
class _Hop:
    """One provider's turn at a request."""

    record: Record
    number: int
    strategy: str
    passed_over: dict[str, str]


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
        *,
        site: Site | None = None,
        purse: Purse | None = None,
    ):
        self._pool, self._path, self._emit = pool, path, emit
        self._prefer, self._strategy = prefer, strategy
        self._sessions = {} if sessions is None else sessions
        self._only, self._site, self._purse = only, site, purse

    async def available(self, *needs: str) -> bool:
        """Whether any provider that offers all of `needs` can be asked now.

        Raises `UsageError` for a capability that nobody declared.
        """
        recorded = self._recorded(self._here())
        if recorded is not None and not recorded.tape.recording:
            return recorded.available(needs)
        selection = await self._selected(Request(prompt="", needs=frozenset(needs)))
        if recorded is not None:
            recorded.keep_available(needs, bool(selection.chosen))
        return bool(selection.chosen)

    async def complete(self, request: Request) -> Reply:
        """Answer through the first of those selected that can.

        Raises `UsageError` for a capability or a strategy that does not exist, `NoProvider` where
        none is fit to be asked, `BudgetReached` where no more may be spent, and `ProviderError`
        where all failed, or where those that are fit are not asked for a while because they failed
        before; it may be retried then.
        """
        site = self._here()
        recorded = self._recorded(site)
        request = request.model_copy(update={"site": site})
        if recorded is None:
            return await self._answered(request)
        if not recorded.tape.recording:
            return await self._replayed(recorded, request)
        try:
            reply = await self._answered(request)
        except (ProviderError, NoProvider) as error:
            recorded.keep_failure(request, error, self._wire_of(error))
            raise
        recorded.keep(request, reply, wire=self._speaks_wire(reply.provider))
        return reply

    async def _answered(self, request: Request) -> Reply:
        failures: dict[str, ProviderError] = {}
        for _ in range(MAX_ROUNDS):
            selection = await self._selected(request)
            if not selection.chosen:
                raise refusal(request.needs, selection, self._pool.clock())
            failures = {}
            reply = await self._asked_in_turn(selection, request, failures)
            if reply is not None:
                return reply
            if not any(isinstance(error, RateLimited) for error in failures.values()):
                break
        text = "; ".join(f"{name}: {error}" for name, error in failures.items())
        last = list(failures.values())[-1]
        waits = [one.retry_after_s for one in failures.values() if one.retry_after_s is not None]
        error = ProviderError(
            text,
            retryable=any(one.retryable for one in failures.values()),
            retry_after_s=min(waits, default=None),
            output=last.output,
        )
        error.provider = next(iter(failures)) if len(failures) == 1 else None
        raise error

    async def _asked_in_turn(
        self, selection: Selection, request: Request, failures: dict[str, ProviderError]
    ) -> Reply | None:
        """Return the first answer, or nothing where all have failed."""
        told: dict[str, str] = {}
        for number, record in enumerate(_in_turn(selection, request)):
            passed_over = {**selection.passed_over, **told}
            hop = _Hop(record, number, selection.strategy, passed_over)
            try:
                reply = await self._ask(hop, request)
            except ProviderError as error:
                failures[record.name] = error
                asked = not isinstance(error, _Resting)
                told[record.name] = shortened(f"failed: {error}" if asked else str(error))
                continue
            if (session := reply.session or request.session) is not None:
                self._sessions[session] = record.name
            return reply
        return None

    async def _replayed(self, recorded: Recorded, request: Request) -> Reply:
        """Answer from the tape; who recorded at the wire answers from there."""
        answer = recorded.answer(request)
        if isinstance(answer, str):
            record = self._pool.record_of(answer)
            return await self._ask(_Hop(record, 0, "replay", {}), request)
        await self._emit(
            ModelCalled(
                at=time.time(), path=self._path, provider=answer.provider, model=answer.model,
                duration_s=0.0, strategy="replay", session=answer.session,
            )
        )  # fmt: skip
        return answer

    def _here(self) -> CallSite:
        """Return where this is asked from; what is told from there is free of secrets."""
        site = NOWHERE if self._site is None else self._site()
        # Whether there are any is not known yet: a key is read when it is first needed.
        return replace(site, path=self._path, tell=self._told)

    async def _told(self, event: Event) -> None:
        if isinstance(event, ModelSaid) and self._pool.secrets.any:
            event = event.model_copy(update={"text": self._pool.secrets.redact(event.text)})
        await self._emit(event)

    def _recorded(self, site: CallSite) -> Recorded | None:
        return None if site.tape is None else Recorded(site.tape, site)

    def _speaks_wire(self, provider: str) -> bool:
        return bool(getattr(self._pool.record_of(provider).entry.provider, "speaks_wire", False))

    def _wire_of(self, error: Exception) -> str | None:
        """Return who failed, where that was at a wire of its own and nobody else was asked."""
        name = error.provider if isinstance(error, ProviderError) else None
        return name if name is not None and self._speaks_wire(name) else None

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
        for _ in range(request.repairs + 1):
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
        raise ProviderError(message, retryable=True, output={"text": reply.text})

    async def _call(self, hop: _Hop, request: Request) -> Reply:
        """Make one call within the provider's limits and the budgets, and tell of it.

        Whatever happens, what it holds is given back.
        """
        record, purse = hop.record, self._purse
        period = None
        estimated = tokens_of(request)
        heard = Heard()
        # Counted before anything is awaited: what is chosen meanwhile must see that this one is.
        record.enter()
        try:
            async with record.throttle.slot(sum(estimated)):
                now = self._pool.clock()
                # It was waited for, perhaps, and others may have met with failures meanwhile.
                if (why := record.rest(now)) is not None:
                    raise _Resting(why, retryable=True)
                cost = estimated_cost(record.entry, request, estimated)
                if purse is not None:
                    await purse.take(cost)
                    request = _within(purse, cost, request)
                try:
                    period, change = record.begin(now)
                    if change is not None:
                        await self._emit(change)
                    heard = await self._heard(record.entry.provider, request)
                finally:
                    if purse is not None:
                        purse.give_back(cost, heard.spent)
            change = self._taken_in(record, period, heard)
            if heard.reply is not None and (used := heard.tokens):
                record.throttle.correct(sum(estimated), used)
        finally:
            record.leave(period)
        await self._emit(self._event(hop, request, heard))
        if change is not None:
            await self._emit(change)
        if heard.error is not None:
            reached = purse.reached() if purse and isinstance(heard.error, ProviderError) else None
            raise reached or heard.error
        assert heard.reply is not None
        if purse is not None and purse.counts_money and not heard.reply.cost_known:
            await self._warn_of_unknown_price(record, heard.reply)
        return heard.reply

    async def _warn_of_unknown_price(self, record: Record, reply: Reply) -> None:
        key = (record.name, reply.model)
        if key in self._pool.unpriced:
            return
        self._pool.unpriced.add(key)
        model = f" of {reply.model!r}" if reply.model else ""
        message = (
            f"{record.name}: the price{model} is not known, so that no budget counts what it costs;"
            f" give it in genesis.toml: [[providers.{record.name}.models]]"
        )
        await self._emit(Warned(at=time.time(), path=self._path, code="budget", message=message))

    async def _heard(self, provider: Provider, request: Request) -> Heard:
        began = self._pool.clock()
        secrets = self._pool.secrets
        try:
            reply = await answer_of(provider, request)
        # A cancellation is raised again, once what the call held is given back and told of.
        except (ProviderError, BudgetReached, asyncio.CancelledError) as error:
            if secrets.any and isinstance(error, ProviderError):
                error.args = (secrets.redact(str(error)),)
                error.output = secrets.redacted(error.output)
            return Heard(self._pool.clock() - began, error=error)
        if secrets.any:
            said = {"text": secrets.redact(reply.text), "data": secrets.redacted(reply.data)}
            reply = reply.model_copy(update=said)
        return Heard(self._pool.clock() - began, reply)

    def _taken_in(self, record: Record, period: int, heard: Heard) -> ProviderHealth | None:
        now, error = self._pool.clock(), heard.error
        if error is None:
            record.throttle.answered()
            return record.answered(period, heard.seconds, now)
        if isinstance(error, RateLimited):
            error.retry_after_s = record.throttle.pause(error.retry_after_s)
        if isinstance(error, ProviderError):
            jitter = self._pool.jitter()
            return record.failed(period, str(error), now, jitter, counts=counts(error))
        record.given_up(heard.seconds)
        return None

    def _event(self, hop: _Hop, request: Request, heard: Heard) -> ModelCalled:
        reply, error = heard.reply, heard.error
        cancelled = isinstance(error, asyncio.CancelledError)
        return ModelCalled(
            at=time.time(),
            path=self._path,
            provider=hop.record.name,
            model=reply.model if reply else request.model,
            duration_s=heard.seconds,
            usage=heard.usage,
            requests=heard.requests,
            error=None if error is None else "cancelled" if cancelled else str(error),
            strategy=hop.strategy,
            hop=hop.number,
            passed_over=hop.passed_over,
            session=(reply.session if reply else None) or request.session,
        )


def _within(purse: Purse, reserved: Spent, request: Request) -> Request:
    """Return the request with what its provider may know of the budgets."""
    site = request.site or NOWHERE
    site = replace(site, before_request=partial(purse.more, reserved), left=purse.left())
    return request.model_copy(update={"site": site})


def _in_turn(selection: Selection, request: Request) -> Iterable[Record]:
    """Yield the records of those chosen: the preferred first, the paused last."""
    chosen = selection.chosen
    if len(chosen) == 1:
        return (selection.record(chosen[0]),)
    found = {id(one.entry): one for one in selection.plan.fit}
    records = [found[id(entry)] for entry in chosen]
    if (liked := request.prefers) and request.strategy is None:
        places = {name: place for place, name in enumerate(liked)}
        records.sort(key=lambda record: places.get(record.name, len(liked)))
    # One that said it is asked too often comes after those that did not.
    if any(record.throttle.pausing for record in records):
        records.sort(key=lambda record: record.throttle.paused)
    return records


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


def _fitted(reply: Reply, schema: dict[str, Any]) -> tuple[list[str], Reply | None]:
    """Return what is wrong with the answer's data, or the reply with data that fits."""
    try:
        data = reply.data if reply.data is not None else extract(reply.text)
    except ValueError as error:
        return [str(error)], None
    problems = misfits(data, schema)
    return problems, None if problems else reply.model_copy(update={"data": data})
