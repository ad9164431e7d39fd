"""Loops, branches, choices and pipelines within pipelines."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conftest import Bench

from otp_genesis.contracts.step import Context, Params
from otp_genesis.model.outcome import Ok, Outcome


class Meeting:
    """A step type whose steps wait until `size` of them are there, and counts how many overlap."""

    def __init__(self, size: int):
        self.size, self.here, self.most = size, 0, 0
        self.full = asyncio.Event()

    async def run(self, params: Params, ctx: Context) -> Outcome:
        """Wait for the others."""
        self.here += 1
        self.most = max(self.most, self.here)
        if self.here >= self.size:
            self.full.set()
        async with asyncio.timeout(20):
            await self.full.wait()
        # Whoever could still come in beside these does so now.
        for _ in range(20):
            await asyncio.sleep(0)
        self.here -= 1
        return Ok(output=ctx.path)


def meet(bench: Bench, size: int) -> Meeting:
    meeting = Meeting(size)
    bench.runtime.steps.register("meet", run=meeting.run, params=Params)
    return meeting


LOOP = """
- name: each
  type: for_loop
  data_source: {items}
  {options}
  steps:
    - {{name: one, type: say, value: "{{{{ item }}}}", fail: "{{{{ item == 'bad' }}}}"}}
"""


def loop(items: str, options: str = "iterator: item") -> str:
    return LOOP.format(items=items, options=options)


def test_for_loop_in_order(bench: Bench) -> None:
    """The result has a row for each item, in order, with what its steps gave."""
    result = bench.results(loop("[a, 2, null]"))["each"]

    assert result == {
        "iterations": [
            {"index": 0, "item": "a", "success": True, "results": {"one": "a"}},
            {"index": 1, "item": 2, "success": True, "results": {"one": 2}},
            {"index": 2, "item": None, "success": True, "results": {"one": None}},
        ],
        "success": True,
        "total_items": 3,
        "completed_items": 3,
    }


def test_for_loop_over_nothing(bench: Bench) -> None:
    """No items, no iterations, no failure."""
    assert bench.results(loop("[]"))["each"]["iterations"] == []


@pytest.mark.parametrize("parallel", ["false", "true"])
def test_for_loop_stops_at_a_failure(bench: Bench, parallel: str) -> None:
    """A failed item fails the loop, and the report names the step inside."""
    failure = bench.failure(loop("[a, bad, c]", f"parallel: {parallel}"))

    assert failure.startswith("t/each/1/one: item ")
    assert failure.endswith(": no bad")


def test_for_loop_begins_nothing_after_a_failure(bench: Bench) -> None:
    """In order, what comes after the failed item is not begun."""
    bench.failure(loop("[a, bad, c]"))

    assert not [
        event for event in bench.events if getattr(event, "path", "").startswith("t/each/2")
    ]


def test_a_parallel_loop_begins_nothing_after_a_failure(bench: Bench) -> None:
    """Side by side, what still waits for room is not begun once an item has failed."""
    bench.failure(loop("[a, bad, c]", "parallel: true\n  max_parallel: 1"))

    assert not [event for event in bench.events if getattr(event, "path", "")[:8] == "t/each/2"]


@pytest.mark.parametrize("parallel", ["false", "true"])
def test_for_loop_goes_on_after_a_failure(bench: Bench, parallel: str) -> None:
    """With `break_on_error: false` the failure is a row, and the loop is done."""
    text = loop("[a, bad, c]", "break_on_error: false\n  parallel: " + parallel)
    result = bench.results(text)["each"]

    assert [row["success"] for row in result["iterations"]] == [True, False, True]
    assert result["iterations"][1] == {
        "index": 1,
        "item": "bad",
        "success": False,
        "error": "no bad",
    }
    assert (result["success"], result["completed_items"]) == (False, 2)


def test_what_a_loop_shows(bench: Bench) -> None:
    """`loop` tells the item, its place, what was before, and the loop around."""
    result = bench.results(
        """
        - name: outer
          type: for_loop
          data_source: [x, y]
          iterator: letter
          steps:
            - name: inner
              type: for_loop
              data_source: [1, 2]
              iterator: parallel
              steps:
                - name: s
                  type: say
                  value: "{{ loop.parent.letter }}{{ letter }}{{ parallel }}{{ loop.item }}\
 {{ loop.index }}/{{ loop.total }} {{ loop.first }} {{ loop.last }} {{ loop.parent.index }}"
            - {name: was, type: say, value: "{{ loop.previous.was if loop.index else 'none' }}!"}
        """
    )["outer"]
    rows = [row["results"] for row in result["iterations"]]
    inner = [row["results"]["s"] for one in rows for row in one["inner"]["iterations"]]

    assert inner == [
        "xx11 0/2 true false 0", "xx22 1/2 false true 0", "yy11 0/2 true false 1",
        "yy22 1/2 false true 1",
    ]  # fmt: skip
    assert [one["was"] for one in rows] == ["none!", "none!!"]


@pytest.mark.parametrize(("limit", "items"), [(1, 3), (2, 6), (5, 5)])
def test_a_parallel_loop_keeps_its_limit(bench: Bench, limit: int, items: int) -> None:
    """So many items go on side by side as the limit says, never more."""
    meeting = meet(bench, limit)
    bench.results(
        f"""
        - name: each
          type: for_loop
          data_source: {list(range(items))}
          parallel: true
          max_parallel: {limit}
          steps: [{{name: m, type: meet}}]
        """
    )

    assert meeting.most == limit


def test_parallel_loop_keeps_the_order(bench: Bench) -> None:
    """However they finish, the rows are in the order of the items."""
    result = bench.results(loop("[a, b, c]", "parallel: true"))["each"]

    assert [row["item"] for row in result["iterations"]] == ["a", "b", "c"]
    assert (result["parallel"], result["max_parallel"]) == (True, 5)


def test_branches_overlap(bench: Bench) -> None:
    """`parallel` really runs its branches side by side, and each has its result."""
    meeting = meet(bench, 3)
    result = bench.results(
        """
        - name: all
          type: parallel
          branches:
            a: [{name: m, type: meet}]
            b: [{name: m, type: meet}, {name: n, type: say, value: "{{ steps.m }}"}]
            c/d: [{name: m, type: meet}]
        """
    )["all"]

    assert meeting.most == 3
    assert result == {
        "a": {"m": "t/all/a/m"},
        "b": {"m": "t/all/b/m", "n": "t/all/b/m"},
        "c/d": {"m": "t/all/c%2Fd/m"},
    }


def test_branches_keep_a_limit(bench: Bench) -> None:
    """`max_parallel` holds for branches too."""
    meeting = meet(bench, 1)
    branches = ", ".join(f"b{number}: [{{name: m, type: meet}}]" for number in range(4))
    bench.results(f"- {{name: all, type: parallel, max_parallel: 1, branches: {{{branches}}}}}")

    assert meeting.most == 1


def test_a_failed_branch_fails_all(bench: Bench) -> None:
    """The failure names the branch."""
    failure = bench.failure(
        """
        - name: all
          type: parallel
          branches: {a: [{name: x, type: say}], b: [{name: y, type: say, fail: true}]}
        """
    )

    assert failure == "t/all/b/y: branch 'b': no None"


def test_variables_of_branches_come_out(bench: Bench) -> None:
    """What branches set is there after them."""
    result = bench.results(
        """
        - name: all
          type: parallel
          branches:
            a: [{name: x, type: set_variable, variables: {va: 1}}]
            b: [{name: y, type: set_variable, variables: {vb: 2}}]
        - {name: sum, type: say, value: "{{ state.va + state.vb }}"}
        """
    )

    assert result["sum"] == 3


def test_while_loop(bench: Bench) -> None:
    """It goes on while the condition holds, with what was before and the variables carried on."""
    result = bench.results(
        """
        - {name: start, type: set_variable, variables: {n: 0}}
        - name: w
          type: while_loop
          condition: loop.first or loop.previous.s < 3
          steps:
            - {name: up, type: set_variable, variables: {n: "{{ state.n + 1 }}"}}
            - {name: s, type: say, value: "{{ state.n }}"}
        - {name: end, type: say, value: "{{ state.n }}"}
        """
    )

    assert result["w"]["iterations"] == 3
    assert result["w"]["condition_met"] is False
    assert result["w"]["last"]["s"] == 3
    assert result["end"] == 3


def test_while_loop_has_an_end(bench: Bench) -> None:
    """At its bound it stops, and says that the condition still holds."""
    result = bench.results(
        """
        - name: w
          type: while_loop
          condition: true
          max_iterations: 4
          steps: [{name: s, type: say, value: "{{ loop.index }}"}]
        """
    )["w"]

    assert result == {
        "success": False,
        "iterations": 4,
        "condition_met": True,
        "last": {"s": 3},
        "max_iterations_reached": True,
        "reason": "Maximum iterations exceeded",
    }


@pytest.mark.parametrize(
    ("condition", "said"),
    [("loop.index", "this one gave a int"), ("loop.previous.x", "nothing has no 'x'")],
)
def test_while_loop_with_a_bad_condition(bench: Bench, condition: str, said: str) -> None:
    """A condition that is no condition fails the step, in a strict document."""
    step = f"{{name: w, type: while_loop, condition: {condition}, steps: [{{name: s, type: say}}]}}"

    assert said in bench.failure(f"workflow: {{name: t, strict: true, steps: [{step}]}}")
    assert bench.run(f"- {step}").status == "succeeded"


SWITCH = """
- name: s
  type: switch
  expression: "{expression}"
  cases:
    a: [{{name: x, type: say, value: A}}]
    "1": [{{name: x, type: set_variable, variables: {{one: 1}}}}]
    "true": [{{name: x, type: say, value: T}}]
"""


@pytest.mark.parametrize(
    ("expression", "case", "result"),
    [
        ("'a'", "a", {"x": "A"}),
        ("{{ 'a' }}", "a", {"x": "A"}),
        ("2 - 1 == 1", "true", {"x": "T"}),
        ("'b'", "default", {"d": "D"}),
    ],
)
def test_switch(bench: Bench, expression: str, case: str, result: Any) -> None:
    """The text of the expression's value names the case."""
    text = SWITCH.format(expression=expression) + "  default: [{name: d, type: say, value: D}]"
    output = bench.results(text)["s"]

    assert (output["case"], output["results"]) == (case, result)


def test_switch_without_a_match(bench: Bench) -> None:
    """Without `default`, no case is no failure."""
    output = bench.results(SWITCH.format(expression="none"))["s"]

    assert output == {"case": None, "value": "", "results": {}}


def test_variables_come_out_of_a_switch(bench: Bench) -> None:
    """A case's variables go on."""
    text = SWITCH.format(expression="1") + '- {name: r, type: say, value: "{{ state.one }}"}'

    assert bench.results(text)["r"] == 1
