"""Vendors that are asked by pydantic-ai: one request at a time, without its agents and retries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from otp_genesis.contracts.provider import Health, Provider
from otp_genesis.deferred import deferred
from otp_genesis.errors import BadCredentials, BrokenStream, ProviderError
from otp_genesis.providers.chat import Chat, Turn
from otp_genesis.providers.chat_key import Key
from otp_genesis.providers.chat_loops import PerLoop
from otp_genesis.providers.chat_provider import ChatProvider
from otp_genesis.providers.kind import Surroundings, VendorSettings
from otp_genesis.providers.native_schema import Dialect, fits
from otp_genesis.providers.prices import Prices
from otp_genesis.providers.pydantic_ai_errors import told
from otp_genesis.providers.pydantic_ai_messages import (
    history_of,
    parameters_of,
    settings_of,
    turn_of,
)

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai import direct, messages
    from pydantic_ai.models import Model
else:
    httpx2 = deferred("httpx2")
    direct = deferred("pydantic_ai.direct")
    messages = deferred("pydantic_ai.messages")

CONNECTIONS = 100
"""At once, where the settings say nothing of calls at once."""
GRACE_S = 30.0
"""So much later than we would the package gives up by itself."""


@dataclass(frozen=True)
class Access:
    """What a model is made with."""

    model: str
    key: str
    base_url: str
    http: httpx2.AsyncClient


@dataclass(frozen=True)
class Vendor:
    """What is special about one vendor."""

    name: str
    """The vendor's list of prices, and the extra of our package that installs its own."""
    url: str
    keys: tuple[str, ...]
    """Where its key is looked for."""
    modules: tuple[str, ...]
    """What is imported, which takes seconds: it is done in a thread."""
    package: str
    """The vendor's own package."""
    extra: str
    dialect: Dialect
    options: frozenset[str]
    """What pydantic-ai passes on to this vendor, of how an answer is drawn."""
    model: Callable[[Access], Model]
    takes_schema: Callable[[Mapping[str, Any], bool], bool]
    """Whether a model's profile has structured output: beside functions, where it is asked with
    some."""


class PydanticAIChat:
    """A `ChatModel` of a vendor that pydantic-ai knows."""

    def __init__(
        self, name: str, vendor: Vendor, settings: VendorSettings, surroundings: Surroundings
    ):
        self._name, self._vendor, self._settings = name, vendor, settings
        self._base = (settings.base_url or vendor.url).rstrip("/")
        self._where = urlsplit(self._base).netloc.rpartition("@")[2] or self._base
        references = (settings.api_key,) if settings.api_key else vendor.keys
        self._key = Key(name, references, surroundings.secrets)
        self._clients = PerLoop(self._client, _closed)
        self._imported = False

    @cached_property
    def _lacking(self) -> str | None:
        """The package that is not installed, if any."""
        names = ("pydantic_ai", self._vendor.package)
        return next((name for name in names if _is_missing(name)), None)

    async def check(self) -> Health:
        """Say whether there are the packages, an address and a key."""
        if self._lacking is not None:
            return Health(False, f"{self._lacking} is not installed", self._remedy())
        parts = urlsplit(self._base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            remedy = f"name one in genesis.toml: [providers.{self._name}] base_url = …"
            return Health(False, f"{self._base!r} is no address", remedy)
        return await self._key.check()

    async def takes(self, schema: Mapping[str, Any], model: str, *, with_functions: bool) -> bool:
        """Whether the schema is in the vendor's dialect, and the model has structured output."""
        if not fits(schema, self._vendor.dialect):
            return False
        profile: Any = (await self._model(model)).profile
        return self._vendor.takes_schema(profile, with_functions)

    async def turn(self, chat: Chat) -> Turn:
        """Ask once."""
        model = await self._model(chat.model)
        history, parameters = history_of(chat), parameters_of(chat)
        settings = settings_of(chat.sampling, self._vendor.options)
        try:
            with told(self._where):
                if chat.hear is not None:
                    return await self._streamed(model, chat, history, parameters, settings)
                response = await direct.model_request(
                    model,
                    history,
                    model_settings=settings,
                    model_request_parameters=parameters,
                    instrument=False,
                )
                return turn_of(response, self._where, streamed=False)
        except BadCredentials:
            self._key.forget()
            raise

    async def _streamed(
        self, model: Model, chat: Chat, history: Any, parameters: Any, settings: Any
    ) -> Turn:
        assert chat.hear is not None
        heard = ""
        try:
            with told(self._where):
                async with direct.model_request_stream(
                    model,
                    history,
                    model_settings=settings,
                    model_request_parameters=parameters,
                    instrument=False,
                ) as stream:
                    async for event in stream:
                        if piece := _text_of(event):
                            heard += piece
                            await chat.hear(piece)
                    return turn_of(stream.get(), self._where, streamed=True)
        except BrokenStream as error:
            error.output = error.output or heard
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self._clients.close()

    async def _model(self, name: str) -> Model:
        key = await self._key.required()
        if self._lacking is not None:
            message = f"{self._lacking} is not installed: {self._remedy()}"
            raise ProviderError(message, retryable=False)
        if not self._imported:
            await asyncio.to_thread(self._import)
        client = await self._clients.get()
        kept = client.models.get((name, key))
        if kept is None:
            access = Access(name, key, self._base, client.http)
            kept = client.models[name, key] = self._vendor.model(access)
        return kept

    def _import(self) -> None:
        for module in ("pydantic_ai.direct", *self._vendor.modules):
            import_module(module)
        self._imported = True

    def _client(self) -> _Client:
        limit = self._settings.concurrency or CONNECTIONS
        http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(self._settings.timeout_s + GRACE_S),
            limits=httpx2.Limits(max_connections=limit, max_keepalive_connections=limit),
            follow_redirects=False,
        )
        return _Client(http, {})

    def _remedy(self) -> str:
        return f'pip install "otp-genesis[{self._vendor.extra}]"'


@dataclass(frozen=True)
class _Client:
    """The connections of one event loop, and the models that use them."""

    http: httpx2.AsyncClient
    models: dict[tuple[str, str], Model]


async def _closed(client: _Client) -> None:
    await client.http.aclose()


def _is_missing(package: str) -> bool:
    try:
        return find_spec(package) is None
    except ModuleNotFoundError:
        return True


def _text_of(event: Any) -> str:
    """Return the text that an event of a stream adds."""
    if isinstance(event, messages.PartStartEvent) and isinstance(event.part, messages.TextPart):
        return event.part.content
    if isinstance(event, messages.PartDeltaEvent) and isinstance(
        event.delta, messages.TextPartDelta
    ):
        return event.delta.content_delta
    return ""


def chat_provider(
    name: str, vendor: Vendor, settings: VendorSettings, surroundings: Surroundings
) -> Provider:
    """Return the provider of a vendor's models."""
    chat = PydanticAIChat(name, vendor, settings, surroundings)
    prices = Prices(settings.models, vendor.name)
    return ChatProvider(name, chat, settings, surroundings.secrets, prices=prices)
