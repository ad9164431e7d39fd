"""What the chat providers are made of: keys, loops, options, tools, errors of the wire."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from pydantic_ai import exceptions

from otp_genesis.contracts.provider import Health, Request
from otp_genesis.contracts.question import McpServer
from otp_genesis.contracts.tool import Tool
from otp_genesis.errors import (
    BadCredentials,
    BrokenStream,
    ContentFiltered,
    ContextTooLong,
    NoAnswerInTime,
    Overloaded,
    ProviderError,
    RateLimited,
)
from otp_genesis.loopback import openai
from otp_genesis.providers.anthropic import VENDOR
from otp_genesis.providers.chat import Call
from otp_genesis.providers.chat_key import Key
from otp_genesis.providers.chat_loops import PerLoop
from otp_genesis.providers.chat_options import NO_WISHES, Sampling, sampling_of
from otp_genesis.providers.chat_tools import ChatTools, functions_of, offered_of
from otp_genesis.providers.kind import Surroundings, VendorSettings
from otp_genesis.providers.pydantic_ai import chat_provider
from otp_genesis.providers.pydantic_ai_errors import told
from otp_genesis.providers.secrets import Secrets
from otp_genesis.providers.vendor_errors import error_of, retry_after_s, told_in
from providers import mcp_words
from providers.vendors import KEY, OPENAI, Desk, ended

WORDS = McpServer(command=sys.executable, args=(str(mcp_words.__file__),))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:02:00 GMT"}, 20.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "99999999"}, 86_400.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "nan"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds, seconds, or a date; nothing where it makes no sense."""
    assert retry_after_s(headers, now=100.0) == seconds


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (429, {"error": {"message": "slow"}}, RateLimited, True),
        (503, "<html>", Overloaded, True),
        (402, {"error": {"message": "Your credit balance is too low"}}, BadCredentials, False),
        (400, [{"error": {"message": "prompt is too long"}}], ContextTooLong, False),
        (418, {}, ProviderError, False),
        (408, {}, ProviderError, True),
        (302, "", ProviderError, False),
        (520, "", ProviderError, True),
    ],
)
def test_the_error_of_a_status(
    status: int, body: object, kind: type[ProviderError], retryable: bool
) -> None:
    """By the status, and by what is said."""
    error = error_of(status, body, {}, "host")

    assert (type(error), error.retryable) == (kind, retryable)
    assert str(error).startswith(f"host answered {status}: ")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": {"message": "m"}}, "m"),
        ({"error": "m"}, "m"),
        ({"detail": "m"}, "m"),
        ({"message": "m"}, "m"),
        ([{"error": {"message": "m"}}], "m"),
        ("  m ", "m"),
        ("", "nothing"),
        ({"a": 1}, '{"a": 1}'),
        ("x" * 900, "x" * 500),
    ],
)
def test_the_words_of_an_error(body: object, text: str) -> None:
    """Wherever a server puts them."""
    assert told_in(body) == text


def test_how_an_answer_is_drawn() -> None:
    """Options go before the older `token_budget`; what has another type is left out."""
    budget = {"max_output_tokens": 5, "temperature": 0.1, "top_p": 0.2, "top_k": 3}
    options = {"token_budget": budget, "temperature": 0.9, "seed": "x", "stop_sequences": ["a"]}

    assert sampling_of(Request(prompt="x")) is NO_WISHES
    assert sampling_of(Request(prompt="x", max_output_tokens=3)) == Sampling(max_output_tokens=3)
    assert sampling_of(Request(prompt="x", max_output_tokens=3, options=options)) == Sampling(
        max_output_tokens=3, temperature=0.9, top_p=0.2, top_k=3, stop_sequences=("a",)
    )
    assert sampling_of(Request(prompt="x", options={"top_k": 2.5, "top_p": True})) == Sampling()


def test_what_is_no_definition_is_not_offered() -> None:
    """Other providers have names of tools under the same option."""
    assert offered_of(Request(prompt="x", options={"tools": ["Read", {"x": 1}]})) == ()
    assert offered_of(Request(prompt="x", options={"tools": "Read"})) == ()


def test_two_tools_of_one_name(tmp_path: Path) -> None:
    """It is not known which one is meant."""
    tools = Desk(tmp_path).site().tools(("read_file",))
    offered = offered_of(Request(prompt="x", options={"tools": [{"name": "read_file"}]}))

    with pytest.raises(ProviderError, match="two tools are called 'read_file'"):
        functions_of(tools, offered)


def test_a_tool_with_a_flaw(tmp_path: Path) -> None:
    """Its error comes out as it is; the calls beside it are ended."""
    ended_early: list[str] = []

    async def fail(arguments: object) -> str:
        raise ZeroDivisionError("oh")

    async def wait(arguments: object) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended_early.append("wait")
        return ""

    async def ignore(result: object) -> None:
        """Listen to nothing."""

    tools = (Tool("fail", "", {}, fail), Tool("wait", "", {}, wait))
    known = ChatTools(tools, (), Desk(tmp_path).site())

    with pytest.raises(ZeroDivisionError, match="oh"):
        ended(known.results((Call("1", "wait", "{}"), Call("2", "fail", "")), ignore))
    assert ended_early == ["wait"]


@pytest.mark.parametrize("schema", [{"type": "strin"}, {"$ref": "#/$defs/Gone"}, {"required": 7}])
def test_a_tool_whose_schema_makes_no_sense(schema: dict[str, object], tmp_path: Path) -> None:
    """The model is told; the tool is not called."""
    called: list[object] = []

    async def note(arguments: object) -> str:
        called.append(arguments)
        return ""

    async def ignore(result: object) -> None:
        """Listen to nothing."""

    known = ChatTools((Tool("odd", "", schema, note),), (), Desk(tmp_path).site())

    (result,) = ended(known.results((Call("1", "odd", "{}"),), ignore))

    assert result.failed
    assert result.text.startswith("the schema of the tool 'odd' cannot be read: ")
    assert called == []


