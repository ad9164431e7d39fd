"""The Anthropic Messages API on a port of our own: JSON and SSE, tool calls, errors, by a script.

    async with AnthropicServer([[tool_use("Read", file_path="a.py")], "It says 1."]) as server:
        ...  # a client with base_url = server.url

A script is a list of turns, or a function of the request. Of a list, that turn is taken which has
the number of the request's messages that hold tool results; the last stays for all that follow.
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

Block = Mapping[str, Any]
"""A block of content as the API has it; a `tool_use` need not have an id."""


@dataclass(frozen=True)
class Turn:
    """What the model says at once, where more is to be said of it than its blocks."""

    content: Sequence[Block] | str
    stop_reason: str | None = None
    """`tool_use` where a tool is called, else `end_turn`, where nothing is said here."""
    input_tokens: int | None = None
    """A quarter of the request's characters, where nothing is said here."""
    output_tokens: int = 20
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    hang_after: int | None = None
    """After so many events of a stream nothing more is sent."""


Answer = Turn | Sequence[Block] | str | Fault
Script = Sequence[Answer] | Callable[[Asked], Answer]


def text(said: str) -> dict[str, Any]:
    """Return a block of text."""
    return {"type": "text", "text": said}


def thinking(said: str) -> dict[str, Any]:
    """Return a block of thoughts."""
    return {"type": "thinking", "thinking": said, "signature": "c2lnbmF0dXJl"}


def tool_use(tool: str, /, **arguments: Any) -> dict[str, Any]:
    """Return a block that calls a tool."""
    return {"type": "tool_use", "name": tool, "input": arguments}


def error(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Fault:
    """Return a failure in the vendor's shape: `error(429, "rate_limit_error", "slow down")`."""
    return Fault(status, error_body(kind, message), dict(headers or {}))


def error_body(kind: str, message: str) -> str:
    """Return the JSON text of the vendor's errors."""
    said = {"type": kind, "message": message}
    return json.dumps({"type": "error", "error": said, "request_id": "req_loopback"})


def cut_stream(said: str) -> Fault:
    """Return a stream whose connection is closed after `said`, before the answer ends."""
    message = _message(Turn(said), {"model": "loopback", "stream": True}, "msg_loopback_cut")
    events = list(_events(message))[:-3]
    body = "".join(f"{one}\n\n" for one in events)
    return Fault(200, body, {"content-type": "text/event-stream"}, cut=True)


def tool_results(asked: Asked) -> list[Mapping[str, Any]]:
    """Return the blocks of tool results in a request, in order."""
    return [block for message in _messages(asked.body) for block in _results(message)]


class AnthropicServer(LoopbackServer):
    """`POST /v1/messages` and `/v1/messages/count_tokens`, by a script."""

    def __init__(self, script: Script = ("ok",), *, key: str | None = None):
        super().__init__()
        self.script = script
        self.key = key
        """The only key that is let in, as `x-api-key` or as a bearer; without it any is."""
        self._numbers = count(1)

    @property
    def asked(self) -> list[Asked]:
        """The requests for an answer, without those that count tokens."""
        return [one for one in self.requests if one.path == "/v1/messages"]

    async def respond(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """Answer one request."""
        if asked.method != "POST":
            return await self.play(error(404, "not_found_error", asked.path), request)
        if self.key is not None and self.key not in _keys(asked):
            return await self.play(error(401, "authentication_error", "invalid x-api-key"), request)
        if asked.path == "/v1/messages/count_tokens":
            return web.json_response({"input_tokens": _counted(asked.body)})
        if asked.path != "/v1/messages" or not isinstance(asked.body, dict):
            return await self.play(error(404, "not_found_error", asked.path), request)
        answer = self._chosen(asked)
        if isinstance(answer, Fault):
            return await self.play(answer, request)
        turn = answer if isinstance(answer, Turn) else Turn(answer)
        message = _message(turn, asked.body, f"msg_loopback{next(self._numbers):04d}")
        headers = {"request-id": "req_loopback"}
        if not asked.body.get("stream"):
            return web.json_response(message, headers=headers)
        return await event_stream(request, self._sent(message, turn), headers)

    def _chosen(self, asked: Asked) -> Answer:
        if callable(self.script):
            return self.script(asked)
        heard = sum(1 for message in _messages(asked.body) if _results(message))
        return self.script[min(heard, len(self.script) - 1)]

    async def _sent(self, message: dict[str, Any], turn: Turn) -> AsyncIterator[str]:
        for number, event in enumerate(_events(message)):
            if number == turn.hang_after:
                await self._closing.wait()
                return
            yield event
            await asyncio.sleep(0)


def _messages(body: Any) -> list[Any]:
    return list(body.get("messages", ())) if isinstance(body, dict) else []


def _results(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    return [block for block in blocks if block.get("type") == "tool_result"]


def _keys(asked: Asked) -> set[str]:
    headers = {name.lower(): value for name, value in asked.headers.items()}
    return {
        headers.get("x-api-key", ""),
        headers.get("authorization", "").removeprefix("Bearer "),
    }


def _counted(body: Any) -> int:
    return max(1, len(json.dumps(body)) // 4)


def _message(turn: Turn, body: Mapping[str, Any], number: str) -> dict[str, Any]:
    said = [text(turn.content)] if isinstance(turn.content, str) else turn.content
    blocks = [
        {"id": f"toolu_{number}_{place}", **block} if block["type"] == "tool_use" else dict(block)
        for place, block in enumerate(said)
    ]
    calls = any(block["type"] == "tool_use" for block in blocks)
    usage = {
        "input_tokens": _counted(body) if turn.input_tokens is None else turn.input_tokens,
        "output_tokens": turn.output_tokens,
        "cache_creation_input_tokens": turn.cache_creation_input_tokens,
        "cache_read_input_tokens": turn.cache_read_input_tokens,
    }
    return {
        "id": number,
        "type": "message",
        "role": "assistant",
        "model": body.get("model", "loopback"),
        "content": blocks,
        "stop_reason": turn.stop_reason or ("tool_use" if calls else "end_turn"),
        "stop_sequence": None,
        "usage": usage,
    }


def _events(message: Mapping[str, Any]) -> Iterable[str]:
    usage = message["usage"]
    begun = {
        **message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1},
    }  # fmt: skip
    yield _event("message_start", message=begun)
    for index, block in enumerate(message["content"]):
        yield from _block_events(index, block)
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=ended, usage={"output_tokens": usage["output_tokens"]})
    yield _event("message_stop")


def _block_events(index: int, block: Block) -> Iterable[str]:
    deltas: list[dict[str, Any]]
    match block["type"]:
        case "text":
            begun: dict[str, Any] = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
        case "thinking":
            begun = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": piece}
                for piece in _pieces(block["thinking"])
            ]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case _:
            begun = {**block, "input": {}}
            deltas = [
                {"type": "input_json_delta", "partial_json": piece}
                for piece in _pieces(json.dumps(block["input"]))
            ]
    yield _event("content_block_start", index=index, content_block=begun)
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _pieces(whole: str) -> list[str]:
    return [whole[begin : begin + PIECE] for begin in range(0, len(whole), PIECE)]


def _event(kind: str, **data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}"
