"""The Gemini API of our own, asked by the vendor's SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from otp_genesis.loopback.gemini import (
    GeminiServer,
    Script,
    Turn,
    calling,
    error,
    function_results,
)
from otp_genesis.loopback.server import Asked, Fault

T = TypeVar("T")
MODEL = "gemini-2.5-flash"


def asked(
    script: Script, ask: Callable[[Any], Awaitable[T]], key: str = "good"
) -> tuple[T, list[Asked]]:
    """Ask a server with a script by the SDK."""

    async def main() -> tuple[T, list[Asked]]:
        async with GeminiServer(script, key="good") as server, httpx2.AsyncClient() as http:
            options = types.HttpOptions(base_url=server.url, httpx_async_client=http)
            client = genai.Client(api_key=key, vertexai=False, http_options=options)
            try:
                return await ask(client.aio), server.asked
            finally:
                client.close()

    return asyncio.run(main())


async def say_hi(client: Any) -> Any:
    """Ask the simplest question."""
    return await client.models.generate_content(model=MODEL, contents="hi")


def test_an_answer() -> None:
    """Text, the reason of its end, and what was used."""
    said, requests = asked([Turn("hello", "MAX_TOKENS", None, 12, 3, 4)], say_hi)

    assert said.text == "hello"
    assert said.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert said.usage_metadata.prompt_token_count == 12
    assert said.usage_metadata.candidates_token_count == 3
    assert said.usage_metadata.cached_content_token_count == 4
    assert said.model_version == MODEL
    assert len(requests) == 1


def test_a_stream() -> None:
    """Pieces that make up the text; the last has what was used."""
    text = "a text that is longer than one piece of a stream"

    async def stream(client: Any) -> list[Any]:
        coming = await client.models.generate_content_stream(model=MODEL, contents="hi")
        return [chunk async for chunk in coming]

    chunks, _ = asked([Turn(text, output_tokens=7)], stream)

    assert "".join(chunk.text or "" for chunk in chunks) == text
    assert len(chunks) > 2
    assert chunks[-1].usage_metadata.candidates_token_count == 7


def test_a_call_of_a_function() -> None:
    """The next turn follows the results."""

    async def talk(client: Any) -> tuple[Any, str]:
        hi = types.Content(role="user", parts=[types.Part(text="hi")])
        first = await client.models.generate_content(model=MODEL, contents=[hi])
        call = first.function_calls[0]
        result = types.Part.from_function_response(name=call.name, response={"result": "found"})
        again = [hi, first.candidates[0].content, types.Content(role="user", parts=[result])]
        second = await client.models.generate_content(model=MODEL, contents=again)
        return (call.name, call.args), second.text

    (call, text), requests = asked([calling(("search", {"what": "x"})), "There."], talk)

    assert call == ("search", {"what": "x"})
    assert text == "There."
    assert [one["response"] for one in function_results(requests[-1])] == [{"result": "found"}]


def test_a_prompt_that_is_refused() -> None:
    """There is no candidate."""
    said, _ = asked([Turn("", block_reason="SAFETY")], say_hi)

    assert said.candidates is None
    assert said.prompt_feedback.block_reason == types.BlockedReason.SAFETY


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (error(429, "RESOURCE_EXHAUSTED", "slow down"), errors.ClientError, 429),
        (error(503, "UNAVAILABLE", "overloaded"), errors.ServerError, 503),
    ],
)
def test_failures(fault: Fault, kind: type[errors.APIError], code: int) -> None:
    """The SDK takes them for what they are."""
    with pytest.raises(kind) as caught:
        asked([fault], say_hi)
    assert caught.value.code == code


def test_another_key() -> None:
    """It is refused, as the vendor does it."""
    with pytest.raises(errors.ClientError, match="API key not valid"):
        asked(["ok"], say_hi, key="bad")
