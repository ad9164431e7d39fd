"""Rehearsals without any model: the same answers each time, in the shapes of the steps."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Genesis, Write
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.contracts.provider import Request
from otp_genesis.model.json_schema import misfits
from otp_genesis.providers.mock import MockProvider, example_of
from providers.fakes import run

LONG = "say hi to everybody in this very long list of people"
ASK = f"""
workflow:
  name: ask
  steps:
    - {{name: c, type: claude, prompt: [{{type: static, content: "{LONG}"}}]}}
    - {{name: g, type: gemini, prompt: "plan it"}}
    - {{name: i, type: gemini_instructor, prompt: "tell"}}
    - {{name: p, type: prompt, prompt: "simple test"}}
"""


def test_modes(genesis: Genesis, write: Write) -> None:
    """Live asks nobody here; mock answers everything; TEST_MODE is heeded where nothing is said."""
    write("ask.yaml", ASK)
    live = genesis("run", "ask.yaml")
    mock = genesis.json("run", "ask.yaml", "--mode", "mock")["results"]

    assert live.returncode == 3
    assert mock["c"]["text"] == f"Mock response for: {LONG[:50]}..."
    assert (mock["c"]["success"], mock["c"]["cost"]) == (True, 0.001)
    assert "Mock implementation plan" in str(mock["g"])
    assert sorted(mock["i"]) == ["analysis", "summary", "text"]
    assert mock["p"]["text"] == "Mock response for simple test"
    for word in ("mock", "mixed", "something"):
        assert genesis.json("run", "ask.yaml", TEST_MODE=word)["status"] == "succeeded"
    assert genesis("run", "ask.yaml", "--mode", "live", TEST_MODE="mock").returncode == 3


def test_prepared_answers_come_first(genesis: Genesis, write: Write) -> None:
    """A file of answers, by the environment or genesis.toml; the rest is made up."""
    write("ask.yaml", ASK)
    write("answers.yaml", "- {when: everybody, text: Hi all}")
    write("genesis.toml", '[providers.mock]\nfile = "answers.yaml"\n')
    done = genesis.json("run", "ask.yaml", "--mode", "mock")["results"]

    assert (done["c"]["text"], done["p"]["text"]) == ("Hi all", "Mock response for simple test")


def test_errors_to_rehearse(genesis: Genesis, write: Write) -> None:
    """A prompt may ask for a failure."""
    write("p.yaml", "workflow: {name: p, steps: [{name: a, type: claude, prompt: error test}]}")
    done = genesis("run", "p.yaml", "--mode", "mock")

    assert (done.returncode, "Mock error for testing" in done.stdout) == (1, True)


SIMPLE = st.sampled_from(
    [
        {"type": "string"}, {"type": "string", "minLength": 7}, {"type": "integer", "minimum": 3},
        {"type": "number"}, {"type": "boolean"}, {"type": "null"}, {"enum": ["x", "y"]},
        {"const": 5}, {"type": ["string", "null"]},
    ]
)  # fmt: skip
SCHEMAS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner, "minItems": st.integers(0, 3)}
        ),
        st.dictionaries(st.sampled_from("abc"), inner).map(
            lambda fields: {"type": "object", "properties": fields, "required": list(fields)}
        ),
        st.lists(inner, min_size=1, max_size=2).map(lambda some: {"anyOf": some}),
    ),
    max_leaves=8,
)


@given(SCHEMAS)
def test_made_up_data_fits(schema: dict[str, Any]) -> None:
    """Whatever of these shapes is asked for, and the same each time."""
    data = example_of(schema)

    assert misfits(data, schema) == []
    assert example_of(schema) == data


def test_a_schema_that_is_too_much_is_told() -> None:
    """It says that an answer should be written."""

    async def go() -> None:
        schema = {"type": "string", "pattern": "^[0-9]{9}$"}
        with pytest.raises(Exception, match=r"fits the schema .*write one in a file"):
            await MockProvider().complete(Request(prompt="x", output_schema=schema))

    run(go())
