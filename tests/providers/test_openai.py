"""What is special about servers of Chat Completions, of which each has its own ways."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from otp_genesis.contracts.provider import Health, Reply, Request
from otp_genesis.errors import (
    BadCredentials,
    BrokenStream,
    ContentFiltered,
    ContextTooLong,
    NoAnswerInTime,
    Overloaded,
    ProviderError,
)
from otp_genesis.loopback.openai import OpenAIServer, Turn, calling, error, error_body
from otp_genesis.loopback.server import Fault
from otp_genesis.providers.openai import OpenAISettings, is_local
from providers.vendors import KEY, OPENAI, Desk, ended, made

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
LOOSE = {"type": "object", "properties": {"n": {"type": "integer"}}}
SSE = {"content-type": "text/event-stream"}


def asked(script: Any, request: Request | None = None, **settings: Any) -> tuple[Reply, Any]:
    """Return the reply, and the last request as the server had it."""

    async def go() -> tuple[Reply, Any]:
        async with OpenAIServer(script) as server:
            provider = OPENAI.made(server.url, **settings)
            try:
                reply = await provider.complete(request or Request(prompt="hi"))
            finally:
                await provider.close()
            return reply, server.requests[-1]

    return ended(go())


def refused(answer: Any, request: Request | None = None, **settings: Any) -> ProviderError:
    """Return the error that an answer becomes."""
    with pytest.raises(ProviderError) as caught:
        asked([answer], request, **settings)
    return caught.value


def said(body: dict[str, Any]) -> Fault:
    """Return an answer that is this JSON."""
    return Fault(body=json.dumps(body))


@pytest.mark.parametrize(
    ("structured", "schema", "sent"),
    [
        ("auto", SCHEMA, "json_schema"),
        ("auto", LOOSE, None),
        ("json_schema", LOOSE, "json_schema"),
        ("json_object", SCHEMA, "json_object"),
        ("prompt", SCHEMA, None),
    ],
)
def test_how_data_is_asked_for(structured: str, schema: Any, sent: str | None) -> None:
    """By the setting; where the server is not told of the schema, the model is."""
    request = Request(prompt="Which?", output_schema=schema)

    reply, one = asked(['{"n": 1}'], request, structured=structured)

    assert reply.data == {"n": 1}
    assert one.body.get("response_format", {}).get("type") == sent
    assert ("JSON Schema" in OPENAI.prompt(one.body)) is (sent != "json_schema")


@pytest.mark.parametrize(("schema", "strict"), [(SCHEMA, True), (LOOSE, False)])
def test_strict_where_the_schema_allows_it(schema: Any, strict: bool) -> None:
    """A server that is given a schema all the same is not told that it keeps the rules."""
    _, one = asked(["{}"], Request(prompt="x", output_schema=schema), structured="json_schema")

    assert one.body["response_format"]["json_schema"]["strict"] is strict


def test_a_server_that_knows_no_schemas() -> None:
    """The message says which setting helps."""
    answer = error(400, "response_format is not supported")

    message = str(refused(answer, Request(prompt="x", output_schema=SCHEMA)))

    assert '[providers.openai] structured = "prompt"' in message


def test_what_the_settings_add() -> None:
    """Headers, also such as are secrets, and members of the body."""
    _, one = asked(
        ["ok"],
        Request(prompt="x", max_output_tokens=9, options={"top_k": 3, "seed": 4}),
        headers={"X-Title": "me", "X-Secret": "env:OPENAI_API_KEY"},
        body={"keep_alive": "5m"},
        max_tokens_field="max_completion_tokens",
    )

    assert (one.headers["X-Title"], one.headers["X-Secret"]) == ("me", KEY)
    assert (one.body["keep_alive"], one.body["max_completion_tokens"]) == ("5m", 9)
    assert (one.body["top_k"], one.body["seed"]) == (3, 4)
    assert "max_tokens" not in one.body


def test_a_key_is_not_shown_to_a_server_on_this_machine() -> None:
    """Unless the settings name one for it."""
    _, without = asked(["ok"])
    _, with_key = asked(["ok"], api_key="env:OPENAI_API_KEY")

    assert "Authorization" not in without.headers
    assert with_key.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:11434/v1", True),
        ("http://127.0.0.2:8000", True),
        ("http://[::1]:8000", True),
        ("http://0.0.0.0:8000", True),
        ("http://api.localhost/v1", True),
        ("https://api.openai.com/v1", False),
        ("http://localhost.example.com", False),
        ("http://192.168.0.3:8000", False),
        ("nonsense", False),
    ],
)
def test_which_addresses_are_on_this_machine(url: str, local: bool) -> None:
    """Those need no key."""
    assert is_local(url) is local


def test_whether_it_can_be_asked() -> None:
    """An address that is none, a key that is not there, a header in its place."""

    def check(**settings: Any) -> Health:
        return asyncio.run(made("openai", {}, **settings).check())

    assert check(base_url="http://localhost:1/v1") == Health(True)
    assert check(base_url="https://a.example", headers={"authorization": "Basic x"}) == Health(True)
    assert check(base_url="localhost:8000").reason.endswith("is no address")
    assert not check().available
    assert check(api_key="file:/nowhere/key").reason.startswith("cannot read the key from /nowhere")
    assert check(api_key="file:/nowhere/key").remedy.startswith("say where it is in genesis.toml")


def test_a_header_whose_secret_is_not_there() -> None:
    """It is told by the name of its place."""
    error = refused("ok", headers={"X-Secret": "env:NOT_SET"})

    assert type(error) is BadCredentials
    assert str(error) == "there is nothing at env:NOT_SET for the header X-Secret"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": []},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": 7}}]},
        {"choices": [{"message": {"tool_calls": [{"id": "x"}]}}]},
        [1],
        "text",
    ],
)
def test_json_that_is_no_completion(body: Any) -> None:
    """It is told what came."""
    error = refused(said(body))

    assert type(error) is BrokenStream
    assert "what is no chat completion" in str(error)


def test_a_completion_with_the_least_in_it() -> None:
    """Many servers leave out what they do not count or know."""
    least: dict[str, Any] = {"choices": [{"message": {"content": "yes"}}]}

    reply, _ = asked([said(least)])

    assert (reply.text, reply.model, reply.usage.input_tokens) == ("yes", None, 0)


def test_parts_and_arguments_as_data() -> None:
    """Some servers send a list of parts, and arguments that are no text."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    call = {"function": {"name": "book", "arguments": {"seats": 4}}}
    function = {"name": "book", "parameters": {"type": "object"}}

    reply, _ = asked(
        [said({"choices": [{"message": {"content": parts, "tool_calls": [call]}}]})],
        Request(prompt="x", options={"tools": [function]}),
    )

    assert reply.text == "ab"
    assert reply.data == {"function_calls": [{"name": "book", "arguments": {"seats": 4}}]}


