"""Prompts as data: what a part may say, and what is said of one that may not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from otp_genesis.model.prompt import (
    REFUSED,
    ClaudeContinue,
    FilePart,
    PreviousResponse,
    Prompt,
    SessionContext,
    StaticPart,
    steps_named,
)

PROMPT: TypeAdapter[Any] = TypeAdapter(Prompt)


def complaints(value: Any) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        PROMPT.validate_python(value)
    return [(detail["loc"], detail["msg"]) for detail in caught.value.errors()]


def test_a_text_and_every_kind_of_part() -> None:
    """A text stays one; each part becomes the model that its type names."""
    parts = [
        {"type": "static", "content": "hi"},
        {"type": "file", "path": "a.md", "variables": {"x": 1}, "encoding": "UTF-8"},
        {"type": "previous_response", "step": "a", "extract": "b.c", "index": 0, "strict": False},
        {"type": "previous_response", "name": "a", "format": "json", "summary": True},
        {"type": "session_context", "session_id": "s", "include_last_n": 2},
        {"type": "claude_continue", "new_prompt": "go on"},
    ]

    assert "just text" == PROMPT.validate_python("just text")
    assert (
        StaticPart(content="hi"),
        FilePart(path="a.md", variables={"x": 1}, encoding="UTF-8"),
        PreviousResponse(step="a", extract="b.c", index=0, strict=False),
        PreviousResponse(step="a", format="json", summary=True),
        SessionContext(session_id="s", include_last_n=2),
        ClaudeContinue(new_prompt="go on"),
    ) == PROMPT.validate_python(parts)


@pytest.mark.parametrize(
    ("part", "place", "said"),
    [
        ({}, (0,), "a part of a prompt needs a 'type': static, file,"),
        ({"type": "sttic"}, (0, "type"), "'sttic'; did you mean 'static'?"),
        ({"type": ["static"]}, (0, "type"), "no part of a prompt is called"),
        ({"type": "static"}, (0, "content"), "Field required"),
        ({"type": "static", "content": "", "path": "x"}, (0, "path"), "not permitted"),
        ({"type": "file", "path": 5}, (0, "path"), "valid string"),
        ({"type": "file", "path": "a", "encoding": "latin1"}, (0, "encoding"), "read as UTF-8"),
        ({"type": "previous_response"}, (0, "step"), "Field required"),
        ({"type": "previous_response", "step": "a", "name": "b"}, (0, "name"), "not permitted"),
        ({"type": "previous_response", "step": "a", "max_length": 0}, (0, "max_length"), "greater"),
        ({"type": "previous_response", "step": "a", "format": "x"}, (0, "format"), "'text'"),
        ({"type": "session_context"}, (0, "session_id"), "Field required"),
        ("text", (0,), "valid dictionary"),
    ],
)
def test_wrong_parts(part: Any, place: tuple[int | str, ...], said: str) -> None:
    """Each complaint is about the key itself, with no trace of how parts are told apart."""
    ((where, message),) = complaints([part])

    assert place == where
    assert said in message


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_keys_that_never_worked_say_what_to_do(key: str) -> None:
    """Announced keys without a meaning are refused with the way that has one."""
    (found,) = complaints([{"type": "file", "path": "a", key: "x"}])

    assert ((0, key), f"is not available; {REFUSED[key]}") == found


@pytest.mark.parametrize("value", [None, 5, {"type": "static", "content": "x"}])
def test_what_is_no_prompt(value: Any) -> None:
    """Anything but text and lists is refused as a whole."""
    assert [((), "Value error, a prompt is a text, or a list of parts")] == complaints(value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    """The second part's complaints are not hidden by the first's."""
    found = complaints([{"type": "static"}, {"type": "file"}, {"type": "static", "content": 1}])

    assert [(0, "content"), (1, "path")] == [place for place, _ in found]


def test_the_steps_that_a_prompt_names() -> None:
    """They are found in what is written, whatever else is wrong with it."""
    written = [
        {"type": "previous_response", "step": "a"},
        "nonsense",
        {"type": "previous_response", "name": "b", "step": None},
        {"type": "static", "step": "c"},
    ]

    assert [((0, "step"), "a"), ((2, "name"), "b")] == list(steps_named(written))
    assert [] == list(steps_named("text"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.lists(
        JSON | st.fixed_dictionaries({"type": st.sampled_from(["static", "file", "x"])}),
        max_size=3,
    )
)
def test_any_data_is_a_prompt_or_a_complaint(value: Any) -> None:
    """Whatever a document holds, reading it raises nothing but the validation's error."""
    with suppress(ValidationError):
        assert isinstance(PROMPT.validate_python(value), str | tuple)
