"""Data transformed in steps, as pipeline_ex was seen to do it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.steps.ordering import order

DATA = json.loads((Path(__file__).parent / "data" / "transform_cases.json").read_text())


def transform(
    bench: Bench, results: dict[str, Any], step: dict[str, Any], **workflow: Any
) -> dict[str, Any] | None:
    """Return the result of a `data_transform` step after steps with `results`; nothing if none."""
    steps = [{"name": name, "type": "say", "value": value} for name, value in results.items()]
    text = json.dumps({"workflow": {"name": "t", **workflow, "steps": [*steps, step]}})
    if bench.complaints(text):
        return None
    report = bench.run(text)
    if report.error is not None:
        return None
    found: dict[str, Any] = report.results[step["name"]]
    return found


def ordered(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: str(case["id"]))
def test_operations_as_observed(bench: Bench, case: dict[str, Any]) -> None:
    """The same data and operations give the same data, or an error."""
    step = {
        "name": "t", "type": "data_transform", "input_source": "data",
        "operations": case["operations"],
    }  # fmt: skip
    result = transform(bench, {**DATA["results"], "data": case["data"]}, step)

    if "error" in case["output"]:
        assert result is None
    else:
        assert result is not None
        # As text: 1 and 1.0 are two things here.
        assert ordered(case["output"]["ok"]) == ordered(result["t"])


@pytest.mark.parametrize("case", DATA["steps"], ids=lambda case: str(case["id"]))
def test_steps_as_observed(bench: Bench, case: dict[str, Any]) -> None:
    """The same step gives the same result, but for the time."""
    step = {**case["step"], "type": "data_transform"}
    result = transform(bench, DATA["step_results"], step, variables={"var": [1, 2, 3]})

    if "error" in case["output"]:
        assert result is None
    else:
        expected = case["output"]["ok"]
        expected["metadata"].pop("processed_at")
        assert result is not None
        assert result["metadata"].pop("processed_at")
        assert expected == result


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("n", [1, 2]),
        ("a", {"rows": [{"k": 1}], "n": 0}),
        ("a.rows", [{"k": 1}]),
        ("previous_response:a", {"rows": [{"k": 1}], "n": 0}),
        ("previous_response:a:rows[0].k", 1),
        ("previous_response:a.rows", [{"k": 1}]),
        ("context:inputs.x", "in"),
        ("context:global_vars.n", [1, 2]),
        ("previous_response:a.rows[0].k", 1),
        ("previous_response:a:$.rows[?@.k == 1].k", [1]),
        ("a.rows[*].k", [1]),
        ("steps.a.rows", [{"k": 1}]),
        ("state.n", [1, 2]),
        ("inputs.x", "in"),
        ("{{ steps.a.rows }}", [{"k": 1}]),
        ("{{ state.n }}", [1, 2]),
    ],
)
def test_where_data_comes_from(bench: Bench, source: str, value: Any) -> None:
    """Variables before steps, paths into either, the data itself from a template."""
    step = {
        "name": "t", "type": "data_transform", "input_source": source, "output_field": "it",
    }  # fmt: skip
    result = transform(
        bench, {"a": {"rows": [{"k": 1}], "n": 0}}, step, variables={"n": [1, 2]},
        inputs={"x": {"default": "in"}},
    )  # fmt: skip

    assert result is not None
    assert value == result["it"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("input_source: ghots", "no variable and no step is called 'ghots'; did you mean 'ghost'?"),
        ("input_source: 'context:input.x'", "there is no 'input' in the context; did you mean"),
        (
            "input_source: nope.csv",
            "no variable and no step is called 'nope.csv'; a file's content",
        ),
        ("input_source: ghost.x", "there is no 'x': a single value has no field 'x'"),
        ("input_source: state.n", "there is no 'n': there is no field 'n'"),
    ],
)
def test_what_cannot_be_done(bench: Bench, step: str, said: str) -> None:
    """The step fails and says what is missing."""
    assert said in bench.failure(
        f"- {{name: ghost, type: say}}\n- {{name: t, type: data_transform, {step}}}"
    )


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("input_source: 'previous_response:ghots:x'", "'ghots' before this one; did you mean"),
        ("operations: []", "key 'input_source' is missing"),
        ("input_source: steps.ghots.x", "'ghots' before this one; did you mean 'ghost'?"),
        ("input_source: ghost, operations: [{operation: fliter}]", "; did you mean 'filter'?"),
        ("input_source: ghost, operations: [{operation: validate}]", "own key 'output_schema'"),
        (
            "input_source: ghost, operations: [{operation: sort, ordre: asc}]",
            "'ordre'; did you mean 'order'?",
        ),
    ],
)
def test_what_the_check_finds(bench: Bench, step: str, said: str) -> None:
    """Unknown steps, operations and keys are found before anything runs."""
    (found,) = bench.complaints(
        f"- {{name: ghost, type: say}}\n- {{name: t, type: data_transform, {step}}}"
    )

    assert said in found


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ("{operation: filter}", "the operation 'filter' needs a 'condition'"),
        ("{operation: filter, condition: 'a and'}", "the expression ends too early"),
        ("{operation: map, field: a}", "needs a 'mapping' or 'expression'"),
        ("{operation: map, expression: '{a: }'}", "unexpected '}'"),
        ("{operation: group_by}", "needs a 'field' or 'key'"),
        ("{operation: group_by, key: a, aggregate: {n: smu(x)}}", "'smu'; did you mean 'sum'?"),
        ("{operation: group_by, key: a, aggregate: {n: 'sum(x'}}", "is no function of a field"),
        ("{operation: join}", "needs a 'join_key'"),
        ("{operation: join, join_key: a, join_type: cross}", "'left', 'right', 'inner' or 'outer'"),
        ("{operation: sort, by: []}", "no field is named"),
        ("{operation: sort, by: [{feild: a, field: b}]}", "'feild'; did you mean 'field'?"),
        ("{operation: sort, by: 'a,'}", "a field has no name"),
        ("{operation: sort, by: a, depth: 2}", "the operation 'sort' has no such key; it takes"),
        ("{operation: aggregate, function: mode}", "'sum', 'average'"),
        ("{operation: flatten, depth: 0}", "greater than or equal to 1"),
        ("{operation: extract}", "needs a 'expression' or 'path'"),
        ("{operation: extract, path: '$.a[?'}", "is no JSONPath: unexpected end of expression"),
        ("{operation: query, path: '$.a[0'}", "(at its end)"),
        ("{operation: extract, path: '$.a[?@.b =~ 1]'}", "(at character 10, '=~ 1]')"),
        ("{operation: transform, expression: '$.a.{b: }'}", "unexpected '}'"),
        ("{operation: unique, by: a, as: [1]}", "'as' should be a valid string"),
    ],
)
def test_what_the_check_finds_in_operations(bench: Bench, one: str, said: str) -> None:
    """Keys that are missing or of another operation, paths and conditions that cannot be read."""
    (found,) = bench.complaints(
        "- {name: d, type: say}\n- name: t\n  type: data_transform\n  input_source: d\n"
        f"  operations: [{one}]"
    )

    assert said in found


def test_where_the_check_points(bench: Bench) -> None:
    """Line and column are those of the key that is wrong."""
    text = """
        - {name: d, type: say}
        - name: t
          type: data_transform
          input_source: d
          operations:
            - operation: extract
              path: "$.a["
    """
    (found,) = bench.complaints(text)

    assert found.split(": ")[0].endswith(":11:17")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.lists(JSON, max_size=6))
def test_any_data_can_be_sorted(values: list[Any]) -> None:
    """There is an order of all data, and sorting what is sorted changes nothing."""
    once = sorted(values, key=order)

    assert repr(once) == repr(sorted(once, key=order))
    assert {order(value) for value in values} == {order(value) for value in once}