def test_arguments_that_are_no_json(tmp_path: Any) -> None:
    """The model is told; of a function that is only offered, the caller is."""
    heard: list[str] = []

    def script(one: Any) -> Any:
        heard[:] = OPENAI.results(one)
        return "I see" if heard else calling(("read_file", "{path"), ("read_file", "[]"))

    asked(script, Request(prompt="x", tools=("read_file",), site=Desk(tmp_path).site()))
    offered = Request(prompt="x", options={"tools": [{"name": "book"}]})
    error = refused(calling(("book", "{seats")), offered)

    assert heard[0].startswith("Error: the arguments are no JSON")
    assert heard[1] == "Error: the arguments must be a JSON object"
    assert error.retryable
    assert "the model calls 'book' wrongly" in str(error)


def test_a_model_that_thinks(tmp_path: Any) -> None:
    """Its thoughts are told, and are no part of the answer."""
    desk = Desk(tmp_path)
    message = {"content": "4", "reasoning_content": "2 and 2"}

    reply, _ = asked([message], Request(prompt="x", site=desk.site()))

    assert reply.text == "4"
    assert [(one.what, one.text) for one in desk.told] == [("thinking", "2 and 2"), ("text", "4")]


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_refuses(stream: bool) -> None:
    """Its words are kept."""
    message = {"content": None, "refusal": "I can not help with that."}

    error = refused(message, Request(prompt="x", stream=stream))

    assert type(error) is ContentFiltered
    assert error.output == "I can not help with that."


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (error(400, "blocked", code="content_filter"), ContentFiltered),
        (error(400, "This model's maximum context length is 8192 tokens"), ContextTooLong),
        (error(400, "the request exceeds the available context size",
               kind="exceed_context_size_error"), ContextTooLong),
        (error(429, "You exceeded your quota", code="insufficient_quota"), BadCredentials),
        (said({"error": {"message": "upstream", "code": 502}}), Overloaded),
        (said({"error": "out of memory"}), Overloaded),
        (said({"error": {"message": "bad", "code": 400}}), ProviderError),
    ],
)  # fmt: skip
def test_errors_by_their_words(fault: Fault, kind: type[ProviderError]) -> None:
    """The status alone does not say it, or says that all is well."""
    assert type(refused(fault)) is kind


def stream_of(*events: str) -> Fault:
    """Return a stream of these."""
    return Fault(body="".join(f"{one}\n\n" for one in events), headers=SSE)


CHUNK = 'data: {"choices": [{"index": 0, "delta": {"content": "some"}}]}'


