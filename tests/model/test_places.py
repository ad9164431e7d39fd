"""Where values stand whose text is not simply the next one."""

from __future__ import annotations

import json

import pytest

from otp_genesis.model.document import Path, read_document


def written(text: str, path: Path) -> str:
    span = read_document(text).values[path]
    assert span.line == text.count("\n", 0, span.start) + 1
    assert span.column == span.start - text.rfind("\n", 0, span.start)
    return text[span.start : span.end]


@pytest.mark.parametrize("first", [True, False])
def test_own_values_keep_their_places_beside_merged_ones(first: bool) -> None:
    """Wherever `<<` stands, and whatever nests below what is merged."""
    merge = "  <<: *x\n"
    own = "  a: own\n  b: {c: 1}\n"
    text = "x: &x {a: 1, b: {d: 2}, e: 3}\ny:\n" + (merge + own if first else own + merge)
    document = read_document(text)

    assert {"a": "own", "b": {"c": 1}, "e": 3} == document.data["y"]
    assert "own" == written(text, ("y", "a"))
    assert "3" == written(text, ("y", "e"))
    assert ("y", "b", "d") not in document.values
    assert text.index("a: own") == document.keys["y", "a"].start


def test_the_first_of_several_merged_ones_is_the_place() -> None:
    """As it is the value."""
    text = "x: &x {a: 1}\ny: &y {a: 2, b: 3}\nz: {<<: [*x, *y]}\n"

    assert "1" == written(text, ("z", "a"))
    assert "3" == written(text, ("z", "b"))


def test_characters_that_json_writes_as_two_escapes() -> None:
    """They are one in the value, and their text is as long as it is."""
    data = {"a": "😀", "b": ["x😀y😀", {"c": "z"}], "d": 1}
    text = json.dumps(data)
    document = read_document(text)

    assert data == document.data
    assert text == document.text
    for path, expected in ((("a",), "😀"), (("b", 0), "x😀y😀"), (("b", 1, "c"), "z"), (("d",), 1)):
        assert json.dumps(expected) == written(text, path)
    pretty = json.dumps(data, indent=1)
    assert '"z"' == written(pretty, ("b", 1, "c"))
