"""No expression costs much, and none reaches what is not data."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp_genesis.errors import ExpressionError
from otp_genesis.expr.template import compile_condition, fill

NAMES: dict[str, Any] = {
    "s": "abc", "n": 10**9, "xs": [{"a": 1}, {"a": 2}], "steps": {"big": "x" * 4_000_000},
    "many": list(range(2000)), "f": 1.5,
}  # fmt: skip
SECONDS = 2.0
DOUBLED = "{% set a = [a, a] %}" * 40

COSTLY = [
    "{{ 'a' * 1000000000 }}",
    "{{ 'a' * n }}",
    "{{ n * 'a' }}",
    "{{ [1] * n }}",
    "{{ 10 ** 9 ** 9 }}",
    "{{ 2 ** 100 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%s' % s }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ 'x'.ljust(n) }}",
    "{{ 'x'.rjust(n) }}",
    "{{ 'x'.zfill(n) }}",
    "{{ 'x'.center(n) }}",
    "{{ 'x' | center(n) }}",
    "{{ 'x' | indent(n) }}",
    "{{ 'x' | format(1) }}",
    "{{ 'x'.expandtabs(n) }}",
    "{{ s.join([steps.big, steps.big]) }}",
    "{{ [steps.big, steps.big, steps.big] | join }}",
    "{{ many | join(steps.big) }}",
    "{{ steps.big | replace('x', 'xxxx') }}",
    "{{ s | replace('', steps.big) }}",
    "{{ steps.big ~ steps.big ~ steps.big }}",
    "{{ steps.big + steps.big + steps.big }}",
    "{% set a = steps.big %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "{% set a %}xx{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40 + "{{ a }}",
    "{% set a = [1] %}" + DOUBLED + "{{ a }}",
    "{% set a = [1] %}" + DOUBLED + "{{ a | tojson }}",
    "{% set a = [1] %}{% set b = [1] %}" + DOUBLED + DOUBLED.replace("a", "b") + "{{ a == b }}",
    "{% set a = {} %}" + "{% set a = {'x': a, 'y': a} %}" * 40 + "{{ a }}",
    "{% set a = 1 %}" + "{% set a = (a, a) %}" * 40 + "{{ a }}",
    "{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}",
    "{% for a in many %}{{ steps.big }}{% endfor %}",
    "{% for a in many recursive %}{{ loop(many) }}{% endfor %}",
    "{{ range(1000000000) | list }}",
    "{% for i in range(n) %}{% endfor %}",
    "{{ lipsum(n=n) }}",
    "{{ [1] | batch(n, 'x') | list }}",
    "{{ f | round(999999999, 'ceil') }}",
    "{{ f | round(-999999999) }}",
    "{{ " + " * ".join(["99999999999999999999"] * 100) + " }}",
    "{{ " + "9" * 5000 + " }}",
    "{{ " + "9" * 4000 + " }}",
    "{{ " + "(" * 9000 + "1" + ")" * 9000 + " }}",
    "{{ " + "-" * 15000 + "1 }}",
    "{{ " + "not " * 4000 + "true }}",
    "{{ " + "1 + " * 100_000 + "1 }}",
    "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    "{{ s" + ".a" * 9000 + " }}",
    "{{ s" + " | upper" * 2400 + " }}",
    "x" * 1_000_001 + "{{ s }}",
    "{% if true %}" * 3000,
    "{% for a in xs %}" * 200 + "{% endfor %}" * 200,
    "{{ [xs] | sum(start=[]) }}",
    "{{ xs | tojson(indent=1000000000) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{% block b %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% call s() %}{% endcall %}",
]
ESCAPES = [
    "{{ s.__class__ }}",
    "{{ s['__class__'] }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ s | attr('__class__') }}",
    "{{ xs | map(attribute='__class__') | list }}",
    "{{ xs | map(attribute='a.__class__') | list }}",
    "{{ [s] | map(attribute='upper.__self__') | list }}",
    "{{ xs | map('attr', '__class__') | list }}",
    "{{ xs | groupby('__class__') }}",
    "{{ xs | sort(attribute='__class__') }}",
    "{{ xs | join(attribute='__class__') }}{{ xs | join(attribute='__class__').x }}",
    "{{ '{0.__class__}'.format(s) }}",
    "{{ s.format_map({}) }}",
    "{{ s.encode() }}",
    "{{ s.upper.__self__ }}",
    "{{ s.upper.__func__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__ }}",
    "{{ joiner }}",
    "{{ namespace(a=1) }}",
    "{{ dict(a=1) }}",
    "{{ xs.append(1) }}",
    "{{ xs.pop() }}",
    "{{ steps.update(a=1) }}",
    "{{ steps.clear() }}",
    "{{ steps.items() }}",
    "{{ nope.__class__ }}",
    "{{ nope.__init__.__globals__ }}",
    "{% for x in xs %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in xs %}{{ loop._context }}{% endfor %}",
    "{% for x in xs %}{{ loop.cycle.__globals__ }}{% endfor %}",
    "{{ (1).__class__ }}",
    "{{ f.hex() }}",
    "{{ f.as_integer_ratio() }}",
    "{{ none.__class__ }}",
    "{{ true.__class__ }}",
    "{{ [].__class__ }}",
    "{{ caller.x }}",
    "{{ varargs }}",
    "{{ __builtins__ }}",
    "{{ s() }}",
]


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    """Let what would take the machine's memory fail at once instead."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + 600_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("source", COSTLY, ids=lambda source: source[:60])
def test_what_has_no_bound_is_refused_at_once(source: str) -> None:
    """Every known way to take all memory or all time ends in a complaint, and soon."""
    began = time.perf_counter()

    with pytest.raises(ExpressionError) as caught:
        fill(source, NAMES)
    assert time.perf_counter() - began < SECONDS
    assert caught.value.reason != "takes too much memory"


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_but_data_is_reached(source: str) -> None:
    """No attribute, method or global leads to Python's objects, or changes the data."""
    before = repr({name: value for name, value in NAMES.items() if name != "steps"})

    with pytest.raises(ExpressionError):
        fill(source, NAMES)
    assert repr({name: value for name, value in NAMES.items() if name != "steps"}) == before
    assert list(NAMES["steps"]) == ["big"]


