"""The language of documents that are not strict: what conditions and templates give."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from otp_genesis.errors import ExpressionError
from otp_genesis.expr import loose
from otp_genesis.expr.function import Function
from otp_genesis.expr.language import LOOSE, STRICT, language
from otp_genesis.expr.loose_compile import RELATIONS
from otp_genesis.expr.loose_functions import FUNCTIONS, OF_ITEMS
from otp_genesis.expr.scope import OLDER_ROOTS, Names, Scope

SCAN: dict[str, Any] = {
    "count": 4, "ratio": 0.75, "ok": True, "bad": False, "zero": 0, "empty": "", "none": None,
    "items": [3, 1, 2], "name": "Report Final", "path": "src/app/main.py", "tags": ["red", "blue"],
    "numstr": "12", "nested": {"a": {"b": 5}}, "when": "2024-01-01T00:00:00Z",
    "issues": [{"sev": "high", "n": 2, "state": "open"}, {"sev": "low", "n": 9}], "length": 99,
}  # fmt: skip
SCOPE = Scope(
    inputs={},
    steps={"scan": SCAN, "note": "plain text", "my-step": {"ok": True, "a-b": 2, "xs": [1, 2]},
           "wrapped": {"result": {"inner": {"x": 1}}}, "run": {"ok": True},
           "answer": {"text": "it is 7", "data": {"size": 7}, "provider": "p"}},
    state={"n": 5, "user": {"age": 3}, "my-var": 7, "a": 1, "b": 2, "first": "Ada", "last": "L",
           "xs": [1, 2], "t0": "2024-01-01T00:00:00Z", "t1": "2024-01-02", "s5": "5", "z": None},
    local={"loop": {"item": "x", "index": 0}, "item": "x"},
    facts={"workflow": {"name": "wf", "environment": {"mode": "test"}}, "run": {"id": "r1"},
           "global_vars": {"g": "G"}},
    functions={"shout": Function("shout", lambda text, times=1: text.upper() * times)},
)  # fmt: skip


def names(**changes: Any) -> Names:
    return Scope(**{**vars(SCOPE), **changes}).names({"name": "here"})


def holds(condition: Any) -> bool:
    return loose.compile_condition(condition).holds(names())


def fill(value: Any) -> Any:
    return LOOSE.fill(value, names())


@pytest.mark.parametrize(
    "condition",
    [
        "scan.ok", "scan.zero", "scan.nested.a.b", "note", "scan.items", "'x'", "true", "1 == 1",
        "scan.count > 3", "scan.count>3", "scan.count>=4", "scan.count == 4.0", "scan.count!=5",
        "scan.numstr * 2 == 24", "scan.missing == null", "missing.x != 'a'", "scan.none == null",
        "scan.name contains 'Final'", "scan.tags contains 'red'", "scan.items contains 2",
        "scan.tags not contains 'x'", "scan.name matches '^Rep'", "scan.path matches '.*\\.py'",
        "matches(scan.path, '.*\\.py$')", "scan.path == 'src/app/main.py'",
        "scan.path == \"src/app/main.py\"",
        "scan.path contains 'app/main'", "scan.count between 1 and 4",
        "scan.count not between 5 and 6",
        "scan.count between 1 and 2 * 3 and scan.ok", "scan.count + 2 * 3 == 10", "10 - 3 - 2 == 5",
        "(scan.count + 1) * 2 == 10", "scan.count * scan.ratio >= 3", "scan.count / 0 == 0",
        "scan.count % 3 == 1", "-5 % 3 == -2", "scan.count > -1", "scan.count - 4", "--4 == 4",
        "scan.name + 1", "my-step.ok", "my-step.ok == true", "my-step.a-b == 2",
        "scan.count-1 == 3",
        "my-step.a-b-1 == 1", "my-step.xs.length == 2", "steps.my-step.xs[1] == 2", "my-var-2 == 5",
        "scan.items.length", "scan.items.length > 2", "note.length == 10", "scan.length > 10",
        "missing.length == 0", "length(trim(scan.name)) > 3", "any(scan.issues, 'sev == \"high\"')",
        "all(scan.issues, 'n > 1')", "count(scan.issues, 'n > 3') == 1",
        "any(scan.issues, 'state == \"open\"')",
        "any(scan.tags, '@ == \"red\"')", "any(scan.issues, '@.n > 5')",
        "any(scan.items, '@ > scan.ratio')",
        "any(scan.issues, 'any(scan.tags, \"@ == sev\") or n > 5')", "count(scan.items) == 3",
        "isEmpty(scan.missing)", "sum(scan.items) == 6", "max(scan.items) - min(scan.items) == 2",
        "average(scan.items) == 2", "toLowerCase(scan.name) contains 'final'", "abs(-5) == 5",
        "pow(2, 3) == 8", "days(2) == 172800", "now()", "scan.when < now()",
        "not scan.when > now() - days(7)",
        "date('2024-12-31') > scan.when", "now() - hours(1) < now()", "now() - scan.when > days(1)",
        "scan.when == date('2024-01-01')", "date('2024-01-01') between scan.when and now()",
        "scan.ok and scan.count > 3", "scan.bad or scan.zero", "not scan.bad", "!scan.bad",
        "!(scan.bad)",
        "scan.ok && !scan.bad", "scan.bad || scan.ok", "not not scan.ok",
        "not (scan.ok and scan.bad)",
        "scan.ok and (scan.bad or scan.ok)", "scan.name != 'a and b'",
        "'critical' not in scan.tags",
        "'red' in scan.tags", "scan.count in [1, 2, 4]", "'ort' in scan.name", "'a' in scan.nested",
        "steps.scan.tags exists", "steps.nope not exists", "exists(scan.count)", "scan.empty empty",
        "scan.missing empty", "scan.tags not empty", "scan.bad not empty",
        "scan.name starts_with 'Rep'",
        "scan.path ends_with '.py'", "startsWith(scan.name, 'Rep')", "endsWith(scan.path, 'py')",
        "state.n == 5", "n == 5", "loop.item == 'x'", "item == 'x'", "inputs.force != true",
        "workflow.name == 'wf'", "environment.mode == 'test'", "global_vars.g == 'G'", "run.ok",
        "step.name == 'here'", "wrapped.inner.x == 1", "steps.wrapped.result.inner.x == 1",
        "answer.size == 7", "previous_response.size == 7",
        "length(previous_response:scan.tags) == 2",
        "{{scan.count}} > {{scan.zero}}", "{{ scan.count > 3 }}", "scan.ok ? scan.count : scan.bad",
        "scan.tags | length == 2", "scan.ok is defined", "scan.nope is not defined",
        "scan.none is none",
        "scan.count is divisibleby 2", "scan.items[0] == 3", "scan['count'] == 4",
        "scan.issues[-1].n == 9",
        "scan.items[1:] == [1, 2]", "{'a': scan.count} == {'a': 4.0}", "1 < scan.count < 5",
        "scan.missing == nil", "shout('a') == 'A'", "shout('a', times=2) == 'AA'", None, True, [],
        ["scan.ok", "scan.count == 4"],
        {"and": ["scan.ok", {"or": ["missing", {"not": "missing"}]}]},
        {"not": ["scan.ok", "scan.bad"]}, {"or": [False, True]}, {"and": "scan.ok"}, {"and": []},
    ],
)  # fmt: skip
def test_conditions_that_hold(condition: Any) -> None:
    """Strings, lists, mappings and truth values, in every form that pipeline_ex writes about."""
    assert holds(condition) is True


@pytest.mark.parametrize(
    "condition",
    [
        "missing", "scan.none", "scan.empty", "scan.bad", "false", "null", "", " ", "note.x",
        "note.x.y",
        "scan.count == '4'", "scan.numstr > 5", "scan.missing > 0", "scan.zero == false",
        "1 == true",
        "scan.name contains 'final'", "scan.tags contains red", "scan.items contains 2.0",
        "scan.nested contains 'a'", "scan.count contains 4", "scan.name matches '('",
        "scan.count matches '4'",
        "scan.count between 1", "scan.name between 'a' and 'z'", "scan.name + 1 == 0",
        "scan.name + 1 > 0",
        "missing + 1 == 1", "missing + 1 != missing + 1 and false", "scan.count >= 3 == true",
        "any(scan.issues, 'sev == \"high\"') == false", "any(missing)", "any(missing, 'n > 1')",
        "scan.ok and scan.bad", "scan.count > 3 and scan.zero > 1", "not scan.ok",
        "scan.ok == True",
        "steps.nope exists", "scan.bad empty", "scan.zero empty", "'x' in scan.count",
        "now() < scan.when",
        "scan.name < now()", "scan.name == now()", "contains(scan.name, 'a, b')",
        "min(missing) == 0",
        False, [True, "missing"], {"not": None}, {"or": []}, {"and": ["scan.ok", False]},
    ],
)  # fmt: skip
def test_conditions_that_do_not_hold(condition: Any) -> None:
    """Nothing is an error because it is not there, or because it is of another kind."""
    assert holds(condition) is False


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("scan.count >", "the expression ends too early"), ("a b", "unexpected 'b'"),
        ("(a", "')' is missing"), ("a)", "unexpected ')'"), ("'a", "its quote is missing"),
        ("a # b", "'#' means nothing"), ("foo(1)", "no function 'foo'"),
        ("lenght(a)", "did you mean 'length'?"),
        ("length()", "length() takes 1 argument, not 0"),
        ("pow(1)", "pow() takes 2 arguments, not 1"),
        ("2 ** 3", "write pow(x, y)"), ("a | nope", "no filter 'nope'"),
        ("a | __turns", "no filter"),
        ("a is nope", "no test 'nope'"), ("a matches '(?=x)'", "looking around is not available"),
        ("a and", "ends too early"), ("a = 1", "unexpected '='"),
        ("any(scan.tags, 'a b')", "unexpected 'b'"),
        ("sqrt(-1) > 0", "of a negative number"), ("{{ a }", "'}' is missing"),
        
        ({"xor": ["a"]}, "one key: 'and', 'or' or 'not', not 'xor'"), ({}, "one key"),
        (7, "true or false"),
        ({"and": ["a"], "x": 1}, "not 'x'"), ([["a", ["b", 3]]], "true or false"),
        ("shout()", "TypeError"),
    ],
)  # fmt: skip
def test_conditions_that_are_none(condition: Any, said: str) -> None:
    """What cannot be read or asked is told."""
    with pytest.raises(ExpressionError) as caught:
        holds(condition)

    assert said in caught.value.reason


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("plain", "plain"), ("{{n}}", 5), ("{{ n }}", 5), ("{{state.n}}", 5),
        ("{{state.n + 1}}", 6),
        ("{{state.n * 2 + 1}}", 11), ("{{state.n / 2}}", 2.5), ("{{(n + 1) * 2}}", 12),
        ("{{n % 3}}", 2),
        ("{{s5 + 1}}", 6), ("{{missing + 1}}", 1), ("{{z + 1}}", 1), ("{{-n}}", -5), ("{{n-1}}", 4),
        ("{{first + 1}}", "Ada + 1"), ("{{state.first - x}}", "Ada - x"),
        ("{{missing + first}}", "0 + Ada"),
        ("{{first + ' ' + last}}", "Ada L"), ("{{'n=' + n}}", "n=5"), ("{{first ~ n}}", "Ada5"),
        ("{{xs + [3]}}", [1, 2, 3]), ("{{nothing + [3]}}", [3]), ("{{state.t1 - state.t0}}", 86400),
        ("{{user.age}}", 3), ("{{state.user}}", {"age": 3}), ("{{my-var}}", 7), ("{{a-b}}", -1),
        ("{{steps.scan.items[0]}}", 3), ("{{steps.scan.items[-1]}}", 2),
        ("{{steps.scan.items[0:2]}}", [3, 1]),
        ("{{scan.items.0}}", 3), ("{{scan.length}}", 99), ("{{xs.length}}", 2),
        ("{{scan.issues[0].sev}}", "high"),
        ("{{scan.ok ? 'yes' : 'no'}}", "yes"), ("{{n == 5 ? first : last}}", "Ada"),
        ("{{loop.index ? 1 : 2}}", 2),
        ("{{ first if scan.ok else last }}", "Ada"), ("{{ first if scan.bad }}", ""),
        ("{{n > 3 and first}}", "Ada"),
        ("{{steps.wrapped.inner.x}}", 1), ("{{steps.wrapped.result.inner.x}}", 1),
        ("{{steps.note.result}}", "plain text"),
        ("{{steps.answer}}!", "it is 7!"), ("{{steps.answer.size}}", 7),
        ("{{previous_response.size}}", 7),
        ("{{previous_response:scan.count}}", 4), ("{{previous_response:scan:count}}", 4),
        ("{{global_vars.g}}", "G"), ("{{workflow.name}}", "wf"), ("{{step.name}}", "here"),
        ("{{execution_id}}", "r1"),
        ("{{loop.item}}", "x"), ("{{variables.n}}", 5), ("{{environment.mode}}", "test"),
        ("{{multiply(n, 2)}}", 10), ("{{add(n, -2)}}", 3), ("{{divide(4, 2)}}", 2.0),
        ("{{divide(1, 0)}}", 0),
        ("{{round(2.5)}}", 3), ("{{round(-2.5)}}", -3), ("{{round(2.345, 1)}}", 2.3),
        ("{{max(n, 7, 2.5)}}", 7),
        ("{{upper(first)}}", "ADA"), ("{{add(n)}}", "add(5)"),
        ("{{nope(n, q, 'x', k=n)}}", "nope(5, q, 'x', k=5)"),
        ("{{append(xs, 3)}}", [1, 2, 3]), ("{{keys(scan.nested)}}", ["a"]),
        ("{{merge(user, {'x': 1})}}", {"age": 3, "x": 1}),
        ("{{concat(xs, [3], 4)}}", [1, 2, 3, 4]), ("{{concat(first, '-', n)}}", "Ada-5"),
        ("{{json(user)}}", '{"age": 3}'),
        ("{{filter(scan.issues, 'n > 5')}}", [{"sev": "low", "n": 9}]),
        ("{{map(scan.issues, 'sev')}}", ["high", "low"]),
        ("{{substring(scan.name, 0, 6)}}", "Report"), ("{{slice(xs, 1)}}", [2]),
        ("{{chunk(scan.items, 2)}}", [[3, 1], [2]]),
        ("{{replace(scan.path, '.py', '.ex')}}", "src/app/main.ex"),
        ("{{split(scan.path, '/')}}", ["src", "app", "main.py"]),
        ("{{length(xs)}}", 2), ("{{join(xs, '-')}}", "1-2"), ("{{min((a + 1) * n, 100)}}", 10),
        ("{{shout('a')}}", "A"),
        ("{{deps | default([])}}", []), ("{{steps.no.x | default('d')}}", "d"),
        ("{{z | default(1)}}", 1),
        ("{{max_n | default: 10}}", 10), ("{{scan.tags | join('-')}}", "red-blue"),
        ("{{xs | sum}}", 3),
        ("{{scan.tags | map('upper') | list}}", ["RED", "BLUE"]), ("{{nope | length}}", 0),
        ("{{nope | upper}}", None),
        ("{{ [] | first }}", None), ("{{first.lower()}}", "ada"),
        ("{{scan.path.split('/')[0]}}", "src"),
        ("{{ {'a': {'b': n}} }}", {"a": {"b": 5}}), ("{{ (1, 2) }}", [1, 2]),
        ("{{ 'it\\'s' }}", "it's"), ("{{ '}}' }}", "}}"),
        ("{{n}} and {{first}}", "5 and Ada"), ("{{xs}}!", "[1, 2]!"), ("{{scan.ok}}!", "true!"),
        ("{{z}}!", "!"),
        (" {{n}}\n", 5), ("{{first}}\n", "Ada\n"), ("{{n\n}}", 5), ("{{not scan.ok}}", False),
        ("{{ 1e20 }}", 1e20), ("{{ 0.1 + 0.2 }}", 0.30000000000000004), ("{{ true }}", True),
        ("{{ null }}", None),
        ("{% for x in state.xs %}{{ x }},{% endfor %}", "1,2,"),
        ("{% if nope.a %}x{% else %}y{% endif %}{{ nope.b.c }}", "y"),
    ],
)  # fmt: skip
def test_templates(source: str, value: Any) -> None:
    """A whole-string template keeps the type of its value; in other text it is text."""
    found = fill(source)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{missing}}", ""), ("{{state.a.b.c}}", ""), ("{{loop.nope}}", ""), ("{{now}}", ""),
        ("{{ }}", ""),
        ("[{{missing}}]", "[]"), ("{{missing}}{{missing}}", ""), ("{{}}", "{{}}"), ("{{n}", "{{n}"),
        ("a {{n}} }} b", "a 5 }} b"), ("{{steps.nope.x}}", "{{steps.nope.x}}"),
        ("x{{steps.scan.no}}", "x{{steps.scan.no}}"),
        ("{{ steps.nope.x[0] }}", "{{ steps.nope.x[0] }}"), ("{{inputs.a.b}}", "{{inputs.a.b}}"),
        ("{{global_vars.no}}", "{{global_vars.no}}"), ("{{steps.nope.x == 1}}", "false"),
        ("{{#each x}}", ""),
        ("{{/each}}", ""), ("{{ 1 + }}", ""), ("{{file:x.md}}", ""), ("{{n | to_yaml}}", ""),
        ("{{it's}} {{n}}", " 5"),
        ("{# c #} {{n}}", "{# c #} 5"), ("{% if %} {{n}}", "{% if %} 5"), ("{{first.nope()}}", ""),
        ("{{xs.pop()}}", ""),
    ],
)  # fmt: skip
def test_what_is_not_there(source: str, text: str) -> None:
    """Each form leaves what it left in pipeline_ex."""
    found = fill(source)

    assert (found if isinstance(found, str) else str(found).lower()) == text


def test_nothing_where_inputs_are_given() -> None:
    """A pipeline with inputs keeps types: where nothing is there, a whole string gives nothing."""
    given = names(inputs={"x": 1})

    assert [None, None, "{{inputs.y}}", ""] == LOOSE.fill(
        ["{{missing}}", "{{state.q}}", "{{inputs.y}}", "{{missing}}{{missing}}"], given
    )


@pytest.mark.parametrize(
    ("source", "missed"),
    [
        ("{{missing.a}} {{steps.no.b}} {{n}}", ["missing.a", "steps.no.b"]),
        ("{{nope + 1}}", ["nope"]),
        ("{{nope | default(1)}}", []), ("{{nope exists}}", []), ("{{nope == null}}", []),
        ("{{z}}", []),
        ("{{nope.x is defined}}", []), ("{{ isEmpty(nope) }}", []), ("{{ q-r }}", ["q-r"]),
        ("{{ a-b }}", []),
    ],
)  # fmt: skip
def test_what_is_missed(source: str, missed: list[str]) -> None:
    """The references that led to nothing are known, but for those that may."""
    given = names()
    LOOSE.fill(source, given)

    assert missed == list(given.missed)


@pytest.mark.parametrize(
    ("source", "references"),
    [
        ("{{ a.b + steps.c['d'] }}", ["a.b", "steps.c"]), ("{{ my-step.ok }}", ["my-step.ok"]),
        ("{{ any(steps.x, 'n > q') }}", ["steps.x"]), ("{{ f(a) }}", ["f", "a"]),
        ("{{ nope exists }}", []),
        ("{{ a ? b : c }} {{ d }}", ["a", "b", "c", "d"]), ("{{ x | default(y) }}", ["y"]),
    ],
)  # fmt: skip
def test_references(source: str, references: list[str]) -> None:
    """What an expression reads is known before it runs."""
    assert references == [one.text for one in loose.compile_template(source).references]


def test_keys_and_other_values_stay() -> None:
    """Only strings are filled; keys of mappings are not."""
    value = {"{{n}}": ["{{n}}", 5, None, True, {"a": "{{first}}"}]}

    assert {"{{n}}": [5, 5, None, True, {"a": "Ada"}]} == fill(value)


def test_plain_mappings_can_be_names() -> None:
    """A mapping with the roots and other names is enough."""
    given = {"steps": {"a": {"b": 1}}, "state": {"v": 2}, "x": 3}

    assert "1 2 3 1" == LOOSE.fill("{{steps.a.b}} {{v}} {{x}} {{a.b}}", given)


def test_moments_leave_as_text() -> None:
    """What is given on is data: a moment is written as in ISO 8601."""
    assert "2024-01-02T00:00:00Z" == fill("{{ date('2024-01-01') + days(1) }}")
    assert ["2024-01-01T00:00:00Z"] == fill("{{ [date('2024-01-01')] }}")
    assert fill("{{ now() }}") >= fill("{{ timestamp }}")[:19]
    assert fill("{{ timestamp }}").startswith(fill("{{ date }}"))


def test_the_two_languages() -> None:
    """A document chooses by `strict`; the strict language is Jinja's as it was."""
    assert (language(strict=True), language(strict=False)) == (STRICT, LOOSE)
    assert 6 == STRICT.fill("{{ n + 1 }}", {"n": 5})
    with pytest.raises(ExpressionError, match="not defined"):
        STRICT.fill("{{ missing }}", {})
    with pytest.raises(ExpressionError, match="an expression, or true or false"):
        STRICT.condition(["n"])


def test_the_page_names_everything() -> None:
    """Every function, operator and built-in name stands in the page."""
    page = (Path(__file__).parents[2] / "docs" / "loose.md").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+|[<>=!]+", page))

    assert set() == {*FUNCTIONS, *OF_ITEMS, *RELATIONS, *OLDER_ROOTS} - words
