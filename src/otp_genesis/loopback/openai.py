"""Chat Completions on a port of our own: JSON and SSE, tool calls, errors, by a script.

    async with OpenAIServer([calling(("read_file", {"path": "a.py"})), "It says 1."]) as server:
        ...  # a client with base_url = server.url + "/v1"

A script is a list of turns, or a function of the request. Of a list, that turn is taken which has
the number of the request's messages that call tools; the last stays for all that follow.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from aiohttp import web

from otp_genesis.loopback.server import Asked, Fault, LoopbackServer, event_stream

PIECE = 24
"""So many characters are sent in one event of a stream."""
PATHS = ("/chat/completions", "/v1/chat/completions")


@dataclass(frozen=True)
class Turn:
    """What the model says at once, where more is to be said of it than its message."""

    message: Mapping[str, Any] | str
    """A message of the API, or its text."""
    finish_reason: str | None = None
    """`tool_calls` where a tool is called, else `stop`, where nothing is said here."""
    prompt_tokens: int | None = None
    """A quarter of the request's characters, where nothing is said here."""
    completion_tokens: int = 20
    cached_tokens: int = 0
    hang_after: int | None = None
    """After so many events of a stream nothing more is sent."""


Answer = Turn | Mapping[str, Any] | str | Fault
Script = Sequence[Answer] | Callable[[Asked], Answer]


def calling(*calls: tuple[str, Mapping[str, Any] | str], text: str | None = None) -> dict[str, Any]:
    """Return a message that calls functions: names and arguments, as data or as JSON text."""
    return {
        "role": "assistant",
        "content": text,
        "tool_calls": [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": arguments
                    if isinstance(arguments, str)
                    else json.dumps(dict(arguments)),
                },
            }
            for name, arguments in calls
        ],
    }


def error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    kind: str = "invalid_request_error",
    headers: Mapping[str, str] | None = None,
) -> Fault:
    """Return a failure in the vendor's shape."""
    return Fault(status, error_body(message, code, kind), dict(headers or {}))


def error_body(message: str, code: str | None = None, kind: str = "invalid_request_error") -> str:
    """Return the JSON text of the vendor's errors."""
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def cut_stream(said: str) -> Fault:
    """Return a stream whose connection is closed after `said`, before the answer ends."""
    whole = _completion(Turn(said), {"model": "loopback", "stream": True}, "chatcmpl-cut")
    events = list(_events(whole, usage=False))[:-2]
    body = "".join(f"{one}\n\n" for one in events)
    return Fault(200, body, {"content-type": "text/event-stream"}, cut=True)


class OpenAIServer(LoopbackServer):
    """`POST /v1/chat/completions` and `GET /v1/models`, by a script."""

    def __init__(
        self,
        script: Script = ("ok",),
        *,
        key: str | None = None,
        models: Iterable[str] = ("loopback",),
        delay_s: float = 0.0,
    ):
        super().__init__()
        self.script = script
        self.key = key
        """The only key that is let in; without it any is, and none."""
        self.models = tuple(models)
        self.delay_s = delay_s
        """How long each answer is waited for."""
        self._numbers = count(1)

    @property
    def asked(self) -> list[Asked]:
        """The requests for an answer."""
        return [one for one in self.requests if one.path in PATHS]

    async def respond(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """Answer one request."""
        if self.key is not None and asked.headers.get("Authorization") != f"Bearer {self.key}":
            refused = error(401, "Incorrect API key provided", code="invalid_api_key")
            return await self.play(refused, request)
        if asked.method == "GET" and asked.path.endswith("/models"):
            return web.json_response({"object": "list", "data": list(map(_model, self.models))})
        if asked.method != "POST" or asked.path not in PATHS or not isinstance(asked.body, dict):
            return await self.play(error(404, f"unknown address {asked.path}"), request)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        answer = self._chosen(asked)
        if isinstance(answer, Fault):
            return await self.play(answer, request)
        turn = answer if isinstance(answer, Turn) else Turn(answer)
        whole = _completion(turn, asked.body, f"chatcmpl-{next(self._numbers):06d}")
        if not asked.body.get("stream"):
            return web.json_response(whole)
        usage = bool((asked.body.get("stream_options") or {}).get("include_usage"))
        return await event_stream(request, self._sent(whole, turn, usage=usage))

    def _chosen(self, asked: Asked) -> Answer:
        if callable(self.script):
            return self.script(asked)
        called = sum(1 for one in asked.body.get("messages", ()) if one.get("tool_calls"))
        return self.script[min(called, len(self.script) - 1)]

    async def _sent(
        self, whole: Mapping[str, Any], turn: Turn, *, usage: bool
    ) -> AsyncIterator[str]:
        for number, event in enumerate(_events(whole, usage=usage)):
            if number == turn.hang_after:
                await self._closing.wait()
                return
            yield event
            await asyncio.sleep(0)


def tool_results(asked: Asked) -> list[str]:
    """Return what the tools returned, by a request, in order."""
    messages = asked.body.get("messages", ())
    return [one["content"] for one in messages if one.get("role") == "tool"]


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "loopback"}


def _completion(turn: Turn, body: Mapping[str, Any], number: str) -> dict[str, Any]:
    said = {"content": turn.message} if isinstance(turn.message, str) else turn.message
    message = {"role": "assistant", "content": None, **said}
    if calls := message.get("tool_calls"):
        message["tool_calls"] = [
            {"id": f"call_{number}_{place}", **call} for place, call in enumerate(calls)
        ]
    into = turn.prompt_tokens
    into = max(1, len(json.dumps(body)) // 4) if into is None else into
    return {
        "id": number,
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model", "loopback"),
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": turn.finish_reason or ("tool_calls" if calls else "stop"),
            }
        ],
        "usage": {
            "prompt_tokens": into,
            "completion_tokens": turn.completion_tokens,
            "total_tokens": into + turn.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": turn.cached_tokens},
        },
    }


def _events(whole: Mapping[str, Any], *, usage: bool) -> Iterable[str]:
    """Return a completion as the events of a stream."""
    same = {key: whole[key] for key in ("id", "created", "model")}
    same["object"] = "chat.completion.chunk"
    (choice,) = whole["choices"]
    for delta in _deltas(choice["message"]):
        yield _event({**same, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    ended = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    yield _event({**same, "choices": [ended]})
    if usage:
        yield _event({**same, "choices": [], "usage": whole["usage"]})
    yield "data: [DONE]"


def _deltas(message: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for key in ("content", "refusal"):
        for piece in _pieces(message.get(key) or ""):
            yield {key: piece}
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        begun = {"name": function["name"], "arguments": ""}
        yield {"tool_calls": [{**call, "index": index, "function": begun}]}
        for piece in _pieces(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(whole: str) -> list[str]:
    return [whole[begin : begin + PIECE] for begin in range(0, len(whole), PIECE)]


def _event(data: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(data)}"
