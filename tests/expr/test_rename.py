"""Names of expressions, changed in their text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.errors import ExpressionError
from otp_genesis.expr.rename import rename_places, renamed
from otp_genesis.expr.template import compile_condition, fill

NAMES = {"a": "steps.a", "b": "state.b", "name": "steps.name", "defined": "steps.defined"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ a }}", "{{ steps.a }}"),
        ("{{a.b.a}}", "{{steps.a.b.a}}"),
        ("{{ a . b }}", "{{ steps.a . b }}"),
        ("{{ a['a'].x }}", "{{ steps.a['a'].x }}"),
        ("{{ x[a] }}", "{{ x[steps.a] }}"),
        ("{{ x[a:b] }}", "{{ x[steps.a:state.b] }}"),
        ("{{ 'a' ~ \"b\" ~ a }}", "{{ 'a' ~ \"b\" ~ steps.a }}"),
        ("{{ 'it\\'s a' ~ a }}", "{{ 'it\\'s a' ~ steps.a }}"),
        ("a {{ a }} a", "a {{ steps.a }} a"),
        ("{{ x | a }}", "{{ x | a }}"),
        ("{{ a|default(b) }}", "{{ steps.a|default(state.b) }}"),
        ("{{ x|map(attribute='a')|join(a) }}", "{{ x|map(attribute='a')|join(steps.a) }}"),
        ("{{ a is defined }}", "{{ steps.a is defined }}"),
        ("{{ a is not defined }}", "{{ steps.a is not defined }}"),
        ("{{ a is\n not   defined }}", "{{ steps.a is\n not   defined }}"),
        ("{{ not defined }}", "{{ not steps.defined }}"),
        ("{{ x is divisibleby(b) }}", "{{ x is divisibleby(state.b) }}"),
        ("{{ x is divisibleby b }}", "{{ x is divisibleby state.b }}"),
        ("{{ x is in a }}", "{{ x is in steps.a }}"),
        ("{{ f(a=a, b = b) }}", "{{ f(a=steps.a, b = state.b) }}"),
        ("{{ f(a, name=1) }}", "{{ f(steps.a, name=1) }}"),
        ("{{ f(a == b) }}", "{{ f(steps.a == state.b) }}"),
        ("{{ [a, (b,)] }}", "{{ [steps.a, (state.b,)] }}"),
        ("{{ {a: b, 'a': 1} }}", "{{ {steps.a: state.b, 'a': 1} }}"),
        ("{{ -a }}{{ not a }}", "{{ -steps.a }}{{ not steps.a }}"),
        ("{{ a < b <= 3 }}", "{{ steps.a < state.b <= 3 }}"),
        ("{{ a if b else a }}", "{{ steps.a if state.b else steps.a }}"),
        ("{{ x.for + a }}", "{{ x.for + steps.a }}"),
        ("{{ steps.a }}{{ state.b }}", "{{ steps.a }}{{ state.b }}"),
        ("{% if a %}a{% elif b %}b{% endif %}", "{% if steps.a %}a{% elif state.b %}b{% endif %}"),
        ("{% for x in a %}{{ x.a }}{% endfor %}", "{% for x in steps.a %}{{ x.a }}{% endfor %}"),
        ("{% for x in b if a %}{% endfor %}", "{% for x in state.b if steps.a %}{% endfor %}"),
        ("{% for a in b %}{{ a }}{% endfor %}", "{% for a in state.b %}{{ a }}{% endfor %}"),
        ("{% for k, a in b %}{{ a }}{% endfor %}", "{% for k, a in state.b %}{{ a }}{% endfor %}"),
        ("{% set a = b %}{{ a }}", "{% set a = state.b %}{{ a }}"),
        ("{% set x = a %}{{ x }}", "{% set x = steps.a %}{{ x }}"),
        ("{% with a = b %}{{ a }}{% endwith %}", "{% with a = state.b %}{{ a }}{% endwith %}"),
        ("{# a #}{{ a }}", "{# a #}{{ steps.a }}"),
        ("{# {{ a }} #}", "{# {{ a }} #}"),
        ("{% raw %}{{ a }}{% endraw %}{{ a }}", "{% raw %}{{ a }}{% endraw %}{{ steps.a }}"),
        ("x \n {{- a -}} \n y", "x \n {{- steps.a -}} \n y"),
        ("x  {%- if a -%}  y  {%- endif %}", "x  {%- if steps.a -%}  y  {%- endif %}"),
        ("l\r\n{{ a\r\n }}\r\n", "l\r\n{{ steps.a\r\n }}\r\n"),
        ("l\r{{ a }}\r", "l\r{{ steps.a }}\r"),
        ("{{ a }}\n", "{{ steps.a }}\n"),
        ("\n\n{{ a }}\n\n", "\n\n{{ steps.a }}\n\n"),
        ("{{ '}}' ~ a }}", "{{ '}}' ~ steps.a }}"),
        ("{{ ä.a ~ a }}", "{{ ä.a ~ steps.a }}"),
        ("😀 {{ '😀' ~ a }} 😀", "😀 {{ '😀' ~ steps.a }} 😀"),
        ("{{ aa + a_ + a1 + a }}", "{{ aa + a_ + a1 + steps.a }}"),
        ("{{ a.a(a) }}", "{{ steps.a.a(steps.a) }}"),
        ("{{ 1.5 + a }}{{ a.0 }}", "{{ 1.5 + steps.a }}{{ steps.a.0 }}"),
        ("", ""), ("plain a", "plain a"),
    ],
)  # fmt: skip
def test_only_the_roots_of_references(source: str, expected: str) -> None:
    """Fields, filters, tests, keywords, texts, comments and what the template binds stay."""
    assert expected == renamed(source, NAMES)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a", "steps.a"), ("  a.b == 'a'\n", "  steps.a.b == 'a'\n"),
        ("{'x': {'y': a}} == b", "{'x': {'y': steps.a}} == state.b"),
        ("a\r\n  and b", "steps.a\r\n  and state.b"), ("a}", None), ("a &&b", None), ("a b", None),
        ("'a", None), ("", None),
    ],
)  # fmt: skip
def test_a_bare_expression(source: str, expected: str | None) -> None:
    """A condition has no braces around it."""
    if expected is None:
        with pytest.raises(ExpressionError):
            renamed(source, NAMES, bare=True)
    else:
        assert expected == renamed(source, NAMES, bare=True)


def test_what_nests_too_deep_is_an_error() -> None:
    """Parsing gives up before the stack does."""
    with pytest.raises(ExpressionError):
        renamed("{{ " + "(" * 5000 + "a" + ")" * 5000 + " }}", NAMES)


def test_a_name_bound_somewhere_is_left_everywhere() -> None:
    """The check does not ask for it either: it might be the bound one."""
    source = "{{ a }}{% for a in b %}{{ a }}{% endfor %}"

    assert "{{ a }}{% for a in state.b %}{{ a }}{% endfor %}" == renamed(source, NAMES)


def test_the_loop_of_a_template_is_its_own() -> None:
    """Inside `{% for %}` the name is Jinja's."""
    source = "{% for x in a %}{{ loop.index }}{% endfor %}"

    assert source == renamed(source, {"loop": "steps.loop"})