def test_what_writes_is_done_in_order(tmp_path: Path) -> None:
    """A command after a change sees it, though both are called at once."""
    desk = Desk(tmp_path)
    script: list[openai.Answer] = [
        openai.calling(*(("write_file", {"path": "a", "text": str(n)}) for n in range(5))),
        "done",
    ]

    async def go() -> None:
        async with openai.OpenAIServer(script) as server:
            provider = OPENAI.made(server.url)
            await provider.complete(Request(prompt="x", tools=("write_file",), site=desk.site()))
            await provider.close()

    ended(go())
    assert (tmp_path / "a").read_text() == "4"


def test_tools_of_a_server(tmp_path: Path) -> None:
    """They are called as the others are; the server is started and gone again."""
    desk = Desk(tmp_path)
    name = "mcp__words__shout"

    async def go() -> str:
        script: list[openai.Answer] = [openai.calling((name, {"text": "hi"})), "done"]
        async with openai.OpenAIServer(script) as server:
            provider = OPENAI.made(server.url)
            request = Request(prompt="x", mcp_servers={"words": WORDS}, site=desk.site())
            reply = await provider.complete(request)
            await provider.close()
            return reply.text

    assert ended(go()) == "done"
    assert desk.said("tool_result")[0].startswith("HI!")


def test_an_error_beside_a_server_of_tools() -> None:
    """It comes out as it is."""

    async def go() -> None:
        async with openai.OpenAIServer([openai.error(503, "no")]) as server:
            provider = OPENAI.made(server.url)
            try:
                await provider.complete(Request(prompt="x", mcp_servers={"words": WORDS}))
            finally:
                await provider.close()

    with pytest.raises(Overloaded, match="answered 503: no"):
        ended(go())


def test_a_key_in_a_file(tmp_path: Path) -> None:
    """It is read once, and anew after it was refused."""
    path = tmp_path / "key"
    path.write_text("first-key-of-all\n")
    key = Key("openai", (f"file:{path}",), Secrets({}))

    async def go() -> list[str]:
        found = [await key.required()]
        path.write_text("second-key-of-all")
        found.append(await key.required())
        key.forget()
        found.append(await key.required())
        path.write_text("")
        key.forget()
        return found

    assert asyncio.run(go()) == ["first-key-of-all", "first-key-of-all", "second-key-of-all"]
    with pytest.raises(BadCredentials, match=f"there is no key at file:{path}"):
        asyncio.run(key.required())
    path.unlink()
    with pytest.raises(BadCredentials, match="cannot read the key from"):
        asyncio.run(key.required())


def test_the_first_of_several_places_that_has_a_key() -> None:
    """As with two variables of the environment."""
    key = Key("gemini", ("env:A", "env:B"), Secrets({"B": "from-b"}))

    assert asyncio.run(key.required()) == "from-b"


@pytest.mark.parametrize(
    ("raised", "kind", "retryable"),
    [
        (exceptions.UserError("not with this model"), ProviderError, False),
        (exceptions.ContentFilterError("no"), ContentFiltered, False),
        (exceptions.UnexpectedModelBehavior("what?"), BrokenStream, True),
        (exceptions.ModelTimeoutError("m", "late"), NoAnswerInTime, True),
        (exceptions.ModelConnectionError("m", "gone"), ProviderError, True),
        (httpx2.ReadTimeout("late"), NoAnswerInTime, True),
        (httpx2.ConnectError("refused"), ProviderError, True),
        (httpx2.UnsupportedProtocol("ftp"), ProviderError, False),
        (httpx2.RemoteProtocolError("cut"), BrokenStream, True),
        (KeyError("choices"), BrokenStream, True),
        (NoAnswerInTime("ours"), NoAnswerInTime, True),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else None,
)
def test_what_the_packages_raise(
    raised: Exception, kind: type[ProviderError], retryable: bool
) -> None:
    """It is told as one of our errors, with the address that was asked."""
    with pytest.raises(ProviderError) as caught, told("host"):
        raise raised

    assert (type(caught.value), caught.value.retryable) == (kind, retryable)
    assert caught.value is raised or "host" in str(caught.value)


def test_a_package_that_is_not_installed() -> None:
    """It is said which, and how it is installed; asked all the same it says it, too."""
    vendor = replace(VENDOR, package="of_no_such_name", extra="anthropic")
    environ = {"ANTHROPIC_API_KEY": KEY}
    surroundings = Surroundings(Secrets(environ), Path("unused"), environ)
    provider = chat_provider("anthropic", vendor, VendorSettings(model="m"), surroundings)

    assert asyncio.run(provider.check()) == Health(
        False, "of_no_such_name is not installed", 'pip install "otp-genesis[anthropic]"'
    )
    with pytest.raises(ProviderError, match="of_no_such_name is not installed: pip install"):
        asyncio.run(provider.complete(Request(prompt="x")))


def test_one_value_for_a_loop() -> None:
    """It is closed with the loop, or before; a new one is made afterwards."""
    made: list[int] = []
    closed: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    async def close(value: int) -> None:
        await asyncio.sleep(0)
        closed.append(value)

    values = PerLoop(make, close)

    async def twice() -> list[int]:
        return [await values.get(), await values.get()]

    async def between() -> list[int]:
        first = await values.get()
        await values.close()
        await values.close()
        assert closed[-1] == first
        return [first, await values.get()]

    assert asyncio.run(twice()) == [0, 0]
    assert closed == [0]
    assert asyncio.run(between()) == [1, 2]
    assert closed == [0, 1, 2]
    assert values._kept == {}