ATOMS = st.sampled_from(
    ["s", "n", "f", "xs", "many", "1", "'a'", "0", "-1", "9999999999", "none", "[]", "{}", "nope",
     "'%9999999d'", "s.__class__", "loop", "self", "1.5", "xs[0]", "steps"]
)  # fmt: skip
FILTERS = st.sampled_from(
    ["upper", "join", "join(s)", "batch(n)", "round(n)", "tojson", "tojson(n)", "list", "sum",
     "sum(start=[])", "map('upper')", "map(attribute='a')", "map('batch', 3)", "sort", "unique",
     "groupby('a')", "replace('a', s)", "replace('', s)", "truncate(n)", "int", "int(36)", "float",
     "string", "first", "last", "dictsort", "length", "reverse", "default(n)", "max", "fromjson",
     "select", "reject('odd')", "wordcount", "title", "items", "abs", "min", "trim", "capitalize",
     "selectattr('a')", "lower", "batch(2, n)", "round(2, 'ceil')", "map('__turns')"]
)  # fmt: skip


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from(
        ["+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "and", "or"]
    )
    methods = st.sampled_from(["ljust(n)", "format(n)", "split('a')", "upper()", "join(xs)", "x"])
    return st.one_of(
        st.builds("({} {} {})".format, inner, signs, inner),
        st.builds("({} | {})".format, inner, FILTERS),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'a': {}, 'b': {}}}".format, inner, inner),
        st.builds("({}).{}".format, inner, methods),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("(not {})".format, inner),
    )


@settings(deadline=SECONDS * 1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(ATOMS, larger, max_leaves=12), st.sampled_from(["{{ %s }}", "%s", "x{{ %s }}"]))
def test_no_mixture_is_dear_or_a_crash(expression: str, form: str) -> None:
    """However dangerous parts are put together, it is soon a value or an `ExpressionError`."""
    source = form.replace("%s", expression)
    try:
        if form == "%s":
            compile_condition(source).holds(NAMES)
        else:
            fill(source, NAMES)
    except ExpressionError as error:
        raised = error.reason
    else:
        raised = "nothing"

    assert raised
