"""Each operation of `data_transform`: what it makes of data of any kind, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Bench

ROWS = [
    {"name": "Åsa", "team": "a", "pay": 10, "tags": ["x", "y"]},
    {"name": "Bo", "team": "b", "pay": 7.5, "tags": []},
    {"name": "Cy", "team": "a", "pay": None},
    {"name": "Dee", "pay": "many"},
]
Case = tuple[Any, dict[str, Any] | list[dict[str, Any]], Any]


def document(data: Any, operations: list[dict[str, Any]], **keys: Any) -> str:
    given = {"name": "given", "type": "set_variable", "variables": {"data": data, "limit": 8}}
    step = {
        "name": "t", "type": "data_transform", "input_source": "data", "operations": operations,
        "output_field": "it", **keys,
    }  # fmt: skip
    return json.dumps([given, step])


def made(bench: Bench, data: Any, operations: Any, **keys: Any) -> Any:
    given = operations if isinstance(operations, list) else [operations]
    return bench.results(document(data, given, **keys))["t"]["it"]


def names(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["name"] for row in rows]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("pay > 8 and team == 'a'", ["Åsa"]),
        ("team == 'b' or name == 'Åsa'", ["Åsa", "Bo"]),
        ("not (team == 'a')", ["Bo", "Dee"]),
        ("length(tags) > 1", ["Åsa"]),
        ("any(tags, '@ == \"y\"')", ["Åsa"]),
        ("item.pay == 10", ["Åsa"]),
        ("record.name == 'Bo'", ["Bo"]),
        ("contains(name, 'å') or startsWith(name, 'Å')", ["Åsa"]),
        ("pay between 7 and 8", ["Bo"]),
        ("pay > state.limit and team exists", ["Åsa"]),
        ("pay * 2 == 15", ["Bo"]),
        ("team == null", ["Dee"]),
        ("pay == null", ["Cy"]),
        ("name matches '^[A-C]'", ["Bo", "Cy"]),
        ("tags empty", ["Bo", "Cy", "Dee"]),
        ("tags", ["Åsa", "Bo"]),
        ("missing", []),
        ("name in ['Bo', 'Dee']", ["Bo", "Dee"]),
    ],
)
def test_filter_by_any_expression(bench: Bench, condition: str, kept: list[str]) -> None:
    """Beyond `field OPERATOR literal` a condition is an expression over the item's fields."""
    assert kept == names(made(bench, ROWS, {"operation": "filter", "condition": condition}))


