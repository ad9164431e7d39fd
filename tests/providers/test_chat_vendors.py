"""What is true of every provider that answers by conversation, whichever vendor it asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from otp_genesis.contracts.provider import Health, ModelFacts, Reply, Request
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
from otp_genesis.loopback.server import Fault
from otp_genesis.model.outcome import Usage
from providers.vendors import (
    KEY,
    VENDORS,
    Desk,
    Vendor,
    ended,
    made,
    nothing_left,
    texts,
)

of_each = pytest.mark.parametrize("vendor", VENDORS, ids=str)
LABELS = ["bug", "ok"]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": LABELS}},
    "required": ["label"],
    "additionalProperties": False,
}
ODD_SCHEMA = {
    "type": "object",
    "patternProperties": {"^x_": {"type": "integer"}},
    "not": {"required": ["y"]},
}
SHORT = 0.2


def asked(vendor: Vendor, script: Any, request: Request, **settings: Any) -> tuple[Reply, Any]:
    """Return the reply, and what the last request to the server said."""

    async def go() -> tuple[Reply, Any]:
        async with vendor.server(script) as server:
            provider = vendor.made(server.url, **settings)
            try:
                reply = await provider.complete(request)
            finally:
                await provider.close()
            return reply, server.requests[-1].body

    return ended(go())


def refused(vendor: Vendor, answer: Any, request: Request, **settings: Any) -> ProviderError:
    """Return the error that an answer becomes."""
    with pytest.raises(ProviderError) as caught:
        asked(vendor, [answer], request, **settings)
    return caught.value


@of_each
def test_a_question_and_its_answer(vendor: Vendor) -> None:
    """The text, who answered, and what was used; the system's word and the prompt are sent."""
    request = Request(prompt="How many?", system="Be brief.")

    reply, body = asked(vendor, [vendor.turn("Three.", 11, 7)], request)

    assert (reply.text, reply.provider, reply.model) == ("Three.", vendor.kind, vendor.model)
    assert (reply.requests, reply.data) == (1, None)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 7)
    assert (vendor.system(body), vendor.prompt(body)) == ("Be brief.", "How many?")


@of_each
def test_the_model_that_a_request_names_is_asked(vendor: Vendor) -> None:
    """It goes before that of the settings."""
    reply, _ = asked(vendor, ["ok"], Request(prompt="hi", model="model-2"))

    assert reply.model == "model-2"


@of_each
def test_a_cost_by_the_settings(vendor: Vendor) -> None:
    """Where the settings know the price, the usage has the cost; otherwise it says it has none."""
    facts = ModelFacts(name=vendor.model, input_usd_per_million=2, output_usd_per_million=10)

    priced, _ = asked(vendor, [vendor.turn("a", 1000, 100)], Request(prompt="hi"), models=(facts,))
    request = Request(prompt="hi", model="nobody-knows-it")
    unknown, _ = asked(vendor, [vendor.turn("a", 1000, 100)], request)

    assert priced.usage == Usage(input_tokens=1000, output_tokens=100, cost_usd=0.003)
    assert (priced.cost_known, unknown.cost_known, unknown.usage.cost_usd) == (True, False, 0.0)


@of_each
def test_data_by_the_vendors_own_means(vendor: Vendor) -> None:
    """A schema that the vendor takes whole is sent to it as it is, and not told in words."""
    reply, body = asked(
        vendor, ['{"label": "bug"}'], Request(prompt="Which?", output_schema=SCHEMA)
    )

    assert reply.data == {"label": "bug"}
    sent = vendor.native(body)
    assert {**sent, "properties": SCHEMA["properties"]} == SCHEMA
    # One package leaves a type out that the values say.
    assert sent["properties"]["label"] in ({"enum": LABELS}, SCHEMA["properties"]["label"])
    assert vendor.prompt(body) == "Which?"


