"""What an expression gives: its type, its text, its complaint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.errors import ExpressionError
from otp_genesis.expr.template import compile_condition, compile_template, fill

ANSWER = {"text": "it is 7", "data": {"size": 7, "text": "inner"}, "provider": "p", "usage": {}}
NAMES: dict[str, Any] = {
    "n": 5, "s": "5", "none": None, "yes": True, "xs": [3, 1, 2], "answer": ANSWER, "f": 1.5,
    "steps": {"plan": {"items": [1, 2], "keys": "k", "first": {"name": "ä"}}},
}  # fmt: skip
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def refusal(source: str, names: dict[str, Any] | None = None) -> str:
    with pytest.raises(ExpressionError) as caught:
        fill(source, NAMES if names is None else names)
    return caught.value.reason


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ n }}", 5), ("{{ s }}", "5"), ("  {{ n }} ", 5), ("{{ xs }}", [3, 1, 2]),
        ("{{ n }}{{ n }}", "55"), ("n = {{ n }}", "n = 5"), ("{{ none }}", None),
        ("[{{ none }}]", "[]"), ("{{ yes }}!", "true!"), ("{{ xs }}!", "[3, 1, 2]!"),
        ("{{ f }}", 1.5), ("{{ n + 1 }}", 6), ("{{ s ~ n }}", "55"), ("{{ xs | sort }}", [1, 2, 3]),
        ("{{ xs | map('string') | join('-') }}", "3-1-2"), ("{{ xs | sum }}", 6),
        ("{{ xs[0] }}", 3), ("{{ xs[-1] }}", 2), ("{{ xs[:2] }}", [3, 1]), ("{{ xs.length }}", 3),
        ("{{ steps.plan.items }}", [1, 2]), ("{{ steps.plan.keys }}", "k"),
        ("{{ steps['plan']['first'].name }}", "ä"), ("{{ steps.plan.items | length }}", 2),
        ("{{ 'a b'.split() }}", ["a", "b"]), ("{{ 'a'.upper() }}", "A"),
        ("{{ {'a': n} }}", {"a": 5}),
        ("{{ {1: (n, n)} }}", {"1": [5, 5]}), ("{{ xs | select('gt', 1) | list }}", [3, 2]),
        ("{{ xs | select('gt', 1) }}", [3, 2]), ("{{ 7 // 2 }}", 3), ("{{ 7 % 4 }}", 3),
        ("{{ not yes }}", False), ("{{ n in xs }}", False), ("{{ 'a' if yes else 'b' }}", "a"),
        ("{{ nope | default('x') }}", "x"), ("{{ nope is defined }}", False),
        ("{{ answer }}", ANSWER), ("{{ answer }}!", "it is 7!"), ("{{ answer.size }}", 7),
        ("{{ answer.text }}", "it is 7"), ("{{ '{\"a\": [1]}' | fromjson }}", {"a": [1]}),
        ("{{ xs | tojson }}", "[3, 1, 2]"), ("{{ {'a': 1} | tojson(indent=1) }}", '{\n "a": 1\n}'),
        ("{% for x in xs %}{{ x }}{{ loop.last }},{% endfor %}", "3false,1false,2true,"),
        ("{% set m = xs | max %}{{ m }}", "3"), ("{% if yes %}a{% else %}b{% endif %}\n", "a\n"),
        ("{{ '}}' }}", "}}"), ("{# nothing #}{{ n }}", "5"), ("{{ 'é' | upper }}", "É"),
        ("{{ 2.5 | round }}", 2.0), ("{{ 2.55 | round(1, 'floor') }}", 2.5),
        ("{{ [1, 2, 3] | batch(2) }}", [[1, 2], [3]]), ("{{ 'a-b' | replace('-', '+') }}", "a+b"),
        ("{{ [{'a': 1}, {'a': 2}] | map(attribute='a') | list }}", [1, 2]),
        ("{{ [{'a': 1}] | groupby('a') }}", [[1, [{"a": 1}]]]),
    ],
)  # fmt: skip
def test_what_it_gives(source: str, value: Any) -> None:
    """A whole-string expression keeps its type; anything else is text."""
    result = fill(source, NAMES)

    assert result == value
    assert type(result) is type(value)


@given(DATA)
def test_a_name_gives_what_it_names(data: Any) -> None:
    """No value is changed by being looked up, nor by being inside others that are filled."""
    assert fill("{{ x }}", {"x": data}) == data
    assert fill({"a": ["{{ x }}", 1]}, {"x": data}) == {"a": [data, 1]}


@given(DATA)
def test_literals_round_trip(data: Any) -> None:
    """What JSON writes can be written in an expression, and comes back through `tojson`."""
    literal = json.dumps(data, ensure_ascii=False).replace("null", "none")
    if "null" in json.dumps(data, ensure_ascii=False) or "{{" in literal or "}}" in literal:
        literal = f"'{json.dumps(json.dumps(data))[1:-1]}' | fromjson" if "'" not in literal else ""
    if not literal or "{%" in literal or "}}" in literal or "\\" in literal:
        return

    assert fill("{{ " + literal + " }}", {}) == data


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(-99, 99)), max_size=8))
def test_arithmetic_agrees_with_python(terms: list[tuple[str, int]]) -> None:
    """`+ - *` over numbers and parentheses mean what they mean in Python."""
    source = "1" + "".join(f" {sign} ({number})" for sign, number in terms)

    assert fill("{{ " + source + " }}", {}) == eval(source)


@given(st.integers(-1000, 1000), st.integers(-50, 50), st.sampled_from(["/", "//", "%", "<", ">="]))
def test_division_and_order_agree_with_python(left: int, right: int, sign: str) -> None:
    """Division, remainder and comparison too; by zero they are refused."""
    source = f"{left} {sign} {right}"
    if right == 0 and sign in ("/", "//", "%"):
        assert "zero" in refusal("{{ " + source + " }}")
    else:
        assert fill("{{ " + source + " }}", {}) == eval(source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ nope }}", "'nope' is not defined"),
        ("{{ steps.plam }}", "there is no 'plam' here; did you mean 'plan'?"),
        ("{{ steps.plan.first.nmae }}", "there is no 'nmae' here; did you mean 'name'?"),
        ("{{ steps.plan.first.name.x }}", "text has no 'x'"),
        ("{{ n.x }}", "a number has no 'x'"),
        ("{{ none.x }}", "nothing has no 'x'"),
        ("{{ xs[9] }}", "a list of 3 has no 9"),
        ("{{ xs.first }}", "a list of 3 has no 'first'"),
        ("{{ n + s }}", "unsupported operand"),
        ("{{ n + }}", "unexpected"),
        ("{{ }}", "an expression is missing"),
        ("{{ n }", "unexpected"),
        ("{{ 'a }}", "unexpected char"),
        ("{{ n | nope }}", "No filter named 'nope'"),
        ("{% if n %}", "Unexpected end of template"),
        ("x {{ nope }}", "'nope' is not defined"),
        ("{{ nope }} x {{ n }}", "'nope' is not defined"),
        ("{{ s.upper }}", "this gives no data"),
        ("{{ self }}", "this gives no data"),
        ("{% for x in xs %}{{ loop }}{% endfor %}", "this gives no data"),
        ("{{ [nope] }}", "'nope' is not defined"),
        ("{{ '[' | fromjson }}", "Expecting value"),
    ],
)  # fmt: skip
def test_what_it_says(source: str, said: str) -> None:
    """Nothing is passed over in silence, and the nearest name is offered."""
    assert said in refusal(source)


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("n == 5", True), ("{{ n == 5 }}", True), ("n > 9 or yes", True), ("not yes", False),
        ("s == '5' and n is number", True), ("'{' in '{}'", True), ("nope is defined", False),
    ],
)  # fmt: skip
def test_conditions(source: str, holds: bool) -> None:
    """A condition is one expression, with braces or without."""
    assert compile_condition(source).holds(NAMES) is holds


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("n", "this one gave a int"), ("s", "this one gave a str"), ("none", "gave a NoneType"),
        ("xs", "this one gave a list"), ("", "an expression is missing"), ("nope", "not defined"),
        ("{{ yes }} and {{ yes }}", "leave the braces out"), ("{% if yes %}", "leave the braces"),
        ("yes }} x {{ yes", "leave the braces out"),
    ],
)  # fmt: skip
def test_conditions_are_true_or_false(source: str, said: str) -> None:
    """Neither `5` nor `'false'` is a condition."""
    with pytest.raises(ExpressionError, match=said):
        compile_condition(source).holds(NAMES)


@pytest.mark.parametrize(
    ("source", "references"),
    [
        ("{{ a.b.c }}", ["a.b.c"]),
        ("{{ a['b'].c[0] }}", ["a.b.c"]),
        ("{{ a.b[i].c }}", ["a.b", "i"]),
        ("{{ a }} and {{ b.c }}", ["a", "b.c"]),
        ("{% for x in xs %}{{ x.y }}{{ loop.index }}{{ z }}{% endfor %}", ["xs", "z"]),
        ("{% set v = w %}{{ v }}", ["w"]),
        ("{{ xs | map(attribute='q') | list }}", ["xs"]),
        ("{{ 'a.b' }}", []),
    ],
)
def test_references_are_found(source: str, references: list[str]) -> None:
    """What an expression reads from outside is known before it runs."""
    found = sorted(reference.text for reference in compile_template(source).references)

    assert found == references
