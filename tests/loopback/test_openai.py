"""Chat Completions of our own, asked by the vendor's SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import openai
import pytest

from otp_genesis.loopback.openai import OpenAIServer, Script, Turn, calling, cut_stream, error
from otp_genesis.loopback.server import Fault

T = TypeVar("T")
HI: list[Any] = [{"role": "user", "content": "hi"}]
SEARCH: Any = {"type": "function", "function": {"name": "search", "parameters": {}}}


def asked(
    script: Script,
    ask: Callable[[openai.AsyncOpenAI], Awaitable[T]],
    key: str = "good",
    timeout: float = 30.0,
) -> T:
    """Ask a server with a script by the SDK."""

    async def main() -> T:
        async with (
            OpenAIServer(script, key="good", models=("a", "b")) as server,
            openai.AsyncOpenAI(
                base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=timeout
            ) as client,
        ):
            return await ask(client)

    return asyncio.run(main())


async def say_hi(client: openai.AsyncOpenAI) -> Any:
    """Ask the simplest question."""
    return await client.chat.completions.create(model="m", messages=HI)


async def stream_hi(client: openai.AsyncOpenAI) -> list[Any]:
    """Ask it, and have the answer piece by piece."""
    stream = await client.chat.completions.create(
        model="m", messages=HI, stream=True, stream_options={"include_usage": True}
    )
    return [chunk async for chunk in stream]


def test_an_answer() -> None:
    """Text, the reason of its end, and what was used."""
    said = asked([Turn("hello", "length", 12, 3, cached_tokens=4)], say_hi)

    assert said.choices[0].message.content == "hello"
    assert said.choices[0].finish_reason == "length"
    assert (said.usage.prompt_tokens, said.usage.completion_tokens) == (12, 3)
    assert said.usage.prompt_tokens_details.cached_tokens == 4


def test_a_stream() -> None:
    """Pieces that make up the text; the last has what was used."""
    text = "a text that is longer than one piece of a stream"

    chunks = asked([Turn(text, None, 12, 3)], stream_hi)

    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(pieces) == text
    assert len([piece for piece in pieces if piece]) > 1
    assert chunks[-1].usage.total_tokens == 15


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_of_a_function(stream: bool) -> None:
    """Its arguments come whole or in pieces; the next turn follows the results."""

    async def talk(client: openai.AsyncOpenAI) -> tuple[str, str, Any]:
        if stream:
            async with client.chat.completions.stream(
                model="m", messages=HI, tools=[SEARCH]
            ) as coming:
                first: Any = await coming.get_final_completion()
        else:
            first = await client.chat.completions.create(model="m", messages=HI, tools=[SEARCH])
        message = first.choices[0].message
        call = message.tool_calls[0]
        result = {"role": "tool", "tool_call_id": call.id, "content": "found"}
        again: Any = [*HI, message.model_dump(exclude_none=True), result]
        second = await client.chat.completions.create(model="m", messages=again)
        return call.function.name, call.function.arguments, second.choices[0].message.content

    script: Script = [calling(("search", {"what": "a needle in a haystack"})), "There."]

    assert asked(script, talk) == ("search", '{"what": "a needle in a haystack"}', "There.")


def test_what_there_is_to_ask() -> None:
    """The list of models."""

    async def models(client: openai.AsyncOpenAI) -> list[str]:
        return [model.id async for model in client.models.list()]

    assert asked(["ok"], models) == ["a", "b"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (error(429, "slow down", code="rate_limit_exceeded"), openai.RateLimitError),
        (error(400, "too long", code="context_length_exceeded"), openai.BadRequestError),
        (error(500, "oh"), openai.InternalServerError),
        (Fault(body='{"id"', cut=True), openai.APIConnectionError),
        (Fault(hang=True), openai.APITimeoutError),
    ],
)
def test_failures(fault: Fault, kind: type[Exception]) -> None:
    """The SDK takes them for what they are."""
    with pytest.raises(kind):
        asked([fault], say_hi, timeout=0.3)


def test_a_stream_that_is_cut() -> None:
    """What had been sent arrives; then the connection is gone."""

    async def read(client: openai.AsyncOpenAI) -> tuple[str, str]:
        stream = await client.chat.completions.create(model="m", messages=HI, stream=True)
        text = ""
        try:
            async for chunk in stream:
                text += chunk.choices[0].delta.content or ""
        except Exception as broken:
            return text, type(broken).__name__
        return text, "nothing"

    text, broken = asked([cut_stream("some words")], read)

    assert text == "some words"
    assert broken != "nothing"


def test_another_key() -> None:
    """It is refused; so is an address that is none."""

    async def elsewhere(client: openai.AsyncOpenAI) -> Any:
        return await client.get("/nowhere", cast_to=object)

    with pytest.raises(openai.AuthenticationError):
        asked(["ok"], say_hi, key="bad")
    with pytest.raises(openai.NotFoundError):
        asked(["ok"], elsewhere)