@of_each
def test_data_by_words(vendor: Vendor) -> None:
    """A schema that the vendor does not take whole is told in the prompt, and data is found."""
    said = 'Here it is:\n```json\n{"x_a": 1}\n```\nGood luck.'

    reply, body = asked(vendor, [said], Request(prompt="Which?", output_schema=ODD_SCHEMA))

    assert reply.data == {"x_a": 1}
    assert vendor.native(body) is None
    assert vendor.prompt(body).startswith("Which?\n\nAnswer with one JSON value")
    assert json.loads(vendor.prompt(body).split("```")[1].removeprefix("json")) == ODD_SCHEMA


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_model_that_calls_tools(vendor: Vendor, stream: bool, tmp_path: Path) -> None:
    """It reads, changes a file and answers; each word, call and result is told."""
    (tmp_path / "a.py").write_text("x = 1")
    desk = Desk(tmp_path)
    script = [
        vendor.calling(("read_file", {"path": "a.py"})),
        vendor.calling(("write_file", {"path": "a.py", "text": "x = 2"})),
        vendor.turn("Done.", 30, 5),
    ]
    request = Request(
        prompt="Make it 2.", tools=("read_file", "write_file"), stream=stream, site=desk.site()
    )

    reply, _ = asked(vendor, script, request)

    assert (reply.text, reply.requests) == ("Done.", 3)
    assert reply.usage.output_tokens == 20 + 20 + 5
    assert (tmp_path / "a.py").read_text() == "x = 2"
    assert desk.announced == 1
    assert [(one.what, one.tool, json_of(one.text)) for one in desk.told] == [
        ("tool_call", "read_file", {"path": "a.py"}),
        ("tool_result", "read_file", "x = 1"),
        ("tool_call", "write_file", {"path": "a.py", "text": "x = 2"}),
        ("tool_result", "write_file", "written"),
        ("text", None, "Done."),
    ]
    assert {(one.path, one.provider) for one in desk.told} == {("main/ask", vendor.kind)}


def json_of(text: str) -> Any:
    """Return what is said, as data where it is some: the vendors write it differently."""
    return json.loads(text) if text.startswith("{") else text


@of_each
def test_several_calls_at_once(vendor: Vendor, tmp_path: Path) -> None:
    """They are done side by side, and told to the model in its own order, failures too."""
    (tmp_path / "a").write_text("A")
    desk = Desk(tmp_path)
    calls = (
        ("write_file", {"path": "b", "text": "B"}),
        ("read_file", {"path": "a"}),
        ("read_file", {"path": "gone"}),
        ("read_file", {"path": 7}),
        ("reed_file", {"path": "a"}),
    )
    heard: list[str] = []

    def script(one: Any) -> Any:
        heard[:] = vendor.results(one)
        return "fine" if heard else vendor.calling(*calls)

    request = Request(prompt="x", tools=("read_file", "write_file"), site=desk.site())
    asked(vendor, script, request)

    assert [text.removeprefix("Error: ") for text in heard] == [
        "written",
        "A",
        "there is no file gone",
        "the arguments do not fit: $.path: 7 is not of type 'string'",
        "there is no tool 'reed_file'; did you mean 'read_file'?",
    ]
    assert desk.order == ["read_file", "write_file"]
    assert sorted(one.failed for one in desk.told if one.what == "tool_result") == [
        False, False, True, True, True,
    ]  # fmt: skip


@of_each
def test_a_step_that_may_not_write(vendor: Vendor, tmp_path: Path) -> None:
    """The model hears why, and nothing is written."""
    desk = Desk(tmp_path, may_write=False)
    heard: list[str] = []

    def script(one: Any) -> Any:
        heard[:] = vendor.results(one)
        return "I see" if heard else vendor.calling(("write_file", {"path": "a", "text": ""}))

    reply, _ = asked(vendor, script, Request(prompt="x", tools=("write_file",), site=desk.site()))

    assert reply.text == "I see"
    assert [text.removeprefix("Error: ") for text in heard] == ["this step may not write"]
    assert list(tmp_path.iterdir()) == []


@of_each
def test_a_model_that_never_stops_calling(vendor: Vendor, tmp_path: Path) -> None:
    """It is asked as often as the request allows."""
    (tmp_path / "a").write_text("A")
    request = Request(prompt="x", tools=("read_file",), site=Desk(tmp_path).site(), max_turns=3)

    error = refused(vendor, vendor.calling(("read_file", {"path": "a"})), request)

    assert not error.retryable
    assert "still calls tools after 3 requests" in str(error)


@of_each
def test_functions_that_are_only_offered(vendor: Vendor) -> None:
    """A call of one of them ends the answer, and is its data."""
    function = {
        "name": "book",
        "description": "Book a table.",
        "parameters": {
            "type": "object",
            "properties": {"seats": {"type": "integer"}},
            "required": ["seats"],
        },
    }

    reply, body = asked(
        vendor,
        [vendor.calling(("book", {"seats": 4}))],
        Request(prompt="x", options={"tools": [function]}),
    )

    assert reply.data == {"function_calls": [{"name": "book", "arguments": {"seats": 4}}]}
    assert "Book a table." in json.dumps(body)


@of_each
def test_an_answer_that_is_told_as_it_comes(vendor: Vendor, tmp_path: Path) -> None:
    """The pieces make up the text, and there are several."""
    desk = Desk(tmp_path)
    text = "This is a sentence that is said again and again. " * 12

    reply, _ = asked(
        vendor, [vendor.turn(text, 9, 99)], Request(prompt="x", stream=True, site=desk.site())
    )

    assert reply.text == text
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (9, 99)
    assert len(desk.told) > 2
    assert "".join(desk.said("text")) == text


