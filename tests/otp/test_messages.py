"""Shapes of messages and patterns, read from their text."""

import pytest

from otp_genesis.otp.messages import Shape, may_match, pattern, term


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (":get", Shape("atom", ":get")),
        (":stop!", Shape("atom", ":stop!")),
        ("nil", Shape("atom", "nil")),
        ('{:get, "a, b"}', Shape("tuple", ":get", 2)),
        ("{:get, [1, 2], {3, 4}}", Shape("tuple", ":get", 3)),
        ("{:get, <<1, 2>>}", Shape("tuple", ":get", 2)),
        ("{:get, f(a, b), %{c: 1, d: 2}}", Shape("tuple", ":get", 3)),
        ("{key, 1}", Shape("tuple", None, 2)),
        ("{}", Shape("tuple", None, 0)),
        ("{:get, a: 1, b: 2}", Shape("tuple", ":get", 2)),
        ("{:get, fn a, b -> a + b end}", Shape("tuple", ":get", None)),
        ("{:get, ~w(a, b)}", Shape("tuple", ":get", None)),
        ("{:get, 1 # one, two\n}", Shape("tuple", ":get", None)),
        ('{:get, "#{f(a, b)}"}', Shape("tuple", ":get", None)),
        ("%MyApp.Job{id: 1}", Shape("struct", "Job")),
        ("message", Shape("unknown")),
        ("build(1)", Shape("unknown")),
        ("MyApp.Job", Shape("unknown")),
        (':"a#{b}"', Shape("unknown")),
    ],
)
def test_term(text: str, shape: Shape) -> None:
    """A term's outer form is told, and what the text cannot tell is unknown."""
    assert shape == term(text)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("_", Shape("any")),
        ("message", Shape("any")),
        ("{:get, _} = message", Shape("tuple", ":get", 2)),
        ("message = {:get, _}", Shape("tuple", ":get", 2)),
        ("{:get, %{a: 1} = _map}", Shape("tuple", ":get", 2)),
        ("%Job{} = job", Shape("struct", "Job")),
        ("^expected", Shape("unknown")),
        ("unquote(tag)", Shape("unknown")),
        ('"text" <> _', Shape("unknown")),
    ],
)
def test_pattern(text: str, shape: Shape) -> None:
    """A pattern's outer form is told; a variable takes everything."""
    assert shape == pattern(text)


@pytest.mark.parametrize(
    ("taken", "sent", "matches"),
    [
        ("{:get, _}", "{:get, 1}", True),
        ("{:get, _}", "{:get, 1, 2}", False),
        ("{:get, _}", "{:put, 1}", False),
        ("{:get, _}", ":get", False),
        ("{tag, _}", "{:get, 1}", True),
        ("{:get, _}", "{tag, 1}", True),
        (":get", ":get", True),
        (":get", "message", True),
        ("_", ":get", True),
        ("unquote(x)", ":get", True),
        ("{:get, _}", "{:get, fn a, b -> a end}", True),
        ("%Job{}", ":get", False),
    ],
)
def test_may_match(taken: str, sent: str, *, matches: bool) -> None:
    """A pattern is ruled out only where both sides are known and differ."""
    assert matches is may_match(pattern(taken), term(sent))


def test_shapes_are_readable() -> None:
    """A shape is written as a pattern for people."""
    shapes = ["{:get, 1, 2}", ":get", "{:get, fn a, b -> a end}", "{x}", "message"]

    assert ["{:get, _, _}", ":get", "{:get, …}", "{_}", "unknown"] == [
        str(term(text)) for text in shapes
    ]
