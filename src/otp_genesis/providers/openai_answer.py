"""What Chat Completions answers, as a turn: whole, or piece by piece."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from otp_genesis.errors import BrokenStream, ContentFiltered
from otp_genesis.providers.chat import Call, Tokens, Turn
from otp_genesis.providers.vendor_errors import error_of

SHOWN = 300
"""So many characters of an answer that makes no sense are shown."""


def turn_of(answer: bytes, where: str) -> Turn:
    """Return the turn that an answer's body is; raise `ProviderError` where it is none."""
    try:
        body = json.loads(answer)
    except (ValueError, RecursionError):
        raise BrokenStream(f"{where} answered what is no JSON: {_shown(answer)}") from None
    _raise_error(body, where)
    try:
        choice = body["choices"][0]
        message = choice["message"]
        calls = tuple(
            _call(number, one.get("id"), one["function"])
            for number, one in enumerate(message.get("tool_calls") or ())
        )
        text, thinking = _text(message.get("content")), _thinking(message)
        refusal, finish = message.get("refusal"), choice.get("finish_reason")
        tokens = _tokens(body.get("usage"))
        model = body.get("model")
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        message = f"{where} answered what is no chat completion: {_shown(answer)}"
        raise BrokenStream(message, output=answer.decode(errors="replace")) from None
    _raise_filtered(refusal, finish, text, where)
    return Turn(text, calls, tokens, finish or "stop", model, thinking)


class StreamedTurn:
    """A turn that comes in pieces."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._tokens = Tokens()
        self._finish: str | None = None
        self._model: str | None = None
        self._done = False

    @property
    def text(self) -> str:
        """What has come by now."""
        return "".join(self._text)

    def take(self, data: str) -> str:
        """Take the data of one event in; return the text that it adds."""
        if data == "[DONE]":
            self._done = True
            return ""
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            raise self._broken(f"sent what is no JSON: {data[:SHOWN]}") from None
        _raise_error(event, self._where)
        try:
            return self._added(event)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise self._broken(f"sent what is no chunk: {data[:SHOWN]}") from None

    def _added(self, event: Mapping[str, Any]) -> str:
        self._model = event.get("model") or self._model
        if event.get("usage"):
            self._tokens = _tokens(event["usage"])
        text = ""
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            text += _text(delta.get("content"))
            self._thinking.append(_thinking(delta))
            self._refusal.append(delta.get("refusal") or "")
            for call in delta.get("tool_calls") or ():
                self._take_call(call)
            self._finish = choice.get("finish_reason") or self._finish
        self._text.append(text)
        return text

    def _take_call(self, piece: Mapping[str, Any]) -> None:
        kept = self._calls.setdefault(
            int(piece.get("index") or 0), {"id": "", "name": "", "arguments": ""}
        )
        function = piece.get("function") or {}
        kept["id"] = piece.get("id") or kept["id"]
        kept["name"] = function.get("name") or kept["name"]
        kept["arguments"] += function.get("arguments") or ""

    def turn(self) -> Turn:
        """Return the turn, once the stream has ended; raise where it broke off."""
        text = self.text
        if self._finish is None and not self._done:
            raise self._broken("broke off before its end")
        _raise_filtered("".join(self._refusal), self._finish, text, self._where)
        calls = tuple(
            _call(number, call["id"], call) for number, call in sorted(self._calls.items())
        )
        thinking = "".join(self._thinking)
        stop = self._finish or "stop"
        return Turn(text, calls, self._tokens, stop, self._model, thinking)

    def _broken(self, how: str) -> BrokenStream:
        return BrokenStream(f"the stream from {self._where} {how}", output=self.text)


async def events_of(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Return the data of server-sent events as it comes; names, comments and pulses are left out.

    A line may be of any length. A last one without an end is no event.
    """
    rest = bytearray()
    async for piece in pieces:
        rest += piece
        *lines, last = rest.split(b"\n")
        rest = bytearray(last)
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].decode(errors="replace").strip()


def _raise_error(body: Any, where: str) -> None:
    """Some servers tell of errors with status 200, or in the middle of a stream."""
    if isinstance(body, dict) and body.get("error"):
        error = body["error"]
        code = error.get("code") if isinstance(error, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        raise error_of(status, body, {}, where)


def _raise_filtered(refusal: str | None, finish: str | None, text: str, where: str) -> None:
    if refusal:
        raise ContentFiltered(f"the model refuses: {refusal[:SHOWN]}", output=refusal)
    if finish == "content_filter":
        raise ContentFiltered(f"{where} has filtered the answer", output=text)


def _call(number: int, identity: str | None, function: Mapping[str, Any]) -> Call:
    arguments = function.get("arguments") or ""
    # Some servers send them as data.
    told = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Call(identity or f"call_{number}", str(function["name"]), told)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content)
    if content is None or isinstance(content, str):
        return content or ""
    raise ValueError("the content is no text")


def _thinking(message: Mapping[str, Any]) -> str:
    return _text(message.get("reasoning_content") or message.get("reasoning"))


def _tokens(usage: Mapping[str, Any] | None) -> Tokens:
    if not usage:
        return Tokens()
    details = usage.get("prompt_tokens_details") or {}
    return Tokens(
        int(usage.get("prompt_tokens") or 0),
        int(usage.get("completion_tokens") or 0),
        cache_read=int(details.get("cached_tokens") or 0),
    )


def _shown(answer: bytes) -> str:
    return answer[:SHOWN].decode(errors="replace") or "nothing"