CASES: list[Case] = [
    # filter
    ([], {"operation": "filter", "condition": "a == 1 and b == 2"}, []),
    ([{"on": True}, {"on": False}, {}], {"operation": "filter", "condition": "on == false"},
     [{"on": False}]),
    ([3, "4", None, 5], {"operation": "filter", "condition": "value in [3, null]"}, [3, None]),
    ({"items": [1, 5], "n": 1}, {"operation": "filter", "field": "items", "condition": "value > 2"},
     {"items": [5], "n": 1}),
    ({"items": [1, 5], "least": 2},
     {"operation": "filter", "field": "items", "condition": "value >= 1 and value > least",
      "as": "kept"},
     {"items": [1, 5], "least": 2, "kept": [5]}),
    # map
    ([], {"operation": "map", "expression": "{a: 1}"}, []),
    (ROWS[:2], {"operation": "map", "expression": "{n: name, 'rich': item.pay > 8 ? 'ja' : 'né'}"},
     [{"n": "Åsa", "rich": "ja"}, {"n": "Bo", "rich": "né"}]),
    ([{"a": None}, {}, {"a": "x"}], {"operation": "map", "expression": "item.a * 2"},
     [None, None, None]),
    ([{"a": 2}, {"b": 1}], {"operation": "map", "field": "a", "expression": "value + 1"},
     [{"a": 3}, {"b": 1, "a": None}]),
    ([{"first": "A", "last": "É"}, {"first": "B"}],
     {"operation": "map", "expression": 'item.first + " " + item.last'}, ["A É", "B "]),
    ([{"item": {"id": 4}, "id": 5}], {"operation": "map", "expression": "[item.id, item.item.id]"},
     [[5, 4]]),
    ([{"n": 0}], {"operation": "map", "expression": "n ? 'some' : 'none'"}, ["none"]),
    ({"rows": [{"a": 1}], "k": 3},
     {"operation": "map", "field": "rows", "expression": "{a: a * k}"},
     {"rows": [{"a": 3}], "k": 3}),
    ([{"s": "é"}, {"s": 1}], {"operation": "map", "field": "s", "expression": "uppercase"},
     [{"s": "É"}, {"s": 1}]),
    ([{"a": 1}, 2], {"operation": "map", "mapping": {"b": None}}, [{"a": 1, "b": None}, 2]),
    ([{"a": {"b": [1, 2]}}], {"operation": "map", "expression": "$.a.b[*]"}, [[1, 2]]),
    # aggregate
    ([], {"operation": "aggregate", "function": "average"}, 0),
    ([], {"operation": "aggregate", "function": "median"}, 0),
    ([], {"operation": "aggregate", "function": "first"}, None),
    (ROWS, {"operation": "aggregate", "field": "pay", "function": "sum"}, 17.5),
    (ROWS, {"operation": "aggregate", "value_field": "pay", "function": "avg"}, 8.75),
    (ROWS, {"operation": "aggregate", "field": "team", "function": "count_distinct"}, 2),
    ([2, 4, 4, 4, 5, 5, 7, 9], {"operation": "aggregate", "function": "std_dev"}, 2.0),
    ([1, 2, 3, 4], {"operation": "aggregate", "function": "variance"}, 1.25),
    ([3, 1, None, "x", True, 2], {"operation": "aggregate", "function": "median"}, 2),
    (ROWS, {"operation": "aggregate", "value_field": "pay", "group_by": "team"},
     {"a": 10, "b": 7.5, "": 0}),
    ({"rows": ROWS, "n": 1},
     {"operation": "aggregate", "field": "rows", "function": "count", "group_by": "team",
      "as": "teams"},
     {"rows": ROWS, "n": 1, "teams": {"a": 2, "b": 1, "": 1}}),
    ({"scores": [1, 2]}, {"operation": "aggregate", "field": "scores", "function": "average"},
     {"scores": 1.5}),
    # group_by
    ([], {"operation": "group_by", "key": "a"}, {}),
    ([{"k": "é", "v": 1}, {"k": None}, {"k": 1}, {}], {"operation": "group_by", "key": "k"},
     {"é": [{"k": "é", "v": 1}], "": [{"k": None}, {}], "1": [{"k": 1}]}),
    ({"events": [{"k": "a", "d": 2}, {"k": "a", "d": 4}, {"k": "b"}]},
     {"operation": "group_by", "field": "events", "key": "k",
      "aggregate": {"n": "count", "all": "sum(d)", "mean": "average( d )"}},
     {"events": {"a": {"n": 2, "all": 6, "mean": 3.0}, "b": {"n": 1, "all": 0, "mean": 0}}}),
    ({"events": [{"k": "a"}]}, {"operation": "group_by", "field": "events", "key": "k", "as": "by"},
     {"events": [{"k": "a"}], "by": {"a": [{"k": "a"}]}}),
    # sort
    ([], {"operation": "sort", "by": "a"}, []),
    ([{"c": "b", "n": 1}, {"c": "a", "n": 1}, {"c": "a", "n": 2}],
     {"operation": "sort", "by": "c, n desc"},
     [{"c": "a", "n": 2}, {"c": "a", "n": 1}, {"c": "b", "n": 1}]),
    ([{"c": "b", "n": 1}, {"c": "a", "n": 1}, {"c": "a", "n": 2}],
     {"operation": "sort", "by": ["n", {"field": "c", "order": "asc"}], "order": "desc"},
     [{"c": "a", "n": 2}, {"c": "a", "n": 1}, {"c": "b", "n": 1}]),
    ([{"v": "é"}, {"v": None}, {}, {"v": 2}, {"v": True}], {"operation": "sort", "by": "v"},
     [{"v": 2}, {"v": None}, {}, {"v": True}, {"v": "é"}]),
    ([3, 1, 2], {"operation": "sort", "by": "value", "order": "desc"}, [3, 2, 1]),
    ({"p": [{"x": {"y": 2}}, {"x": {"y": 1}}]}, {"operation": "sort", "field": "p", "by": "x.y"},
     {"p": [{"x": {"y": 1}}, {"x": {"y": 2}}]}),
    # unique
    ([], {"operation": "unique"}, []),
    ([1, 1.0, "1", None, None, 1, "é", "é"], {"operation": "unique"}, [1, 1.0, "1", None, "é"]),
    ([{"a": 1, "b": 1}, {"b": 1, "a": 1}, {"a": 1}], {"operation": "unique"},
     [{"a": 1, "b": 1}, {"a": 1}]),
    (ROWS, {"operation": "unique", "by": "team"}, [ROWS[0], ROWS[1], ROWS[3]]),
    ({"rows": [1, 1]}, {"operation": "unique", "field": "rows"}, {"rows": [1]}),
    (ROWS, {"operation": "unique", "by": ["team", "name"]}, ROWS),
    # flatten
    ([], {"operation": "flatten"}, []),
    ([1, [2, [3]], None, "é"], {"operation": "flatten"}, [1, 2, [3], None, "é"]),
    ([1, [2, [3]]], {"operation": "flatten", "depth": 2}, [1, 2, 3]),
    ([{"a": [1]}, {}, {"a": None}, {"a": 2}], {"operation": "flatten", "field": "a"}, [1, 2]),
    ({"a": [[1], [2]]}, {"operation": "flatten", "field": "a"}, {"a": [1, 2]}),
    # extract, query
    ([], {"operation": "extract", "path": "$[*].a"}, []),
    ({"a": [{"x": 8, "é": [1]}, {"x": 2}]},
     {"operation": "query", "expression": "$.a[?(@.x > 7)].é"}, [[1]]),
    ({"a": {"b": 1}}, {"operation": "extract", "path": "$.a.b"}, 1),
    ({"a": {"b": 1}}, {"operation": "extract", "path": "a.c"}, None),
    ({"a": [1, 2, 3]}, {"operation": "extract", "path": "a[-2:]", "as": "last"},
     {"a": [1, 2, 3], "last": [2, 3]}),
    ({"a": {"b": [1]}, "c": {"b": [2]}}, {"operation": "extract", "path": "$..b[0]"}, [1, 2]),
    ({"a": {"b": [1]}}, {"operation": "extract", "field": "a", "path": "$.b[0]"}, {"a": 1}),
    ([{"n": "x"}, {"n": None}], {"operation": "extract", "path": "$[?@.n == null]"}, [{"n": None}]),
    ("text", {"operation": "extract", "path": "$"}, "text"),
    ("[1]", {"operation": "extract", "path": "$[0]"}, None),
    # transform
    ({"files": [{"f": "é", "s": 1}, {"f": "b"}], "root": "/"},
     {"operation": "transform", "expression": "$.files[*].{name: root + f, size: s}"},
     [{"name": "/é", "size": 1}, {"name": "/b", "size": None}]),
    ([{"q": 2, "p": 5}], {"operation": "transform", "expression": "{total: q * p}"},
     [{"total": 10}]),
    ({"q": 2}, {"operation": "transform", "expression": "{twice: q * 2}"}, {"twice": 4}),
    ([], {"operation": "transform", "expression": "{a: 1}"}, []),
    # in groups
    ([{"k": "a", "n": 1}, {"k": "a", "n": 2}, {"k": "b", "n": 3}],
     [{"operation": "group_by", "key": "k"}, {"operation": "sort", "by": "n", "order": "desc"},
      {"operation": "aggregate", "field": "n", "function": "first"}],
     {"a": 2, "b": 3}),
    ([{"k": "a", "n": 1}, {"k": "b", "n": 3}],
     [{"operation": "group_by", "key": "k"},
      {"operation": "map", "expression": "{k: key, n: length(value)}"},
      {"operation": "sort", "by": "k desc"}],
     [{"k": "b", "n": 1}, {"k": "a", "n": 1}]),
    ([{"k": "a", "n": 1}, {"k": "b", "n": 3}],
     [{"operation": "group_by", "key": "k"}, {"operation": "filter", "condition": "n > 1"}],
     {"a": [], "b": [{"k": "b", "n": 3}]}),
]  # fmt: skip


