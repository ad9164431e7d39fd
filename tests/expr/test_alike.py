"""Which expressions mean the same in a strict document."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.errors import ExpressionError
from otp_genesis.expr.alike import difference, roots
from otp_genesis.expr.language import LOOSE, STRICT
from otp_genesis.expr.scope import Scope


@pytest.mark.parametrize(
    "source",
    [
        "", "plain", "{{ steps.a }}", "{{steps.a.b.c}}", "a {{ x }} b {{ y.z }}", "{{ 'a' }}",
        "{{ 1 }}{{ -1 }}{{ 1.5 }}", "{{ true }} {{ false }}", "{{ [a, 'b'] }}", "{{ {'a': b} }}",
        "{{ a == 'x' }}", "{{ a == 'x' and not b != 'y' or true }}", "{% if a %}{{ b }}{% endif %}",
        "{% for a in b %}{{ a + 1 | string }}{# c #}{% endfor %}", "}} {", "\n {{ a }} b\n",
        "{{ a in ['x', 'y'] }}", "{{ a == none }}", "{{ a['b'].c['d'] }}", "{{ a.b['c-d'] }}",
    ],
)  # fmt: skip
def test_alike(source: str) -> None:
    """Names and their fields, texts, lists; comparisons with texts."""
    assert difference(source) is None


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (" {{ a }}", "blanks around"), ("{{ a }}\n", "blanks around"), ("{# c #}{{ a }}", "{#"),
        ("x {{- a }}", "takes blanks away"), ("{{ a -}} x", "takes blanks away"),
        ("{{ a + 1 }}", "arithmetic"), ("{{ -a }}", "arithmetic"), ("{{ a ~ b }}", "arithmetic"),
        ("{{ a | upper }}", "another result"), ("{{ a[b] }}", "another result"),
        ("{{ a[0] }}", "another result"), ("{{ a(b) }}", "another result"),
        ("{{ a is defined }}", "another result"), ("{{ (a, b) }}", "another result"),
        ("{{ 'a' if b else c }}", "other words"), ("{{ a ? b : c }}", "cannot read it"),
        ("{{ a-b }}", "another result"), ("{{ a == 1 }}", "compares true as 1"),
        ("{{ a == b }}", "compares true as 1"), ("{{ a < 'x' }}", "cannot be put in order"),
        ("{{ 'x' in a }}", "compares"), ("{{ a and b }}", "only true and false"),
        ("{{ not a }}", "only true and false"), ("{{ a.length }}", "size"),
        ("{{ a.result }}", "all of its result"), ("{{ steps.a.result.b }}", "all of its result"),
        ("{{ null }}", "another result"), ("{{ 'a\\x62' }}", "another result"),
        ("{{ a", "cannot read it"), ("{{ '}}' }}", "another result"), ("{{ 'a' 'b' }}", "strict"),
        ("{{ a.0.b }}", "another result"), ("{{ {a: b} }}", "another result"),
        ("{{ }}", "strict"), ("{{}} {{ a }}", "cannot read it"), ("{{ a }}\r\nb", "another result"),
        ("{{ previous_response:a }}", "cannot read it"), ("{{ a contains 'b' }}", "cannot read it"),
    ],
)  # fmt: skip
def test_not_known_to_be_alike(source: str, why: str) -> None:
    """Each with the reason."""
    assert why in (difference(source) or "")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("a == 'x'", None), ("{{ a.b != 'x' }}", None), ("not (a == 'x' or b == none)", None),
        ("true", None), ("a", "only true and false"), ("a and b == 'x'", "only true and false"),
        ("a > 3", "compares"), ("a matches 'x'", "cannot read it"), ("a && b", "cannot read it"),
        ("a.ok == true", "compares"), ("", "expression"), ("a between 1 and 2", "cannot read it"),
    ],
)  # fmt: skip
def test_conditions(source: str, why: str | None) -> None:
    """They must give true or false in both."""
    found = difference(source, condition=True)

    assert (found is None) if why is None else (why in (found or ""))


def test_the_names_an_expression_begins_with() -> None:
    """Of templates and of conditions; none of what cannot be read."""
    assert {"a", "b"} == roots("{{ a.c }} {{ 'd' ~ b }}")
    assert {"a"} == roots("a.b == 'c'", condition=True) == roots("{{ a.b }}", condition=True)
    assert set() == roots("{{ a b }}")


DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "1", " y "]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abx"), inner),
    max_leaves=5,
)
PATHS = st.sampled_from(
    [
        "steps.a",
        "steps['b'].a",
        "state.x['a']['b']",
        "steps.b.a",
        "state.x",
        "state.x.a.b",
        "inputs.i",
        "loop.item",
    ]
)
WORDS = PATHS | st.sampled_from(["'x'", "none", "true", "1", "''", "'1'", "['x', '1']", "[]"])
OPERATORS = st.sampled_from(["==", "!=", "<", "in", "and", "or", "+", "~"])
EXPRESSIONS = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, OPERATORS, inner),
        st.builds("(not {})".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'k': {} }}".format, inner),
        st.builds("{}.length".format, PATHS),
    ),
    max_leaves=5,
)
MISSING = re.compile(r"there is no '|has no '|is not defined")


def outcome(ask: Any) -> tuple[str, Any]:
    try:
        return "gives", ask()
    except ExpressionError as error:
        return ("lacks" if MISSING.search(error.reason) else "fails"), None


@given(
    EXPRESSIONS,
    st.sampled_from(["{{{{ {} }}}}", "a {{{{ {} }}}} b", "{{{{ {0} }}}}{{{{{0}}}}}"]),
    DATA,
    DATA,
)
def test_what_is_alike_gives_the_same(source: str, form: str, one: Any, other: Any) -> None:
    """The same value of the same type, or the strict one lacks something and says so."""
    scope = Scope({"i": other}, {"a": one, "b": {"a": other}}, {"x": one}, {"loop": {"item": one}})
    text = form.format(source)
    if difference(text) is None:
        new = outcome(lambda: STRICT.template(text).fill(scope.names()))
        if new[0] != "lacks":
            old = outcome(lambda: LOOSE.template(text).fill(scope.names()))
            assert (repr(old), "gives") == (repr(new), new[0])
    if difference(source, condition=True) is None:
        new = outcome(lambda: STRICT.condition(source).holds(scope.names()))
        if new[0] != "lacks":
            assert new == outcome(lambda: LOOSE.condition(source).holds(scope.names()))
