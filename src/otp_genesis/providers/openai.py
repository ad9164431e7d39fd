"""Whatever speaks Chat Completions: OpenAI, vLLM, Ollama, LM Studio, llama.cpp, OpenRouter, …"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from otp_genesis.contracts.provider import Health, Provider
from otp_genesis.deferred import deferred
from otp_genesis.errors import BadCredentials, BrokenStream, ProviderError
from otp_genesis.providers.chat import Chat, Turn
from otp_genesis.providers.chat_key import Key
from otp_genesis.providers.chat_loops import PerLoop
from otp_genesis.providers.chat_provider import ChatProvider
from otp_genesis.providers.kind import ProviderKind, Surroundings, VendorSettings
from otp_genesis.providers.native_schema import OPENAI, fits
from otp_genesis.providers.openai_answer import StreamedTurn, events_of, turn_of
from otp_genesis.providers.openai_request import body_of
from otp_genesis.providers.prices import Prices
from otp_genesis.providers.vendor_errors import error_of

if TYPE_CHECKING:
    import aiohttp
else:
    aiohttp = deferred("aiohttp")

VENDOR_URL = "https://api.openai.com/v1"
VENDOR_KEY = "env:OPENAI_API_KEY"
CONNECTIONS = 100
"""At once, where the settings say nothing of calls at once."""


class OpenAISettings(VendorSettings):
    """`[providers.NAME]` of a server that speaks Chat Completions."""

    headers: dict[str, str] = {}
    """Sent with each request. A value may be a reference to a secret: `env:NAME`."""
    body: dict[str, Any] = {}
    """Added to each request: what this server understands beside the usual."""
    structured: Literal["auto", "json_schema", "json_object", "prompt"] = "auto"
    """How data of a schema is asked for.

    `json_schema` always leaves it to the server, `prompt` always says it in words, `json_object`
    in words with the server's mode for JSON; `auto` leaves it to the server where the schema keeps
    the rules of its strict mode.
    """
    max_tokens_field: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"
    """What limits the answer's length; `auto`: the newer name for OpenAI, the older elsewhere."""
    stream_usage: bool = True
    """Whether the server may be asked to count tokens of a stream."""
    proxy: str | None = None
    """The HTTP proxy that the server is reached through."""
    keep_alive: bool = True
    """Whether connections are used again; not, where a server closes them without saying so."""


