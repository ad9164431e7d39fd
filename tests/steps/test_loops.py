"""What older documents ask of loops: named data, conditions inside, batches, limits."""

from __future__ import annotations

import pytest
from conftest import Bench


@pytest.mark.parametrize(
    "source",
    [
        "items",
        "rows:kept",
        "previous_response:rows:kept",
        "previous_response:rows.kept",
        "context:state.items",
        '"{{ state.items }}"',
        "[1, 2, 3]",
    ],
)
def test_where_the_items_are(bench: Bench, source: str) -> None:
    """By name, by name and path, by a template, or written there."""
    result = bench.results(
        f"""
        - {{name: v, type: set_variable, variables: {{items: [1, 2, 3]}}}}
        - {{name: rows, type: say, value: {{kept: [1, 2, 3]}}}}
        - name: each
          type: for_loop
          data_source: {source}
          steps: [{{name: s, type: say, value: "{{{{ item * 2 }}}}"}}]
        """
    )
    rows = result["each"]["iterations"]

    assert [row["results"]["s"] for row in rows] == [2, 4, 6]
    assert (result["each"]["total_items"], result["each"]["completed_items"]) == (3, 3)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ghost", "t/each: data_source: no variable and no step is called 'ghost'"),
        ("word", "t/each: data_source: a list is needed, and this is 'no list'"),
        ("rows:nope", "t/each: data_source: "),
    ],
)
def test_where_there_are_none(bench: Bench, source: str, said: str) -> None:
    """The step fails, and says what there is instead."""
    told = bench.failure(
        f"""
        - {{name: v, type: set_variable, variables: {{word: no list}}}}
        - {{name: rows, type: say, value: {{kept: [1]}}}}
        - {{name: each, type: for_loop, data_source: {source}, steps: [{{name: s, type: say}}]}}
        """
    )

    assert told.startswith(said), told


def test_a_source_that_comes_later_is_told_by_the_check(bench: Bench) -> None:
    """As any reference to a step that is not before."""
    (complaint,) = bench.complaints(
        """
        - name: each
          type: for_loop
          data_source: "previous_response:rows:kept"
          steps: [{name: s, type: say}]
        - {name: rows, type: say, value: {kept: [1]}}
        """
    )

    assert "error[later-step]: step 'rows' comes later" in complaint


LOOP = """
workflow:
  name: t
  strict: true
  steps:
    - name: each
      type: for_loop
      iterator: n
      data_source: [1, 2, 3, 4, 5]
      {options}
      steps:
        - {{name: double, type: say, value: "{{{{ n * 2 }}}}"}}
"""


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ("continue_condition: n == 2", [2, None, 6, 8, 10]),
        ("break_condition: double == 6", [2, 4, 6]),
        ("break_condition: loop.results.double >= 6", [2, 4, 6]),
        ("break_condition: loop.last", [2, 4, 6, 8, 10]),
        ("continue_condition: loop.index < 3", [None, None, None, 8, 10]),
    ],
)
def test_conditions_inside(bench: Bench, options: str, seen: list[int | None]) -> None:
    """`continue_condition` passes an item over, `break_condition` ends the loop after one."""
    each = bench.results(LOOP.format(options=options))["each"]
    found = [row.get("results", {}).get("double") for row in each["iterations"]]

    assert found == seen
    assert each["success"] is True


def test_batches(bench: Bench) -> None:
    """Side by side, a batch after the other; the result says how many."""
    options = "parallel: true\n      batch_size: 2"
    each = bench.results(LOOP.format(options=options))["each"]

    assert [row["results"]["double"] for row in each["iterations"]] == [2, 4, 6, 8, 10]
    assert (each["batches_processed"], each["parallel"]) == (3, True)
    options += "\n      break_condition: double == 4"
    short = bench.results(LOOP.format(options=options))["each"]
    assert short["completed_items"] == 2
    assert short["batches_processed"] == 1


def test_what_the_loop_knows(bench: Bench) -> None:
    """Level and parent of nested loops, and the names that older documents use."""
    result = bench.results(
        """
        - name: outer
          type: for_loop
          iterator: r
          data_source: [1, 2]
          steps:
            - name: inner
              type: for_loop
              iterator: c
              data_source: [a, b]
              steps:
                - name: s
                  type: say
                  value:
                    at: "{{ loop.level }}"
                    row: "{{ loop.parent.r }}"
                    col: "{{ c }}"
                    edge: "{{ loop.is_first or loop.is_last }}"
                    of: "{{ loop.length }}"
        """
    )
    rows = [
        inner["results"]["s"]
        for outer in result["outer"]["iterations"]
        for inner in outer["results"]["inner"]["iterations"]
    ]

    assert rows[0] == {"at": 1, "row": 1, "col": "a", "edge": True, "of": 2}
    assert [(row["row"], row["col"]) for row in rows] == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]


def test_a_while_loop_has_its_time(bench: Bench) -> None:
    """All iterations together."""
    told = bench.failure(
        """
        - name: w
          type: while_loop
          condition: true
          max_iterations: 100000
          timeout_seconds: 0.05
          steps: [{name: s, type: command, command: "sleep 5"}]
        """
    )

    assert told == "t/w: the loop did not end within 0.05 s"


@pytest.mark.parametrize(
    ("step", "missed"),
    [
        (
            "{name: l, type: for_loop, data_source: [1, 2, 3], continue_condition: gone == 1,"
            " steps: [{name: a, type: say}]}",
            ["gone"],
        ),
        (
            "{name: l, type: for_loop, data_source: [1, 2], break_condition: a.x == loop.nope,"
            " steps: [{name: a, type: say, value: {y: 1}}]}",
            ["a.x", "loop.nope"],
        ),
        (
            "{name: l, type: for_loop, data_source: [1, 2], parallel: true,"
            " continue_condition: gone == 1, steps: [{name: a, type: say}]}",
            ["gone"],
        ),
        (
            "{name: l, type: while_loop, condition: loop.index < 2 and not gone,"
            " steps: [{name: a, type: say}]}",
            ["gone"],
        ),
    ],
)
def test_what_a_condition_finds_nothing_at(bench: Bench, step: str, missed: list[str]) -> None:
    """It is told at the loop's place, each reference once however often it is asked."""
    bench.results(f"- {step}")
    told = [one for one in bench.events if one.kind == "warned" and one.code == "unresolved"]

    assert [("t/l", f"there is nothing at {name!r}") for name in missed] == [
        (one.path, one.message) for one in told
    ]
