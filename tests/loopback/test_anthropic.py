"""The Messages API of our own, asked by the vendor's SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anthropic
import pytest

from otp_genesis.loopback.anthropic import (
    AnthropicServer,
    Script,
    Turn,
    cut_stream,
    error,
    text,
    thinking,
    tool_results,
    tool_use,
)

T = TypeVar("T")
HI: list[Any] = [{"role": "user", "content": "hi"}]


def asked(
    script: Script, ask: Callable[[anthropic.AsyncAnthropic], Awaitable[T]], key: str = "good"
) -> T:
    """Ask a server with a script by the SDK."""

    async def main() -> T:
        async with (
            AnthropicServer(script, key="good") as server,
            anthropic.AsyncAnthropic(base_url=server.url, api_key=key, max_retries=0) as client,
        ):
            return await ask(client)

    return asyncio.run(main())


async def whole(client: anthropic.AsyncAnthropic, messages: Any = HI) -> Any:
    """Ask for an answer as one document."""
    return await client.messages.create(model="m", max_tokens=9, messages=messages)


async def streamed(client: anthropic.AsyncAnthropic, messages: Any = HI) -> Any:
    """Ask for an answer as a stream."""
    async with client.messages.stream(model="m", max_tokens=9, messages=messages) as stream:
        return await stream.get_final_message()


@pytest.mark.parametrize("ask", [whole, streamed])
def test_an_answer(ask: Callable[..., Awaitable[Any]]) -> None:
    """The same blocks, reason and usage as a document and as a stream."""
    call = tool_use("Read", path="a" * 100)
    turn = Turn([thinking("hm"), text("Reading it now, at once."), call], input_tokens=5)
    message = asked([turn], ask)
    kinds = [block.type for block in message.content]

    assert kinds == ["thinking", "text", "tool_use"]
    assert message.content[0].thinking == "hm"
    assert message.content[1].text == "Reading it now, at once."
    assert message.content[2].input == {"path": "a" * 100}
    assert (message.stop_reason, message.model) == ("tool_use", "m")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (5, 20)


def test_the_turn_is_chosen_by_the_results() -> None:
    """The script goes on when a tool's result has come; its last turn stays."""

    async def talk(client: anthropic.AsyncAnthropic) -> list[Any]:
        messages, answers = list(HI), []
        for _ in range(3):
            answer = await whole(client, messages)
            answers.append(answer.content[0].type)
            result = {"type": "tool_result", "tool_use_id": "t", "content": "1"}
            messages += [{"role": "assistant", "content": [{"type": "text", "text": "x"}]}]
            messages += [{"role": "user", "content": [result]}]
        return answers

    assert asked([[tool_use("Read")], "done"], talk) == ["tool_use", "text", "text"]


def test_a_script_that_is_a_function() -> None:
    """It sees the request."""
    message = asked(lambda one: f"{one.body['model']} {len(tool_results(one))}", whole)

    assert message.content[0].text == "m 0"


@pytest.mark.parametrize("ask", [whole, streamed])
def test_errors(ask: Callable[..., Awaitable[Any]]) -> None:
    """They have the vendor's shape, so that its SDK knows them."""
    limited = error(429, "rate_limit_error", "slow down", {"retry-after": "7"})
    with pytest.raises(anthropic.RateLimitError, match="slow down") as told:
        asked([limited], ask)
    with pytest.raises(anthropic.AuthenticationError):
        asked(["never"], ask, key="wrong")

    assert told.value.response.headers["retry-after"] == "7"


def test_a_stream_that_is_cut() -> None:
    """The text comes, the end does not."""
    heard = []

    async def listen(client: anthropic.AsyncAnthropic) -> None:
        async with client.messages.stream(model="m", max_tokens=9, messages=HI) as stream:
            async for piece in stream.text_stream:
                heard.append(piece)

    with pytest.raises(Exception, match=r"incomplete|without sending complete"):
        asked([cut_stream("half an answer")], listen)

    assert heard == ["half an answer"]


def test_tokens_are_counted() -> None:
    """And a path that does not exist is not found."""

    async def ask(client: anthropic.AsyncAnthropic) -> int:
        with pytest.raises(anthropic.NotFoundError):
            await client.models.list()
        return (await client.messages.count_tokens(model="m", messages=HI)).input_tokens

    assert asked(["ok"], ask) > 0
