"""Data out of a model's text."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.model.json_schema import misfits
from otp_genesis.providers.structured import extract

DATA = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4)
# Between two quotation marks all of it would be JSON: a string.
PROSE = st.text(st.characters(exclude_characters='[{`"', exclude_categories=["Cs"]), max_size=30)


@given(DATA, PROSE, PROSE)
def test_data_amid_prose(data: dict[str, Any], before: str, after: str) -> None:
    """A JSON object is found whatever text is around it, in a fence too."""
    text = json.dumps(data)

    assert extract(f"{before} {text} {after}") == data
    assert extract(f"{before}\n```json\n{text}\n```\n{after}") == data


@pytest.mark.parametrize("text", ["", "none", "{not json}", "[" * 100_000, "{" * 100_000])
def test_no_data(text: str) -> None:
    """Where there is none, that is soon said."""
    began = time.perf_counter()

    with pytest.raises(ValueError, match="there is no JSON in the answer"):
        extract(text)
    assert time.perf_counter() - began < 2


def test_every_misfit_is_named() -> None:
    """Each with its place."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["b"]}

    assert misfits({"a": "x"}, schema) == [
        "$: 'b' is a required property",
        "$.a: 'x' is not of type 'integer'",
    ]
    assert misfits({"a": 1, "b": 2}, schema) == []