@pytest.mark.parametrize(
    ("fault", "kind", "output"),
    [
        (stream_of(CHUNK), BrokenStream, "some"),
        (stream_of(CHUNK, "data: {"), BrokenStream, "some"),
        (stream_of(CHUNK, 'data: {"choices": 7}'), BrokenStream, "some"),
        (stream_of(CHUNK, "data: 7"), BrokenStream, "some"),
        (stream_of(CHUNK, f"data: {error_body('too much to do')}"), Overloaded, None),
        (stream_of(), BrokenStream, ""),
    ],
    ids=["no end", "no JSON", "no chunk", "no object", "error", "nothing"],
)
def test_streams_that_go_wrong(fault: Fault, kind: type[ProviderError], output: Any) -> None:
    """What had come is kept."""
    error = refused(fault, Request(prompt="x", stream=True))

    assert type(error) is kind
    assert error.output == output


def test_a_stream_with_pulses_and_comments() -> None:
    """Lines that are no data are passed over; a line may end with a carriage return."""
    fault = stream_of(": ping", f"event: x\r\n{CHUNK}\r", "id: 7", "data: [DONE]")

    reply, _ = asked([fault], Request(prompt="x", stream=True))

    assert reply.text == "some"


def test_a_server_that_does_not_stream(tmp_path: Any) -> None:
    """Its answer is told at once."""
    desk = Desk(tmp_path)
    whole = said({"choices": [{"message": {"content": "all of it"}, "finish_reason": "stop"}]})

    reply, _ = asked([whole], Request(prompt="x", stream=True, site=desk.site()))

    assert reply.text == "all of it"
    assert desk.said("text") == ["all of it"]


def test_a_stream_that_stops_in_the_middle() -> None:
    """It is given up after the time that is allowed."""
    error = refused(Turn("a" * 200, hang_after=3), Request(prompt="x", stream=True), timeout_s=0.3)

    assert type(error) is NoAnswerInTime


def test_a_stream_without_its_count() -> None:
    """A server that does not know the option is not sent it."""
    reply, one = asked(["ok"], Request(prompt="x", stream=True), stream_usage=False)

    assert "stream_options" not in one.body
    assert reply.usage.output_tokens == 0


def test_connections_are_used_again() -> None:
    """One after the other needs one; those at once keep to the limit."""

    async def go(calls: int, at_once: int) -> int:
        ports = set()

        def script(one: Any) -> str:
            return "ok"

        async with OpenAIServer(script) as server:
            respond = server.respond

            async def noted(request: Any, one: Any) -> Any:
                ports.add(request.transport.get_extra_info("peername")[1])
                return await respond(request, one)

            server.respond = noted  # type: ignore[assignment,method-assign]
            provider = OPENAI.made(server.url, concurrency=at_once)
            for _ in range(3):
                await asyncio.gather(
                    *(provider.complete(Request(prompt="x")) for _ in range(calls))
                )
            await provider.close()
        return len(ports)

    assert ended(go(1, 100)) == 1
    assert ended(go(20, 4)) <= 4


def test_a_connection_that_the_server_has_closed() -> None:
    """What could not be sent on a kept connection is sent once more on a new one, and once only."""
    said = turn_json("hello")
    asked = 0

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            line for line in head.split(b"\r\n") if line.lower().startswith(b"content-le")
        )
        await reader.readexactly(int(length.split(b":")[1]))
        asked += 1
        kept = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        writer.write(kept % len(said) + said)
        await writer.drain()
        # It has said that the connection stays.
        writer.transport.abort()

    async def go() -> list[str]:
        async with await asyncio.start_server(answers, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            one = made("openai", base_url=f"http://127.0.0.1:{port}/v1")
            requests = [Request(prompt="x" * 300_000) for _ in range(6)]
            try:
                return [(await one.complete(request)).text for request in requests]
            finally:
                await one.close()  # type: ignore[attr-defined]

    assert (asyncio.run(go()), asked) == (["hello"] * 6, 6)


def turn_json(text: str) -> bytes:
    """Return the whole body of an answer."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode()


def test_a_server_without_encryption() -> None:
    """It cannot be spoken to by https, now or later."""

    async def go() -> ProviderError:
        async with OpenAIServer() as server:
            provider = OPENAI.made(server.url.replace("http:", "https:"))
            with pytest.raises(ProviderError) as caught:
                await provider.complete(Request(prompt="x"))
            await provider.close()
            return caught.value

    error = ended(go())
    assert "cannot be spoken to" in str(error)
    assert not error.retryable


def test_settings_that_make_no_sense() -> None:
    """They are refused."""
    with pytest.raises(ValueError, match="structured"):
        OpenAISettings.model_validate({"structured": "yes"})