@pytest.mark.parametrize(("data", "operations", "expected"), CASES)
def test_what_operations_make(bench: Bench, data: Any, operations: Any, expected: Any) -> None:
    """Empty data, fields that are not there, null, values of other kinds, letters of any kind."""
    result = made(bench, data, operations)

    # As text: 1, 1.0 and true are three things here.
    assert json.dumps(expected, sort_keys=True) == json.dumps(result, sort_keys=True)


LEFT: list[dict[str, Any]] = [{"id": 1, "l": "é"}, {"id": 2, "l": "b"}, {"l": "c"}]
RIGHT = [{"id": 2, "r": "x"}, {"id": 2, "r": "second"}, {"id": 9, "r": "y"}]


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("left", [{"id": 1, "l": "é"}, {"id": 2, "l": "b", "r": "x"}, {"l": "c"}]),
        ("inner", [{"id": 2, "l": "b", "r": "x"}]),
        ("right", [{"id": 2, "l": "b", "r": "x"}, {"id": 2, "l": "b", "r": "second"},
                   {"id": 9, "r": "y"}]),
        ("outer", [{"id": 1, "l": "é"}, {"id": 2, "l": "b", "r": "x"}, {"l": "c"},
                   {"id": 9, "r": "y"}]),
    ],
)  # fmt: skip
def test_joins(bench: Bench, kind: str, rows: list[Any]) -> None:
    """Each kind keeps the rows that its name says; a row finds the first with its key."""
    given = {"right": RIGHT, "left": LEFT}
    one = {
        "operation": "join", "right_source": "given.right", "join_key": "id", "join_type": kind,
    }  # fmt: skip
    text = json.dumps([
        {"name": "given", "type": "say", "value": given},
        {"name": "flat", "type": "data_transform", "input_source": "given.left",
         "operations": [one]},
        {"name": "within", "type": "data_transform", "input_source": {"orders": LEFT, "n": 1},
         "operations": [{**one, "left_field": "orders", "as": "all"}]},
        {"name": "other", "type": "data_transform",
         "input_source": [{"key": row.get("id"), **row} for row in LEFT],
         "operations": [{**one, "left_field": "key"}]},
    ])  # fmt: skip
    result = bench.results(text)

    assert rows == result["flat"]["flat"]
    assert {"orders": LEFT, "n": 1, "all": rows} == result["within"]["within"]
    without = [{k: v for k, v in row.items() if k != "key"} for row in result["other"]["other"]]
    assert rows == without


