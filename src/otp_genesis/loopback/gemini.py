"""The Gemini API on a port of our own: JSON and SSE, function calls, errors, by a script.

    async with GeminiServer([calling(("read_file", {"path": "a.py"})), "It says 1."]) as server:
        ...  # a client with base_url = server.url

A script is a list of turns, or a function of the request. Of a list, that turn is taken which has
the number of the request's contents that hold results of functions; the last stays for all that
follow.
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
ANSWERS = ("generateContent", "streamGenerateContent")

Part = Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """What the model says at once, where more is to be said of it than its parts."""

    parts: Sequence[Part] | str
    finish_reason: str | None = "STOP"
    """`SAFETY`, `MAX_TOKENS`, …"""
    block_reason: str | None = None
    """Why the prompt itself is refused: there is no candidate then."""
    prompt_tokens: int | None = None
    """A quarter of the request's characters, where nothing is said here."""
    output_tokens: int = 20
    cached_tokens: int = 0
    hang_after: int | None = None
    """After so many events of a stream nothing more is sent."""


Answer = Turn | Sequence[Part] | str | Fault
Script = Sequence[Answer] | Callable[[Asked], Answer]


def calling(*calls: tuple[str, Mapping[str, Any]], text: str = "") -> list[Part]:
    """Return the parts of an answer that calls functions, with the signature of a thought."""
    said: list[Part] = [{"text": text}] if text else []
    return [
        *said,
        *(
            {
                "functionCall": {"name": name, "args": dict(arguments)},
                "thoughtSignature": "c2lnbmF0dXJl",
            }
            for name, arguments in calls
        ),
    ]


def error(status: int, name: str, message: str, headers: Mapping[str, str] | None = None) -> Fault:
    """Return a failure in the vendor's shape: `error(429, "RESOURCE_EXHAUSTED", "slow down")`."""
    body = json.dumps({"error": {"code": status, "message": message, "status": name}})
    return Fault(status, body, dict(headers or {}))


def cut_stream(said: str) -> Fault:
    """Return a stream whose connection is closed after `said`, before the answer ends."""
    events = list(_events(_whole(Turn(said), {}, "loopback", "cut")))[:-1]
    body = "".join(f"{one}\r\n\r\n" for one in events)
    return Fault(200, body, {"content-type": "text/event-stream"}, cut=True)


def function_results(asked: Asked) -> list[Mapping[str, Any]]:
    """Return the results of functions in a request, in order."""
    return [
        part["functionResponse"]
        for content in asked.body.get("contents", ())
        for part in content["parts"]
        if "functionResponse" in part
    ]


class GeminiServer(LoopbackServer):
    """`POST /v1beta/models/MODEL:generateContent` and `:streamGenerateContent`, by a script."""

    def __init__(self, script: Script = ("ok",), *, key: str | None = None):
        super().__init__()
        self.script = script
        self.key = key
        """The only key that is let in; without it any is."""
        self._numbers = count(1)

    @property
    def asked(self) -> list[Asked]:
        """The requests for an answer."""
        return [one for one in self.requests if one.path.rpartition(":")[2] in ANSWERS]

    async def respond(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """Answer one request."""
        model, _, what = asked.path.rpartition("/")[2].partition(":")
        if asked.method != "POST" or what not in ANSWERS or not isinstance(asked.body, dict):
            return await self.play(error(404, "NOT_FOUND", asked.path), request)
        if self.key is not None and self.key != request.headers.get("x-goog-api-key"):
            refused = error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid one.")
            return await self.play(refused, request)
        answer = self._chosen(asked)
        if isinstance(answer, Fault):
            return await self.play(answer, request)
        turn = answer if isinstance(answer, Turn) else Turn(answer)
        whole = _whole(turn, asked.body, model, f"loopback{next(self._numbers):04d}")
        if what == "generateContent":
            return web.json_response(whole)
        return await event_stream(request, self._sent(whole, turn))

    def _chosen(self, asked: Asked) -> Answer:
        if callable(self.script):
            return self.script(asked)
        heard = sum(
            any("functionResponse" in part for part in content["parts"])
            for content in asked.body.get("contents", ())
        )
        return self.script[min(heard, len(self.script) - 1)]

    async def _sent(self, whole: Mapping[str, Any], turn: Turn) -> AsyncIterator[str]:
        for number, event in enumerate(_events(whole)):
            if number == turn.hang_after:
                await self._closing.wait()
                return
            yield event
            await asyncio.sleep(0)


def _whole(turn: Turn, body: Mapping[str, Any], model: str, number: str) -> dict[str, Any]:
    parts = [{"text": turn.parts}] if isinstance(turn.parts, str) else [*turn.parts]
    into = turn.prompt_tokens
    into = max(1, len(json.dumps(body)) // 4) if into is None else into
    usage = {
        "promptTokenCount": into,
        "candidatesTokenCount": turn.output_tokens,
        "cachedContentTokenCount": turn.cached_tokens,
        "totalTokenCount": into + turn.output_tokens,
    }
    whole: dict[str, Any] = {"usageMetadata": usage, "modelVersion": model, "responseId": number}
    if turn.block_reason is not None:
        return {**whole, "promptFeedback": {"blockReason": turn.block_reason}}
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if turn.finish_reason is not None:
        candidate["finishReason"] = turn.finish_reason
    return {**whole, "candidates": [candidate]}


def _events(whole: Mapping[str, Any]) -> Iterable[str]:
    """Return an answer as the events of a stream: its parts, and last how it ended."""
    if "candidates" not in whole:
        yield _event(whole)
        return
    (candidate,) = whole["candidates"]
    same = {key: whole[key] for key in ("modelVersion", "responseId")}
    for part in _pieces(candidate["content"]["parts"]):
        content = {"role": "model", "parts": [part]}
        yield _event({**same, "candidates": [{"content": content, "index": 0}]})
    last = {**candidate, "content": {"role": "model", "parts": [{"text": ""}]}}
    yield _event({**whole, "candidates": [last]})


def _pieces(parts: Iterable[Part]) -> Iterable[Part]:
    for part in parts:
        text = part.get("text")
        if text is None:
            yield part
        else:
            for begin in range(0, len(text), PIECE):
                yield {**part, "text": text[begin : begin + PIECE]}


def _event(data: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(data)}"