@of_each
def test_long_words_are_cut_where_they_are_told(vendor: Vendor, tmp_path: Path) -> None:
    """The reply has them whole."""
    desk = Desk(tmp_path)

    reply, _ = asked(vendor, ["y" * 5000], Request(prompt="x", site=desk.site()))

    assert reply.text == "y" * 5000
    assert texts(desk.told) == [("text", "y" * 1999 + "…")]


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (429, RateLimited, True),
        (500, Overloaded, True),
        (502, Overloaded, True),
        (503, Overloaded, True),
        (504, Overloaded, True),
        (529, Overloaded, True),
        (401, BadCredentials, False),
        (403, BadCredentials, False),
        (400, ProviderError, False),
        (404, ProviderError, False),
        (413, ContextTooLong, False),
        (422, ProviderError, False),
    ],
)
def test_an_error_of_the_vendor(
    vendor: Vendor, stream: bool, status: int, kind: type[ProviderError], retryable: bool
) -> None:
    """It becomes the error of its sort, with what the vendor said; it is asked once."""
    error = refused(
        vendor, vendor.error(status, "the sky is falling"), Request(prompt="x", stream=stream)
    )

    assert type(error) is kind
    assert error.retryable is retryable
    assert "the sky is falling" in str(error)
    assert str(status) in str(error)


@of_each
@pytest.mark.parametrize("status", [429, 503])
def test_a_vendor_that_says_how_long_to_wait(vendor: Vendor, status: int) -> None:
    """That is passed on."""
    error = refused(
        vendor, vendor.error(status, "later", headers={"retry-after": "17"}), Request(prompt="x")
    )

    assert error.retry_after_s == 17.0


@of_each
def test_nobody_asks_again_by_itself(vendor: Vendor) -> None:
    """Neither the package of the vendor nor the provider: the gateway decides."""

    async def go() -> int:
        async with vendor.server([vendor.error(503, "no")]) as server:
            provider = vendor.made(server.url)
            with pytest.raises(Overloaded):
                await provider.complete(Request(prompt="x"))
            await provider.close()
            return len(server.requests)

    assert ended(go()) == 1


@of_each
def test_a_request_that_is_too_long(vendor: Vendor) -> None:
    """It is not asked again."""
    error = refused(vendor, vendor.too_long, Request(prompt="x"))

    assert type(error) is ContextTooLong


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_that_the_vendor_filters(vendor: Vendor, stream: bool) -> None:
    """It is no answer."""
    error = refused(vendor, vendor.filtered, Request(prompt="x", stream=stream))

    assert type(error) is ContentFiltered


@of_each
def test_a_key_that_is_refused_is_not_repeated(vendor: Vendor) -> None:
    """Though the vendor does."""
    environ = {f"{vendor.kind.upper()}_API_KEY": KEY}
    error = refused(
        vendor,
        vendor.bad_key,
        Request(prompt="x"),
        environ=environ,
        api_key=f"env:{vendor.kind.upper()}_API_KEY",
    )

    assert type(error) is BadCredentials
    assert KEY not in str(error)
    assert "API_KEY]" in str(error)


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_vendor_that_says_nothing(vendor: Vendor, stream: bool) -> None:
    """It is given up after the time that the settings allow."""
    error = refused(vendor, Fault(hang=True), Request(prompt="x", stream=stream), timeout_s=SHORT)

    assert type(error) is NoAnswerInTime
    assert str(error) == "no answer within 0.2 s (timeout_s)"


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "fault",
    [Fault(body="<html>bad gateway</html>"), Fault(body='{"id": "x', cut=True)],
    ids=["no JSON", "cut"],
)
def test_an_answer_that_is_none(vendor: Vendor, stream: bool, fault: Fault) -> None:
    """Another attempt may help."""
    error = refused(vendor, fault, Request(prompt="x", stream=stream))

    assert type(error) is BrokenStream
    assert error.retryable


@of_each
def test_a_stream_that_breaks_off(vendor: Vendor) -> None:
    """What had come by then is kept."""
    said = "a beginning that has no end, for the line is cut"

    error = refused(vendor, vendor.cut(said), Request(prompt="x", stream=True))

    assert type(error) is BrokenStream
    assert error.output
    assert said.startswith(error.output)


@of_each
def test_an_answer_that_is_cut_before_its_first_word(vendor: Vendor) -> None:
    """Thoughts may use up all that was allowed; that is said."""
    error = refused(vendor, vendor.cut_short(""), Request(prompt="x"))

    assert not error.retryable
    assert "max_output_tokens" in str(error)


@of_each
def test_nobody_at_the_address(vendor: Vendor) -> None:
    """It may be there later."""

    async def go() -> ProviderError:
        async with vendor.server(["ok"]) as server:
            url = server.url
        provider = vendor.made(url)
        with pytest.raises(ProviderError) as caught:
            await provider.complete(Request(prompt="x"))
        await provider.close()
        return caught.value

    error = ended(go())
    assert (type(error), error.retryable) == (ProviderError, True)
    assert "127.0.0.1" in str(error)


