"""A provider that answers by conversation: it asks the model, does what it calls, asks again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from otp_genesis.contracts.call_site import NOWHERE, CallSite
from otp_genesis.contracts.provider import Health, Reply, Request
from otp_genesis.contracts.tool import Tool, ToolFailed
from otp_genesis.deferred import deferred
from otp_genesis.errors import BudgetReached, CodebaseError, NoAnswerInTime, ProviderError
from otp_genesis.model.budget import Spent
from otp_genesis.model.event import ModelSaid
from otp_genesis.model.outcome import Usage
from otp_genesis.providers.chat import Answered, Asked, Call, Chat, ChatModel, Message, Result, Turn
from otp_genesis.providers.chat_options import sampling_of
from otp_genesis.providers.chat_tools import ChatTools, arguments_of, functions_of, offered_of
from otp_genesis.providers.prices import NO_PRICES, Prices
from otp_genesis.providers.structured import extract

if TYPE_CHECKING:
    from otp_genesis.providers import mcp_tools as mcp
    from otp_genesis.providers.kind import VendorSettings
    from otp_genesis.providers.secrets import Secrets
else:
    mcp = deferred("otp_genesis.providers.mcp_tools")

MAX_TURNS = 20
"""How often the model is asked where the request does not say."""
LONGEST_TOLD = 2000
PIECE = 200
"""A streamed answer is told in pieces of at least so many characters."""
CAPABILITIES = frozenset(("text", "structured_output", "tools", "streaming"))


class ChatProvider:
    """A `Provider` of a vendor's `ChatModel`."""

    def __init__(
        self,
        name: str,
        model: ChatModel,
        settings: VendorSettings,
        secrets: Secrets,
        *,
        capabilities: frozenset[str] = CAPABILITIES,
        prices: Prices = NO_PRICES,
    ):
        self.name, self.capabilities = name, capabilities
        self._model, self._settings, self._secrets, self._prices = model, settings, secrets, prices

    async def check(self) -> Health:
        """Say whether it can be asked; nobody is."""
        health = await self._model.check()
        if health.available and named_model(self._settings) is None:
            return Health(
                False,
                "no model is named",
                f"name one in genesis.toml: [providers.{self.name}] model = …",
            )
        return health

    async def close(self) -> None:
        """Give connections back. It may be asked again: it then makes new ones."""
        await self._model.close()

    async def complete(self, request: Request) -> Reply:
        """Answer, calling the tools that the model asks for."""
        site = request.site or NOWHERE
        try:
            tools = site.tools(request.tools)
        except CodebaseError as error:
            raise ProviderError(str(error), retryable=False) from None
        try:
            if not request.mcp_servers:
                return await self._answer(request, site, tools)
            return await self._beside_servers(request, site, tools)
        except ProviderError as error:
            # A vendor may repeat what it was sent, the key too.
            error.args = (self._secrets.redact(str(error)),)
            error.output = self._secrets.redacted(error.output)
            raise

    async def _beside_servers(
        self, request: Request, site: CallSite, tools: Iterable[Tool]
    ) -> Reply:
        failure: Exception
        async with mcp.mcp_tools(request.mcp_servers) as more:
            # What is raised in here would come out in a group, with what the servers' ends raise.
            try:
                return await self._answer(request, site, (*tools, *more))
            except Exception as error:
                failure = error
        raise failure

    async def _answer(self, request: Request, site: CallSite, tools: Iterable[Tool]) -> Reply:
        exchange = _Exchange(self.name, request, site)
        offered = offered_of(request)
        known = ChatTools(tools, offered, site)
        chat = await self._chat(request, functions_of(tools, offered), exchange)
        try:
            return await self._talked(chat, exchange, known)
        except (ProviderError, BudgetReached) as error:
            error.usage, error.requests = exchange.usage, max(exchange.requests, error.requests)
            raise

    async def _talked(self, chat: Chat, exchange: _Exchange, known: ChatTools) -> Reply:
        """Ask, and ask again with what the tools said, until the model calls none."""
        turn = Turn("")
        for number in range(exchange.request.max_turns or MAX_TURNS):
            if number:
                await exchange.site.before_request(exchange.spent)
            turn = await self._turn(chat)
            await self._counted(exchange, chat, turn)
            if not turn.calls:
                return exchange.reply(turn)
            if wanted := [call for call in turn.calls if known.is_offered(call)]:
                return exchange.calling(turn, wanted)
            results = await known.results(turn.calls, exchange.tell_result)
            said = Answered(turn.text, turn.calls, turn.original)
            chat = replace(chat, messages=(*chat.messages, said, *results))
        message = (
            f"the model still calls tools after {exchange.requests} requests; it may be asked more"
            " often: max_turns"
        )
        raise ProviderError(message, retryable=False, output=turn.text)

    async def _chat(self, request: Request, functions: Any, exchange: _Exchange) -> Chat:
        model = request.model or named_model(self._settings)
        if model is None:
            message = f"no model is named; name one in genesis.toml: [providers.{self.name}] model"
            raise ProviderError(message, retryable=False)
        prompt, schema = request.prompt, request.output_schema
        native = schema is not None and await self._model.takes(
            schema, model, with_functions=bool(functions)
        )
        if schema is not None and not native:
            prompt = f"{prompt}\n\n{instruction(schema)}"
        messages: tuple[Message, ...] = (Asked(prompt),)
        return Chat(
            model,
            messages,
            system=request.system,
            functions=functions,
            schema=schema,
            native=native,
            sampling=sampling_of(request),
            hear=exchange.hear if request.stream else None,
        )

    async def _turn(self, chat: Chat) -> Turn:
        limit_s = self._settings.timeout_s
        try:
            async with asyncio.timeout(limit_s) as limit:
                return await self._model.turn(chat)
        except TimeoutError:
            if not limit.expired():
                raise
            raise NoAnswerInTime(f"no answer within {limit_s:g} s (timeout_s)") from None

    async def _counted(self, exchange: _Exchange, chat: Chat, turn: Turn) -> None:
        names = (chat.model,) if turn.model in (None, chat.model) else (chat.model, turn.model)
        cost = await self._prices.of(names, turn.tokens)
        exchange.add(turn, cost)
        await exchange.tell_turn(turn)
        if turn.stop == "length" and not turn.text and not turn.calls:
            message = "the answer's length was used up before it said anything: max_output_tokens"
            raise ProviderError(message, retryable=False)