def test_a_join_with_empty_lists(bench: Bench) -> None:
    """Nothing joined to nothing is nothing; what is no mapping stays by itself."""
    one = {"operation": "join", "join_key": "id", "join_type": "outer"}

    assert [] == made(bench, [], {**one, "right_source": []})
    assert [1, {"id": None}] == made(bench, [1], {**one, "right_source": [{"id": None}]})
    assert [{"id": None, "a": 1, "b": 2}] == made(
        bench, [{"id": None, "a": 1}], {**one, "right_source": [{"id": None, "b": 2}]}
    )


def test_the_documented_chain(bench: Bench) -> None:
    """Extract, filter, group, calculate and sort within one mapping, each result under its name."""
    data: dict[str, Any] = {
        "suite_total_tests": 4,
        "suites": [
            {"tests": [{"s": "failed", "n": "A", "p": "critical"}, {"s": "ok", "n": "A"}]},
            {"tests": [{"s": "failed", "n": "B"}, {"s": "failed", "n": "B"}]},
        ],
    }
    operations = [
        {"operation": "extract", "expression": "$.suites[*].tests[*]", "as": "all_tests"},
        {"operation": "filter", "field": "all_tests", "condition": "s == 'failed'", "as": "failed"},
        {"operation": "group_by", "field": "failed", "key": "n", "as": "by_suite"},
        {
            "operation": "map",
            "field": "by_suite",
            "expression": """{
                "suite": key,
                "count": length(value),
                "rate": length(value) / suite_total_tests * 100,
                "critical": filter(value, "p == 'critical'"),
            }""",
        },
        {"operation": "sort", "field": "by_suite", "by": "rate", "order": "desc"},
    ]
    result = made(bench, data, operations)

    assert data == {key: result[key] for key in data}
    assert [4, 3] == [len(result["all_tests"]), len(result["failed"])]
    assert [
        {"suite": "B", "count": 2, "rate": 50, "critical": []},
        {"suite": "A", "count": 1, "rate": 25, "critical": [data["suites"][0]["tests"][0]]},
    ] == result["by_suite"]