@of_each
def test_redirects_are_not_followed_with_the_key(vendor: Vendor) -> None:
    """Another server would get it."""

    async def go() -> tuple[ProviderError, int]:
        async with vendor.server(["ok"]) as other:
            there = Fault(307, headers={"location": f"{other.url}/elsewhere"})
            async with vendor.server([there]) as server:
                provider = vendor.made(server.url)
                with pytest.raises(ProviderError) as caught:
                    await provider.complete(Request(prompt="x"))
                await provider.close()
            return caught.value, len(other.requests)

    error, followed = ended(go())
    assert followed == 0
    assert not error.retryable
    assert "307" in str(error)


@of_each
def test_without_a_key(vendor: Vendor) -> None:
    """It says that it cannot be asked, why, and what helps; asked all the same it says it, too."""
    provider = made(vendor.kind, environ={}, base_url="https://example.invalid")

    health = asyncio.run(provider.check())
    with pytest.raises(BadCredentials) as caught:
        asyncio.run(provider.complete(Request(prompt="x")))

    name = f"{vendor.kind.upper()}_API_KEY"
    assert not health.available
    assert f"env:{name}" in health.reason
    assert health.remedy.startswith(f"set {name} or ") or health.remedy.startswith(f"set {name},")
    assert f"[providers.{vendor.kind}] api_key" in health.remedy
    assert name in str(caught.value)


@of_each
def test_without_a_model(vendor: Vendor) -> None:
    """None is chosen for the user."""
    provider = made(vendor.kind, model=None)

    assert asyncio.run(provider.check()) == Health(
        False, "no model is named", f"name one in genesis.toml: [providers.{vendor.kind}] model = …"
    )
    with pytest.raises(ProviderError, match="no model is named"):
        asyncio.run(provider.complete(Request(prompt="x")))


@of_each
def test_its_check_asks_nobody(vendor: Vendor) -> None:
    """It looks at keys and addresses only."""

    async def go() -> tuple[Health, int]:
        async with vendor.server(["ok"]) as server:
            provider = vendor.made(server.url)
            return await provider.check(), len(server.requests)

    assert ended(go()) == (Health(True), 0)


@of_each
def test_a_tool_that_is_not_here(vendor: Vendor) -> None:
    """It is a mistake of the step's, told before anybody is asked."""
    with pytest.raises(ProviderError, match="there is no tool 'read_file'; there are none"):
        asyncio.run(made(vendor.kind).complete(Request(prompt="x", tools=("read_file",))))


@of_each
def test_one_event_loop_after_another(vendor: Vendor) -> None:
    """Connections belong to a loop, and are closed with it, though nobody calls `close`."""
    provider: list[Any] = []

    async def go() -> str:
        async with vendor.server(["ok"]) as server:
            # The address changes with the server; what is kept for a loop must not.
            provider[:] = [vendor.made(server.url)]
            reply = await provider[0].complete(Request(prompt="x"))
            return str(reply.text)

    async def again() -> str:
        reply = await provider[0].complete(Request(prompt="x"))
        return str(reply.text)

    asyncio.run(go())
    with nothing_left():
        assert [asyncio.run(go()) for _ in range(3)] == ["ok"] * 3
        for _ in range(2):
            with pytest.raises(ProviderError):
                asyncio.run(again())


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_call_that_is_cancelled(vendor: Vendor, stream: bool) -> None:
    """It ends at once and leaves nothing; the provider can be asked again."""

    async def go() -> str:
        hang, arrived = True, asyncio.Event()

        def script(one: Any) -> Any:
            arrived.set()
            return Fault(hang=True) if hang else "here"

        async with vendor.server(script) as server:
            provider = vendor.made(server.url)
            task = asyncio.create_task(provider.complete(Request(prompt="x", stream=stream)))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            hang = False
            reply = await provider.complete(Request(prompt="x"))
            await provider.close()
            return reply.text

    assert ended(go()) == "here"


@of_each
@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.25, "top_p": 0.5, "stop_sequences": ["END"], "max_output_tokens": 77},
        {
            "token_budget": {"temperature": 0.25, "top_p": 0.5, "max_output_tokens": 77},
            "stop_sequences": "END",
        },
    ],
    ids=["plain", "token_budget"],
)
def test_how_the_answer_is_drawn(vendor: Vendor, options: Mapping[str, Any]) -> None:
    """Options of the request are sent in the vendor's words."""
    _, body = asked(vendor, ["ok"], Request(prompt="x", options=dict(options)))

    said = json.dumps(body)
    assert [word for word in ("0.25", "0.5", '["END"]', "77") if word not in said] == []