def named_model(settings: VendorSettings) -> str | None:
    """Return the model that is asked where a request names none."""
    return settings.model or (settings.models[0].name if settings.models else None)


def instruction(schema: Any) -> str:
    """Return what a model is told that has no structured output of its own for this schema."""
    told = json.dumps(schema, ensure_ascii=False, indent=1)
    return (
        "Answer with one JSON value that satisfies this JSON Schema, and with nothing else:\n"
        f"```json\n{told}\n```"
    )


@dataclass(slots=True)
class _Exchange:
    """What one request comes to: what was used, what is told of it."""

    provider: str
    request: Request
    site: CallSite
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    cost_known: bool = True
    model: str | None = None
    _untold: str = ""

    def add(self, turn: Turn, cost_usd: float | None) -> None:
        """Count a request to the vendor, at a price that may not be known."""
        self.requests += 1
        self.input_tokens += turn.tokens.input
        self.output_tokens += turn.tokens.output
        self.cost_usd += cost_usd or 0.0
        self.cost_known = self.cost_known and cost_usd is not None
        self.model = turn.model or self.model

    def reply(self, turn: Turn) -> Reply:
        """Return the answer."""
        data = None
        if self.request.output_schema is not None:
            try:
                data = extract(turn.text)
            except ValueError:
                # It is told to the model by whoever validates.
                data = None
        return self._reply(turn, data)

    def calling(self, turn: Turn, calls: Iterable[Call]) -> Reply:
        """Return the answer that calls functions of the caller's."""
        wanted = [{"name": call.name, "arguments": _arguments(call, turn)} for call in calls]
        return self._reply(turn, {"function_calls": wanted})

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=self.cost_usd,
        )

    @property
    def spent(self) -> Spent:
        """The same as budgets count it; of time they count what it takes in the end."""
        return Spent(self.cost_usd, self.input_tokens + self.output_tokens, self.requests)

    def _reply(self, turn: Turn, data: Any) -> Reply:
        return Reply(
            text=turn.text,
            data=data,
            provider=self.provider,
            model=self.model,
            usage=self.usage,
            requests=self.requests,
            cost_known=self.cost_known,
        )

    async def hear(self, piece: str) -> None:
        """Tell of text as it comes."""
        self._untold += piece
        if len(self._untold) >= PIECE:
            piece, self._untold = self._untold, ""
            await self._tell("text", piece)

    async def tell_turn(self, turn: Turn) -> None:
        """Tell of what the model said and calls."""
        if turn.thinking:
            await self._tell("thinking", turn.thinking)
        text, self._untold = self._untold if self.request.stream else turn.text, ""
        if text:
            await self._tell("text", text)
        for call in turn.calls:
            await self._tell("tool_call", call.arguments, call.name)

    async def tell_result(self, result: Result) -> None:
        """Tell of what a tool returned."""
        await self._tell("tool_result", result.text, result.call.name, failed=result.failed)

    async def _tell(
        self,
        what: Literal["text", "thinking", "tool_call", "tool_result"],
        text: str,
        tool: str | None = None,
        *,
        failed: bool = False,
    ) -> None:
        if len(text) > LONGEST_TOLD:
            text = f"{text[: LONGEST_TOLD - 1]}…"
        event = ModelSaid(
            at=time.time(),
            path=self.site.path,
            provider=self.provider,
            what=what,
            text=text,
            tool=tool,
            failed=failed,
        )
        await self.site.tell(event)


def _arguments(call: Call, turn: Turn) -> dict[str, Any]:
    try:
        return arguments_of(call)
    except ToolFailed as error:
        message = f"the model calls {call.name!r} wrongly: {error}"
        raise ProviderError(message, retryable=True, output=turn.text) from None
