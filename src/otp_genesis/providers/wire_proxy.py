"""Between a program and its vendor, on 127.0.0.1: puts the key in, keeps and gives back answers.

The program is given the proxy's address and a token of this one call; the key itself never enters
its process. What is said passes through as it comes. With a tape, an answer that is on it is given
from there, and what is not is asked for and kept, or, in a replay, is an error.
"""

from __future__ import annotations

import json
import secrets as tokens
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr

from otp_genesis.contracts.call_site import Tape
from otp_genesis.deferred import deferred
from otp_genesis.providers.wire_tape import Places, kept_body, request_key, shown_body

if TYPE_CHECKING:
    import aiohttp
    from aiohttp import web
else:
    aiohttp = deferred("aiohttp")
    web = deferred("aiohttp.web")

MOST_BYTES = 64 * 1024**2
_NOT_SENT_ON = frozenset(
    ("accept-encoding", "connection", "content-length", "host", "transfer-encoding")
)
_SENT_BACK = ("content-type", "retry-after", "request-id")


@dataclass(frozen=True)
class WireFault:
    """How the vendor failed last."""

    status: int = 0
    """0 where there was no answer at all."""
    message: str = ""
    retry_after_s: float | None = None
    broken: bool = False
    """Whether the connection ended before the answer did."""


class WireProxy:
    """The proxy of one call, as an async context manager."""

    def __init__(
        self,
        upstream: str,
        key: SecretStr | None,
        *,
        tape: Tape | None = None,
        places: Mapping[str, str] | None = None,
    ):
        self._upstream = upstream.rstrip("/")
        self._key = key
        """Without one, the program's own credentials are sent on."""
        self._tape = tape
        self._places = Places(places or {})
        self.token = tokens.token_urlsafe(24)
        """What the program shows in the place of a key, or at the beginning of the path."""
        self.url = ""
        self.fault: WireFault | None = None
        """The failure of the last request, where it failed."""
        self.missed: str | None = None
        """In a replay, the message for the first request that was not on the tape."""
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=30), trust_env=True
        )
        origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = origin if self._key is not None else f"{origin}/{self.token}"
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = self._let_in(request)
        if path is None:
            return _failure(401, "authentication_error", "this is not the token of the call")
        body = await request.read()
        if self._tape is None:
            return await self._ask(request, path, body, None)
        key = request_key(request.method, path.split("?")[0], _json(body), self._places)
        found = self._tape.find(key)
        if found is not None:
            return self._from_tape(found)
        if self._tape.recording:
            return await self._ask(request, path, body, key)
        missed = self._tape.missed(key)
        self.missed = self.missed or missed
        return _failure(400, "invalid_request_error", missed)

    def _let_in(self, request: web.Request) -> str | None:
        """Return the vendor's path with its query; nothing for a stranger."""
        path = request.raw_path
        inside = f"/{self.token}/"
        if path.startswith(inside):
            return path[len(inside) - 1 :]
        shown = request.headers.get("x-api-key", "")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        known = any(
            tokens.compare_digest(one.encode(), self.token.encode()) for one in (shown, bearer)
        )
        return path if known else None

    def _from_tape(self, found: Mapping[str, Any]) -> web.StreamResponse:
        kind = found["content_type"]
        text = shown_body(kind, found["body"], self._places)
        headers = {"content-type": kind, **found.get("headers", {})}
        self._noticed(found["status"], headers, text)
        return web.Response(status=found["status"], text=text, headers=headers)

    def _noticed(self, status: int, headers: Mapping[str, str], text: str) -> None:
        if status < 400:
            self.fault = None
            return
        self.fault = WireFault(status, vendor_message(text), seconds(headers.get("retry-after")))

    async def _ask(
        self, request: web.Request, path: str, body: bytes, key: Mapping[str, Any] | None
    ) -> web.StreamResponse:
        assert self._session is not None
        response: web.StreamResponse | None = None
        try:
            async with self._session.request(
                request.method,
                self._upstream + path,
                data=body or None,
                headers=self._headers(request),
                allow_redirects=False,
            ) as answer:
                headers = _sent_back(answer.headers)
                response = web.StreamResponse(status=answer.status, headers=headers)
                await response.prepare(request)
                whole = bytearray()
                async for piece in answer.content.iter_any():
                    whole += piece
                    await response.write(piece)
                self._answered(answer.status, headers, whole.decode(errors="replace"), key)
                await response.write_eof()
                return response
        except ConnectionResetError:
            # The program has gone; nobody is left to be answered.
            return response or web.Response(status=499)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return self._unreachable(request, error, response)

    def _headers(self, request: web.Request) -> dict[str, str]:
        own = {n: v for n, v in request.headers.items() if n.lower() not in _NOT_SENT_ON}
        if self._key is not None:
            dropped = ("x-api-key", "authorization")
            own = {name: value for name, value in own.items() if name.lower() not in dropped}
            own["x-api-key"] = self._key.get_secret_value()
        return {**own, "accept-encoding": "identity"}

    def _answered(
        self, status: int, headers: Mapping[str, str], text: str, key: Mapping[str, Any] | None
    ) -> None:
        self._noticed(status, headers, text)
        if key is None or self._tape is None:
            return
        kind = headers.get("content-type", "application/json")
        body = kept_body(kind, text, self._places)
        answer: dict[str, Any] = {"status": status, "content_type": kind, "body": body}
        if "retry-after" in headers:
            answer["headers"] = {"retry-after": headers["retry-after"]}
        self._tape.keep(key, answer)

    def _unreachable(
        self, request: web.Request, error: Exception, response: web.StreamResponse | None
    ) -> web.StreamResponse:
        if response is None:
            self.fault = WireFault(0, f"{self._upstream} cannot be reached: {_reason(error)}")
            return _failure(502, "api_error", self.fault.message)
        self.fault = WireFault(0, "the connection ended before the answer did", broken=True)
        if request.transport is not None:
            request.transport.abort()
        return response


def _sent_back(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what the program is told of the answer, by names in small letters."""
    named = ((name.lower(), value) for name, value in headers.items())
    return {n: v for n, v in named if n in _SENT_BACK or n.startswith("anthropic-")}


def _reason(error: Exception) -> str:
    inner = getattr(error, "os_error", error)
    return str(getattr(inner, "strerror", None) or error or type(error).__name__)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode(errors="replace")


def vendor_message(text: str) -> str:
    """Return the message in the body of an error, or its beginning where it has another shape."""
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text[:300].strip()


def seconds(said: str | None) -> float | None:
    """Return the seconds that a `retry-after` names; nothing for a date or nonsense."""
    try:
        return None if said is None else max(float(said), 0.0)
    except ValueError:
        return None


def _failure(status: int, kind: str, message: str) -> web.Response:
    said = {"type": "error", "error": {"type": kind, "message": message}}
    return web.json_response(said, status=status)