def test_places_count_in_the_source() -> None:
    """Also where braces are added to read it."""
    assert [(4, "a", "steps.a")] == rename_places("1 + a", NAMES, bare=True)


WORDS = st.sampled_from(["a", "b", "c", "a.b", "b['c']", "c.a.b", "[a, b]", "'a'", "3"])
SPACE = st.sampled_from(["", " ", "\n", "\r\n  ", "\t"])


@st.composite
def expressions(draw: st.DrawFn, depth: int = 2) -> str:
    if depth == 0:
        return draw(WORDS)
    inner = expressions(depth - 1)
    left, right, gap = draw(inner), draw(inner), draw(SPACE)
    form = draw(
        st.sampled_from(
            [
                "{l}", "({l})", "{l}{g} ~ {r}", "{l} == {r}", "{l} if {r} is defined else {l}",
                "{{'k':{g}{l} }}", "[{l},{g}{r}]", "{l} | default({r})", "({l}) is not none",
                "({l}, {r})[0]", "[{l}] | map('string') | join('a')", "({r}) in [{l}]",
            ]
        )
    )  # fmt: skip
    return form.format(l=f"({left})", r=f"({right})", g=gap)


@st.composite
def templates(draw: st.DrawFn) -> str:
    text = st.sampled_from(["", "a ", "\r\n", " b {# a #} ", "ü\n", "{% raw %}{{ a }}{% endraw %}"])
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        dash, end = draw(st.sampled_from(["", "-"])), draw(st.sampled_from(["", "-"]))
        one = draw(expressions())
        parts.append(draw(text))
        form = "{{{{{d} {e} {f}}}}}|{{%{d} if ({e}) is defined %}}a{{%{d} endif {f}%}}"
        form += "|{{% for x in [{e}] {f}%}}{{{{ x }}}}{{% endfor %}}"
        parts.append(draw(st.sampled_from(form.split("|"))).format(d=dash, f=end, e=one))
    return "".join(parts) + draw(text)


DATA = {"a": {"b": 1, "c": "x"}, "b": {"c": [1, 2]}, "c": {"a": {"b": None}}}
NEW = {"a": "steps.a", "b": "state.b", "c": "steps.c"}
RENAMED = {"steps": {"a": DATA["a"], "c": DATA["c"]}, "state": {"b": DATA["b"]}}


def value(source: str, names: dict[str, Any]) -> Any:
    try:
        return fill(source, names)
    except ExpressionError as error:
        return error.reason.replace("steps.", "").replace("state.", "")


@given(templates())
def test_with_no_names_nothing_changes(source: str) -> None:
    """Not a blank, whatever the lexer leaves out."""
    assert source == renamed(source, {})
    assert source == renamed(source, {"nobody": "steps.nobody"})


@given(templates())
def test_the_value_stays(source: str) -> None:
    """Where the new names hold it gives what it gave where the old ones held; once is enough."""
    new = renamed(source, NEW)

    assert value(source, DATA) == value(new, RENAMED)
    assert new == renamed(new, NEW)


@given(expressions())
def test_the_truth_of_a_condition_stays(source: str) -> None:
    """The same for expressions without braces."""
    new = renamed(f"({source}) == a", NEW, bare=True)

    old, now = compile_condition(f"({source}) == a"), compile_condition(new)
    assert {one.root for one in now.references} <= {"steps", "state"}
    try:
        expected = old.holds(DATA)
    except ExpressionError:
        with pytest.raises(ExpressionError):
            now.holds(RENAMED)
    else:
        assert expected == now.holds(RENAMED)
