"""What is true of every provider that answers by conversation, whichever vendor it asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from otp_genesis.contracts.provider import ModelFacts, Request
from otp_genesis.model.outcome import Usage
from providers.vendors import (
    VENDORS,
    Desk,
    Vendor,
    asked,
    refused,
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
def test_no_data_in_the_answer(vendor: Vendor) -> None:
    """The reply has the text: whoever asked sends it back with what is wrong."""
    reply, _ = asked(vendor, ["I do not know."], Request(prompt="x", output_schema=SCHEMA))

    assert (reply.text, reply.data) == ("I do not know.", None)


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
