"""What is special about Google's models."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from otp_genesis.contracts.provider import Reply, Request
from otp_genesis.errors import ContentFiltered, ProviderError, RateLimited
from otp_genesis.loopback import gemini
from otp_genesis.loopback.server import Asked, Fault
from providers.vendors import GEMINI, KEY, Desk, ended, made

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
}


def asked(script: Any, request: Request, **settings: Any) -> tuple[Reply, list[Asked]]:
    """Return the reply, and the requests as the server had them."""

    async def go() -> tuple[Reply, list[Asked]]:
        async with gemini.GeminiServer(script, key=KEY) as server:
            provider = GEMINI.made(server.url, **settings)
            try:
                reply = await provider.complete(request)
            finally:
                await provider.close()
            return reply, server.requests

    return ended(go())


def test_either_of_two_variables_has_the_key() -> None:
    """The vendor's packages know both."""
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        assert asyncio.run(made("gemini", {name: KEY}).check()).available


def test_a_cost_by_the_public_lists() -> None:
    """Gemini 2.5 Flash: 0.30 dollars a million tokens in, 2.50 out."""
    reply, _ = asked([GEMINI.turn("ok", 10_000, 1000)], Request(prompt="x"))

    assert reply.usage.cost_usd == pytest.approx(0.003 + 0.0025)
    assert reply.cost_known


def test_signatures_of_thoughts_are_sent_back(tmp_path: Path) -> None:
    """The vendor wants them as they were."""
    (tmp_path / "a").write_text("A")
    script = [gemini.calling(("read_file", {"path": "a"}), text="Let me look."), "It says A."]

    _, requests = asked(
        script, Request(prompt="x", tools=("read_file",), site=Desk(tmp_path).site())
    )

    assert "c2lnbmF0dXJl" in json.dumps(requests[-1].body["contents"])


@pytest.mark.parametrize(
    ("model", "native"), [("gemini-2.5-flash", False), ("gemini-3-pro-preview", True)]
)
def test_data_and_tools_together(model: str, native: bool, tmp_path: Path) -> None:
    """Older models do one of the two by themselves: they are told of the schema in words."""
    request = Request(
        prompt="x",
        model=model,
        output_schema=SCHEMA,
        tools=("read_file",),
        site=Desk(tmp_path).site(),
    )

    reply, requests = asked(['{"n": 1}'], request)

    assert reply.data == {"n": 1}
    assert (GEMINI.native(requests[-1].body) is not None) is native


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_is_refused(stream: bool) -> None:
    """There is no candidate, and a reason."""
    turn = gemini.Turn("", block_reason="PROHIBITED_CONTENT")

    with pytest.raises(ContentFiltered, match="PROHIBITED_CONTENT"):
        asked([turn], Request(prompt="x", stream=stream))


def test_a_call_that_the_model_garbled() -> None:
    """Another attempt may help."""
    turn = gemini.Turn([], finish_reason="MALFORMED_FUNCTION_CALL")

    with pytest.raises(ProviderError, match="MALFORMED_FUNCTION_CALL") as caught:
        asked([turn], Request(prompt="x"))
    assert caught.value.retryable


def test_how_long_to_wait_by_the_body() -> None:
    """The vendor says it there, not in a header."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"}
    body = {
        "error": {
            "code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": [info],
        }
    }  # fmt: skip

    with pytest.raises(RateLimited) as caught:
        asked([Fault(429, json.dumps(body))], Request(prompt="x"))
    assert caught.value.retry_after_s == 13.0


def test_the_token_budget_of_older_steps() -> None:
    """All of its members are sent, and the penalties."""
    budget = {"max_output_tokens": 70, "temperature": 0.5, "top_p": 0.25, "top_k": 8}
    options = {"token_budget": budget, "presence_penalty": 0.125, "frequency_penalty": 0.75}

    _, requests = asked(["ok"], Request(prompt="x", options=options))

    said = requests[-1].body["generationConfig"]
    assert (said["maxOutputTokens"], said["temperature"]) == (70, 0.5)
    assert (said["topP"], said["topK"]) == (0.25, 8)
    assert (said["presencePenalty"], said["frequencyPenalty"]) == (0.125, 0.75)
