"""What is special about Anthropic's models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from otp_genesis.contracts.provider import Reply, Request
from otp_genesis.errors import BrokenStream, Overloaded, ProviderError
from otp_genesis.loopback import anthropic
from otp_genesis.loopback.server import Asked, Fault
from providers.vendors import ANTHROPIC, KEY, Desk, ended

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


def asked(script: Any, request: Request, **settings: Any) -> tuple[Reply, list[Asked]]:
    """Return the reply, and the requests as the server had them."""

    async def go() -> tuple[Reply, list[Asked]]:
        async with anthropic.AnthropicServer(script, key=KEY) as server:
            provider = ANTHROPIC.made(server.url, **settings)
            try:
                reply = await provider.complete(request)
            finally:
                await provider.close()
            return reply, server.requests

    return ended(go())


def test_a_cost_by_the_public_lists() -> None:
    """What is read from the cache costs a tenth, what is written to it more."""
    turn = anthropic.Turn(
        "ok", None, 1000, 100, cache_creation_input_tokens=0, cache_read_input_tokens=10_000
    )
    plain = anthropic.Turn("ok", None, 11_000, 100)

    cached, _ = asked([turn], Request(prompt="x"))
    whole, _ = asked([plain], Request(prompt="x"))

    assert cached.usage.input_tokens == whole.usage.input_tokens == 11_000
    assert cached.cost_known
    # Haiku 4.5: 1 dollar a million tokens in, 5 out, a tenth of that for what is in the cache.
    assert cached.usage.cost_usd == pytest.approx(0.001 + 0.001 + 0.0005)
    assert whole.usage.cost_usd == pytest.approx(0.011 + 0.0005)


def test_thoughts_are_sent_back_with_their_signature(tmp_path: Path) -> None:
    """The vendor wants them as they were; they are told, too."""
    (tmp_path / "a").write_text("A")
    desk = Desk(tmp_path)
    script = [
        [anthropic.thinking("Let me look."), anthropic.tool_use("read_file", path="a")],
        "It says A.",
    ]

    reply, requests = asked(
        script, Request(prompt="x", tools=("read_file",), site=desk.site(), model="claude-opus-5")
    )

    assert reply.text == "It says A."
    assert desk.said("thinking") == ["Let me look."]
    sent = json.dumps(requests[-1].body["messages"])
    assert "Let me look." in sent
    assert "c2lnbmF0dXJl" in sent


def test_a_failed_tool_is_marked_as_one(tmp_path: Path) -> None:
    """The vendor has a field for it."""
    script = [[anthropic.tool_use("read_file", path="gone")], "I see."]

    _, requests = asked(
        script, Request(prompt="x", tools=("read_file",), site=Desk(tmp_path).site())
    )

    (result,) = anthropic.tool_results(requests[-1])
    assert result["is_error"] is True


def test_data_of_a_model_without_structured_output() -> None:
    """It is told in words what is wanted."""
    request = Request(prompt="Which?", output_schema=SCHEMA, model="claude-3-haiku-20240307")

    reply, requests = asked(['{"n": 1}'], request)

    assert reply.data == {"n": 1}
    assert "JSON Schema" in ANTHROPIC.prompt(requests[-1].body)
    assert ANTHROPIC.native(requests[-1].body) is None


def test_data_and_tools_together(tmp_path: Path) -> None:
    """Both are left to the vendor."""
    (tmp_path / "a").write_text("1")
    request = Request(
        prompt="x", output_schema=SCHEMA, tools=("read_file",), site=Desk(tmp_path).site()
    )

    reply, requests = asked([[anthropic.tool_use("read_file", path="a")], '{"n": 1}'], request)

    assert (reply.data, reply.requests) == ({"n": 1}, 2)
    assert ANTHROPIC.native(requests[0].body) is not None
    assert requests[0].body["tools"][0]["name"] == "read_file"


def test_an_error_in_the_middle_of_a_stream() -> None:
    """It is the error that it would have been at the start."""
    body = anthropic.error_body("overloaded_error", "Overloaded")
    fault = Fault(
        body=f"event: error\ndata: {body}\n\n", headers={"content-type": "text/event-stream"}
    )

    with pytest.raises(Overloaded, match="Overloaded"):
        asked([fault], Request(prompt="x", stream=True))


def test_a_stream_that_ends_too_soon() -> None:
    """Though the connection is closed as it should be."""
    cut = anthropic.cut_stream("a beginning")
    fault = Fault(body=cut.body, headers=cut.headers)

    with pytest.raises(BrokenStream) as caught:
        asked([fault], Request(prompt="x", stream=True))
    assert caught.value.output == "a beginning"


@pytest.mark.parametrize("status", [400, 402])
def test_an_account_without_credit(status: int) -> None:
    """It is the key that is no good, not the request."""
    fault = anthropic.error(status, "billing_error", "Your credit balance is too low")

    with pytest.raises(ProviderError, match="no credit left") as caught:
        asked([fault], Request(prompt="x"))
    assert not caught.value.retryable