@pytest.mark.parametrize(
    ("form", "data", "text"),
    [
        ("jsonl", [{"a": "é"}, 1], '{"a": "é"}\n1\n'),
        ("jsonl", [], ""),
        ("jsonl", {"a": 1}, '{"a": 1}\n'),
        ("csv", [{"a": 1, "b": "x, y"}, {"c": None}], 'a,b,c\n1,"x, y",\n,,\n'),
        ("csv", [], ""),
        ("csv", [["é", None], [1]], "é,\n1\n"),
        ("yaml", {"a": ["é", None]}, "a:\n- é\n- null\n"),
        ("json", None, "null"),
        ("count", {"a": 1}, 1),
    ],
)
def test_output_formats(bench: Bench, form: str, data: Any, text: str) -> None:
    """The data as text; a column for every key of any row."""
    assert text == made(bench, data, [], output_format=form)


@pytest.mark.parametrize(
    ("data", "one", "said"),
    [
        ([{"m": {}}], {"operation": "group_by", "key": "m"}, "cannot group by 'm': a map is no"),
        ({"items": [1]}, {"operation": "sort", "field": "itms", "by": "x"},
         "operation 1 ('sort'): there is no list 'itms' in the data; did you mean 'items'?"),
        ({"items": 1}, {"operation": "unique", "field": "items"},
         "what is at 'items' in the data is number, not a list"),
        ({"rows": [1]}, {"operation": "group_by", "field": "rows"}, "needs the 'key' of the items"),
        ([1], {"operation": "join", "join_key": "id"}, "needs a 'right_source'"),
        ([1], {"operation": "map", "expression": "nope(item)"}, "no function 'nope'"),
        ([1], {"operation": "filter", "condition": "nope(item)"}, "no function 'nope'"),
        ([1e308, 1e308], {"operation": "aggregate"}, "'sum': the numbers are too large"),
        (["a"], {"operation": "extract", "path": "$[?match(@, '(?=a)')]"}, "looking around"),
        ([1], {"operation": "filter", "condition": "{{ '(' }}"}, "ends too early"),
    ],
)  # fmt: skip
def test_what_fails(bench: Bench, data: Any, one: dict[str, Any], said: str) -> None:
    """The failure names the operation, and what is there instead."""
    assert said in bench.failure(document(data, [one]))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("given.right", 0), ("steps.given.right", 0), ("previous_response:given.right", 0),
        ("previous_response:given:right", 0), ("{{ steps.given.right }}", 0),
        ("context:results.given.right", 0), ("previous_response:given:rihgt", 1), ("nope", 1),
    ],
)  # fmt: skip
def test_what_is_joined(bench: Bench, source: str, told: int) -> None:
    """Every way to name data; where nothing is there nothing is joined, and the run says so."""
    one = {"operation": "join", "join_key": "id", "right_source": source}
    result = bench.results(json.dumps([
        {"name": "given", "type": "say", "value": {"right": [{"id": 1, "r": "é"}]}},
        {"name": "t", "type": "data_transform", "input_source": [{"id": 1}], "operations": [one]},
    ]))  # fmt: skip

    assert [{"id": 1} if told else {"id": 1, "r": "é"}] == result["t"]["t"]
    assert told == sum(getattr(event, "code", "") == "join" for event in bench.events)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ({"operation": "aggregate", "field": "rows"}, "no number among the items; 'value_field'"),
        ({"operation": "aggregate", "field": "rows", "value_field": "x"}, "no number at 'x' of"),
        ({"operation": "extract", "path": "$.rwos"}, "operation 1: there is nothing at '$.rwos'"),
    ],
)
def test_what_is_told(bench: Bench, one: dict[str, Any], said: str) -> None:
    """Calculating without numbers and looking where nothing is go on, and the run says so."""
    bench.results(document({"rows": [{"a": 1}]}, [one]))

    (told,) = [getattr(event, "message", "") for event in bench.events if event.kind == "warned"]
    assert said in told


def test_csv_of_what_has_no_columns(bench: Bench) -> None:
    """Only a list of mappings or of lists can be CSV."""
    text = document({"a": 1}, [], output_format="csv")

    assert "CSV is made of a list of mappings, or of lists" in bench.failure(text)


def test_what_has_no_effect_is_told(bench: Bench) -> None:
    """How large data is read makes no difference."""
    bench.results(document([1], [], stream_mode=True, chunk_size=10, lazy={"enabled": True}))

    told = [getattr(event, "message", "") for event in bench.events if event.kind == "warned"]
    assert {"'lazy'", "'stream_mode'", "'chunk_size'"} == {one.split(" ")[0] for one in told}
