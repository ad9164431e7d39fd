"""A prompt of parts becomes the text that a model is asked."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from conftest import Bench
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.contracts.step import Context
from otp_genesis.errors import InvalidDocument, UsageError
from otp_genesis.expr.scope import Scope
from otp_genesis.model.prompt import Part, PreviousResponse, StaticPart
from otp_genesis.steps.picking import picked
from otp_genesis.steps.prompting import rendered
from otp_genesis.testing import ScriptedProvider

DATA = Path(__file__).parent / "data" / "prompt_cases.json"
CASES = json.loads(DATA.read_text())["cases"]
RESULTS: dict[str, Any] = {
    "s": {"b": 1, "a": {"k": [1, {"x": "ä"}]}, "nil": None, "yes": True},
    "text": "just text",
    "list": [{"n": 1}, {"n": 2}],
    "words": ["a", "b"],
    "num": 5,
    "answer": {"text": "said. More. Third. Fourth.", "success": True, "cost": 0.5},
    "own": {"text": "raw", "data": {"mood": "good"}, "provider": "p"},
}


def asked(bench: Bench, parts: list[Any], results: dict[str, Any] = RESULTS) -> str:
    """Run steps that give `results`, then one that asks with these parts; return what it asked."""
    provider = ScriptedProvider(["ok"])
    bench.runtime.providers.register(provider, replace=True)
    steps = [{"name": name, "type": "say", "value": value} for name, value in results.items()]
    steps.append({"name": "ask", "type": "claude", "prompt": parts})
    bench.results(json.dumps({"workflow": {"name": "t", "steps": steps}}))
    return provider.requests[0].prompt


def previous(step: str, **keys: Any) -> dict[str, Any]:
    return {"type": "previous_response", "step": step, **keys}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_as_it_was_observed(bench: Bench, case: dict[str, Any]) -> None:
    """The same parts and results give the text that pipeline_ex was seen to give, or an error."""
    if "error" in case["output"]:
        with pytest.raises((AssertionError, InvalidDocument), match=r"no step 'nope'|no field 'x'"):
            asked(bench, case["parts"], case["results"])
    else:
        assert case["output"]["ok"] == asked(bench, case["parts"], case["results"])


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"step": "text"}, "just text"),
        ({"step": "num"}, "5"),
        ({"step": "words"}, '["a", "b"]'),
        ({"step": "s", "extract": "a.k[1].x"}, "ä"),
        ({"step": "s", "extract": "$.a.k[0]"}, "1"),
        ({"step": "s", "extract": "a.k", "index": -1}, '{\n  "x": "ä"\n}'),
        ({"step": "list", "extract": "[*].n"}, "[\n  1,\n  2\n]"),
        ({"step": "list", "index": 1}, '{\n  "n": 2\n}'),
        ({"step": "s", "extract": "nil"}, "nil"),
        ({"step": "s", "extract": "yes"}, "true"),
        ({"step": "s", "extract": "nope", "strict": False}, "nil"),
        ({"step": "own", "extract": "mood"}, "good"),
        ({"step": "answer", "extract_with": "content_extractor"}, RESULTS["answer"]["text"]),
        ({"step": "answer", "extract": "text", "max_length": 8}, "said...."),
        ({"step": "answer", "extract": "text", "summary": True, "max_length": 12}, "said. More."),
        ({"step": "text", "format": "markdown"}, "# Extracted Content\n\njust text\n"),
        ({"step": "text", "format": "json"}, '{"content": "just text", "format": "json"}'),
        ({"step": "text", "condition": False}, ""),
    ],
)
def test_results_of_steps_before(bench: Bench, keys: dict[str, Any], text: str) -> None:
    """All of a result, a path into it, an element, a form of its text."""
    assert text == asked(bench, [previous(**keys)])


def test_a_whole_result_is_sorted_json(bench: Bench) -> None:
    """Two spaces, keys in order, letters as they are: the same result gives the same prompt."""
    expected = (
        '{\n  "a": {\n    "k": [\n      1,\n      {\n        "x": "ä"\n      }\n    ]\n  },\n'
        '  "b": 1,\n  "nil": null,\n  "yes": true\n}'
    )

    assert expected == asked(bench, [previous("s")])


def test_parts_are_joined_by_one_line_end(bench: Bench) -> None:
    """Also empty ones; what is no text stands there as data."""
    parts = [
        {"type": "static", "content": "a"},
        {"type": "static", "content": None},
        {"type": "static", "content": "{{ steps.num + 1 }}"},
        {"type": "static", "content": "{{ steps.words }}"},
    ]

    assert 'a\n\n6\n["a", "b"]' == asked(bench, parts)


def test_a_file(bench: Bench) -> None:
    """Its text as it is, or with the given variables filled in and nothing else."""
    (bench.folder / "ws").mkdir()
    (bench.folder / "ws" / "p.md").write_text("Write {{ lang }}: {{ areas | join('+') }}\n")
    given = {"lang": "{{ steps.text }}", "areas": ["a", "b"]}

    assert "Write {{ lang }}: {{ areas | join('+') }}\n" == asked(
        bench, [{"type": "file", "path": "./p.md"}]
    )
    assert "Write just text: a+b\n" == asked(
        bench, [{"type": "file", "path": f"{bench.folder}/ws/p.md", "variables": given}]
    )


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "file", "path": "nope.md"}, "t/a: nope.md: there is no such file"),
        ({"type": "file", "path": "/etc/passwd"}, "'/etc/passwd' is outside the project"),
        ({"type": "file", "path": "{{ nothing }}"}, "the 'path' of a part of type 'file' is empty"),
        (
            {"type": "file", "path": "../p.md"},
            "copy the file into the workspace, or run with --workspace FOLDER",
        ),
        (
            previous("s", extract="bb"),
            "t/a: the result of step 's': there is no 'bb': there is no field 'bb'; did you mean"
            " 'b'?; available fields: a, b",
        ),
        (previous("s", extract="zzz"), "there is no field 'zzz'; known: a, b"),
        (previous("s", extract="b.c"), "a single value has no field 'c'"),
        (previous("s", extract="a["), "'a[' is no path; write 'a.b', 'items[0].name'"),
        (previous("s", index=3), "there is no '[3]': there is no field '3'"),
        (previous("{{ 'u' }}"), "there is no step 'u' before this one; known: s"),
    ],
)
def test_what_is_not_there(bench: Bench, part: dict[str, Any], said: str) -> None:
    """The step fails and says what is missing, and what there is instead."""
    (bench.folder / "ws").mkdir()
    (bench.folder / "ws" / "p.md").write_text("{{ lang }}")
    bench.runtime.providers.register(ScriptedProvider(["ok"]), replace=True)
    steps = [
        {"name": "s", "type": "say", "value": {"a": {}, "b": 1}},
        {"name": "a", "type": "claude", "prompt": [part]},
    ]

    assert said in bench.failure(json.dumps({"workflow": {"name": "t", "steps": steps}}))


def test_steps_that_are_not_before_are_found_by_the_check(bench: Bench) -> None:
    """With the line and the nearest; `loop` is there inside a loop and only there."""
    found = bench.complaints(
        """
        - {name: scan, type: say}
        - name: a
          type: claude
          prompt:
            - {type: previous_response, step: scam}
            - {type: previous_response, step: later}
            - {type: previous_response, name: a}
            - {type: previous_response, step: loop}
        - {name: later, type: say}
        - name: each
          type: for_loop
          data_source: [1]
          steps:
            - name: b
              type: claude_batch
              tasks:
                - prompt: [{type: previous_response, step: loop}]
                - prompt: [{type: previous_response, step: each}]
        """
    )

    places = [re.search(r":(\d+:\d+): error\[(.+?)\]: (.*)", line) for line in found]
    assert [
        ("9:43", "unknown-step", "there is no step 'scam' before this one; did you mean 'scan'?"),
        ("10:43", "later-step", "step 'later' comes later; a step sees only those before it"),
        ("11:43", "later-step", "step 'a' comes later; a step sees only those before it"),
        ("12:43", "unknown-step", "there is no step 'loop' before this one; known: scan"),
        ("22:56", "unknown-step", "there is no step 'each' before this one; known: a, later, scan"),
    ] == [place.groups() for place in places if place]


def test_what_a_loop_brings(bench: Bench) -> None:
    """`step: loop` reads the item, by its own name too."""
    provider = ScriptedProvider(["ok"])
    bench.runtime.providers.register(provider, replace=True)
    bench.results(
        """
        - name: each
          type: for_loop
          iterator: f
          data_source: [{path: x}, {path: y}]
          steps:
            - name: a
              type: claude
              prompt:
                - {type: previous_response, step: loop, extract: f.path}
                - {type: previous_response, step: loop, extract: index}
        """
    )

    assert ["x\n0", "y\n1"] == [request.prompt for request in provider.requests]


def context(results: dict[str, Any]) -> Context:
    return cast(Context, SimpleNamespace(scope=Scope(steps=results), path="t/a"))


def text_of(parts: tuple[Part, ...], results: dict[str, Any]) -> str:
    return asyncio.run(rendered(parts, context(results))).text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0"]), inner)
    ),
    max_leaves=10,
)
PATHS = st.text(st.sampled_from("ab0.[]*'-$ "), max_size=8)


@given(st.lists(VALUES, max_size=4))
def test_joining(contents: list[Any]) -> None:
    """A prompt is its parts' texts, each rendered alone, with one line end between."""
    parts = tuple(StaticPart(content=content) for content in contents)

    assert "\n".join(text_of((part,), {}) for part in parts) == text_of(parts, {})


@given(VALUES, PATHS, st.none() | st.integers(-3, 3), st.booleans())
def test_no_other_error_than_the_declared_one(
    value: Any, path: str, index: int | None, strict: bool
) -> None:
    """Whatever a result is and whatever path is asked for, there is a text or a `UsageError`."""
    part = PreviousResponse(step="s", extract=path, index=index, strict=strict)
    with suppress(UsageError):
        assert isinstance(text_of((part,), {"s": value}), str)


@given(VALUES)
def test_a_whole_result_can_be_read_back(value: Any) -> None:
    """A mapping or list in a prompt is JSON of the same data."""
    text = text_of((PreviousResponse(step="s"),), {"s": value})

    if isinstance(value, dict | list):
        assert value == json.loads(text)


@given(st.dictionaries(st.text("abcé_ -", min_size=1, max_size=4), VALUES, min_size=1))
def test_every_key_can_be_picked(value: dict[str, Any]) -> None:
    """Keys with blanks and letters of any kind are found by their own names."""
    for key in value:
        if key == key.strip():
            assert value[key] == picked(value, key)
