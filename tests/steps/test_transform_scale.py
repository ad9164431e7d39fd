"""Operations give the same for few rows and for many, in time that only grows with the rows."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otp_genesis.runtime import Runtime
from otp_genesis.testing import parse_pipeline

MANY = 100_000
ROW_WISE: list[dict[str, Any]] = [
    {"operation": "filter", "condition": "n > 2"},
    {"operation": "filter", "condition": "n > 2 and k != 'a' or not (n exists)"},
    {"operation": "map", "expression": "{k: k, n: n * 2}"},
    {"operation": "map", "mapping": {"x": 1}},
    {"operation": "flatten", "field": "l"},
    {"operation": "join", "right_source": [{"k": "a", "r": 1}], "join_key": "k"},
    {"operation": "extract", "path": "$[?@.n > 2].k"},
    {"operation": "transform", "expression": "$[*].{n: n}"},
]
WHOLE: list[dict[str, Any]] = [
    {"operation": "sort", "by": "k, n desc"},
    {"operation": "unique", "by": "k"},
    {"operation": "unique"},
    {"operation": "group_by", "key": "k"},
    {"operation": "group_by", "key": "k", "aggregate": {"n": "count", "s": "sum(n)"}},
    {"operation": "aggregate", "value_field": "n", "function": "sum"},
    {"operation": "aggregate", "value_field": "n", "function": "median", "group_by": "k"},
    {"operation": "aggregate", "value_field": "k", "function": "count_distinct"},
    {"operation": "aggregate", "value_field": "n", "function": "std_dev"},
]
RUNTIME = Runtime.in_memory(discover=False)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"k": st.sampled_from(["a", "b", "é", None])},
        optional={"n": st.integers(0, 5) | st.none(), "l": st.lists(st.integers(0, 3))},
    ),
    max_size=8,
)


def made(data: Any, operations: list[dict[str, Any]]) -> list[Any]:
    """Return what each operation makes of the data, each in a step of its own."""
    steps = [
        {"name": f"t{number}", "type": "data_transform", "input_source": data, "operations": [one]}
        for number, one in enumerate(operations)
    ]
    document = {"workflow": {"name": "t", "steps": steps}}
    report = asyncio.run(RUNTIME.run(parse_pipeline(json.dumps(document))))
    assert report.error is None, report.error
    return [result[name] for name, result in report.results.items()]


@settings(deadline=None)
@given(ROWS, ROWS)
def test_row_by_row(first: list[Any], second: list[Any]) -> None:
    """What is done to each row is the same for a list and for its parts, one behind the other."""
    whole, left, right = (made(rows, ROW_WISE) for rows in (first + second, first, second))

    assert whole == [one + other for one, other in zip(left, right, strict=True)]


@settings(deadline=None)
@given(ROWS, ROWS)
def test_sums_and_groups(first: list[Any], second: list[Any]) -> None:
    """What is counted and grouped of a list is that of its parts together."""
    operations = [
        {"operation": "aggregate", "value_field": "n", "function": "sum"},
        {"operation": "aggregate", "value_field": "k", "function": "count"},
        {"operation": "group_by", "key": "k"},
    ]
    whole, left, right = (made(rows, operations) for rows in (first + second, first, second))

    assert [left[0] + right[0], left[1] + right[1]] == whole[:2]
    keys = list(dict.fromkeys((*left[2], *right[2])))
    assert {key: left[2].get(key, []) + right[2].get(key, []) for key in keys} == whole[2]


@settings(deadline=None)
@given(ROWS)
def test_orders_and_sets(rows: list[Any]) -> None:
    """Sorting keeps every row and does nothing the second time; so does `unique`."""
    operations = [{"operation": "sort", "by": "k, n desc"}, {"operation": "unique"}]
    ordered, distinct = made(rows, operations)

    assert sorted(map(repr, rows)) == sorted(map(repr, ordered))
    assert [ordered, distinct] == [made(ordered, operations)[0], made(distinct, operations)[1]]


def seconds(rows: int, one: dict[str, Any], right: Any = None) -> float:
    data = [{"k": f"k{n % 1000}", "n": n, "l": [n, n + 1]} for n in range(rows)]
    given = {
        "workflow": {
            "name": "t",
            "inputs": {"rows": {"type": "array"}, "right": {"default": right}},
            "steps": [
                {
                    "name": "t", "type": "data_transform", "input_source": "inputs.rows",
                    "operations": [one],
                }
            ],
        }
    }  # fmt: skip
    began = time.monotonic()
    report = asyncio.run(RUNTIME.run(parse_pipeline(json.dumps(given)), {"rows": data}))
    assert report.error is None, report.error
    return time.monotonic() - began


@pytest.mark.parametrize("one", [*ROW_WISE, *WHOLE], ids=lambda one: str(one)[15:60])
def test_many_rows(one: dict[str, Any]) -> None:
    """A hundred thousand rows take seconds: nothing compares each row with each other one."""
    assert seconds(MANY, one) < 20


def test_a_join_of_many_with_many() -> None:
    """Ten thousand million pairs are never looked at."""
    right = [{"k": f"k{n}", "r": n} for n in range(MANY)]
    one = {"operation": "join", "right_source": "inputs.right", "join_key": "k"}

    assert seconds(MANY, {**one, "join_type": "outer"}, right) < 20