class OpenAIChat:
    """A `ChatModel` that speaks Chat Completions by HTTP."""

    def __init__(self, name: str, settings: OpenAISettings, surroundings: Surroundings):
        self._name, self._settings, self._secrets = name, settings, surroundings.secrets
        base = (settings.base_url or VENDOR_URL).rstrip("/")
        self._url = f"{base}/chat/completions"
        self._where = urlsplit(base).netloc.rpartition("@")[2] or base
        self._is_vendor = base == VENDOR_URL
        references = (settings.api_key or VENDOR_KEY,)
        # A key for the vendor is no business of a server on this machine.
        named = {header.lower() for header in settings.headers}
        keyless = settings.api_key is None and (is_local(base) or "authorization" in named)
        self._key = None if keyless else Key(name, references, self._secrets)
        self._sessions = PerLoop(self._opened, _closed)

    async def takes(self, schema: Mapping[str, Any], model: str, *, with_functions: bool) -> bool:
        """Whether the schema is left to the server, by the setting `structured`."""
        how = self._settings.structured
        return how == "json_schema" or (how == "auto" and fits(schema, OPENAI))

    async def check(self) -> Health:
        """Say whether there are an address and a key."""
        parts = urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            told = f"[providers.{self._name}] base_url = …"
            return Health(
                False, f"{self._url!r} is no address", f"name one in genesis.toml: {told}"
            )
        return Health(True) if self._key is None else await self._key.check()

    async def close(self) -> None:
        """Close the connections."""
        await self._sessions.close()

    async def turn(self, chat: Chat) -> Turn:
        """Ask once."""
        settings = self._settings
        body = body_of(
            chat,
            longest=self._longest(),
            with_top_k=not self._is_vendor,
            json_object=settings.structured == "json_object",
            stream_usage=settings.stream_usage,
        )
        if settings.body:
            body |= settings.body
        headers = await self._headers()
        data = json.dumps(body).encode()
        with self._told():
            try:
                return await self._asked(data, headers, chat)
            except aiohttp.ClientConnectionError as error:
                if not _is_unsent(error):
                    raise
            # The server had closed the connection that was kept; it has not had the whole request.
            return await self._asked(data, headers, chat)

    async def _asked(self, data: bytes, headers: dict[str, str], chat: Chat) -> Turn:
        session = await self._sessions.get()
        async with session.post(
            self._url,
            data=data,
            headers=headers,
            allow_redirects=False,
            proxy=self._settings.proxy,
        ) as response:
            if response.status != 200:
                raise await self._refused(response)
            if chat.hear is None:
                return turn_of(await response.read(), self._where)
            return await self._streamed(response, chat)

    async def _streamed(self, response: aiohttp.ClientResponse, chat: Chat) -> Turn:
        assert chat.hear is not None
        if "json" in response.content_type:
            # The server does not stream, or tells of an error.
            turn = turn_of(await response.read(), self._where)
            await chat.hear(turn.text)
            return turn
        coming = StreamedTurn(self._where)
        try:
            async with _all(events_of(response.content.iter_any())) as events:
                async for event in events:
                    if piece := coming.take(event):
                        await chat.hear(piece)
        except aiohttp.ClientError as error:
            message = f"the stream from {self._where} broke off: {error}"
            raise BrokenStream(message, output=coming.text) from None
        return coming.turn()

    async def _refused(self, response: aiohttp.ClientResponse) -> ProviderError:
        text = await response.text(errors="replace")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = text
        error = error_of(response.status, body, response.headers, self._where)
        if isinstance(error, BadCredentials) and self._key is not None:
            self._key.forget()
        if response.status == 400 and "response_format" in text:
            table = f"[providers.{self._name}] structured"
            message = f'{error}; {table} = "prompt" asks for data without response_format'
            return ProviderError(message, retryable=False)
        return error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what happens on the wire into `ProviderError`."""
        try:
            yield
        except (aiohttp.ClientSSLError, aiohttp.InvalidURL) as error:
            message = f"{self._where} cannot be spoken to: {error}"
            raise ProviderError(message, retryable=False) from None
        except aiohttp.ClientConnectorError as error:
            message = f"{self._where} cannot be reached: {error}"
            raise ProviderError(message, retryable=True) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            told = str(error) or type(error).__name__
            raise BrokenStream(f"the connection to {self._where} broke: {told}") from None

    async def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {await self._key.required()}"
        for name, value in self._settings.headers.items():
            headers[name] = self._plain(name, value)
        return headers

    def _plain(self, name: str, value: str) -> str:
        if not value.startswith("env:"):
            return value
        secret = self._secrets.read(value)
        if secret is None:
            raise BadCredentials(f"there is nothing at {value} for the header {name}")
        return secret.get_secret_value()

    def _longest(self) -> str:
        named = self._settings.max_tokens_field
        if named != "auto":
            return named
        return "max_completion_tokens" if self._is_vendor else "max_tokens"

    def _opened(self) -> aiohttp.ClientSession:
        limit = self._settings.concurrency or CONNECTIONS
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limit, force_close=not self._settings.keep_alive),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Whoever asks has set the time for all of it.
            timeout=aiohttp.ClientTimeout(total=None),
        )


def _is_unsent(error: aiohttp.ClientConnectionError) -> bool:
    """Whether the request could not be written whole, so that the server cannot act on it."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return False
    return isinstance(error, aiohttp.ClientConnectionResetError) or "Can not write" in str(error)


async def _closed(session: aiohttp.ClientSession) -> None:
    await session.close()


@asynccontextmanager
async def _all(events: AsyncIterator[str]) -> AsyncIterator[AsyncIterator[str]]:
    """Close the generator at the end, though it be left in the middle."""
    try:
        yield events
    finally:
        await events.aclose()  # type: ignore[attr-defined]


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _made(name: str, settings: OpenAISettings, surroundings: Surroundings) -> Provider:
    base = settings.base_url or VENDOR_URL
    vendor = "openai" if base.rstrip("/") == VENDOR_URL else base
    prices = Prices(settings.models, None if is_local(base) else vendor)
    chat = OpenAIChat(name, settings, surroundings)
    return ChatProvider(name, chat, settings, surroundings.secrets, prices=prices)


KIND = ProviderKind(OpenAISettings, _made)
