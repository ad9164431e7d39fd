"""The public Python door: `Runtime`, `run`, and runs that cannot change under way."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench, Write

from otp_genesis import Context, Ok, Params, Plugin, Runtime, load_pipeline, step
from otp_genesis.errors import InvalidDocument, UsageError
from otp_genesis.model.event import Event, RunFinished, RunStarted
from otp_genesis.model.outcome import Failed, Outcome
from otp_genesis.model.run import RunState, fold
from otp_genesis.settings import load_settings


class Nothing(Params):
    """No parameters."""


@step("first")
async def first(params: Nothing, ctx: Context) -> Outcome:
    """Be the first of that name."""
    return Ok(output="first")


async def second(params: Nothing, ctx: Context) -> Outcome:
    """Be the one that replaces it."""
    return Ok(output="second")


PIPELINE = """
workflow:
  name: p
  inputs: {n: {type: integer, default: 1}}
  steps: [{name: a, type: first}, {name: b, type: change}, {name: c, type: first}]
"""


def test_replacing_a_type_changes_no_run_that_goes_on(bench: Bench) -> None:
    """A run keeps the types it was checked against; the next one has the new."""
    runtime = bench.runtime
    runtime.steps.register(first)

    async def change(params: Nothing, ctx: Context) -> Outcome:
        """Replace `first` in the middle of a run."""
        runtime.steps.register("first", second, replace=True)
        return Ok()

    runtime.steps.register("change", change)

    assert bench.results(PIPELINE)["c"] == "first"
    assert bench.results(PIPELINE)["c"] == "second"


def test_a_validator_has_its_say(bench: Bench) -> None:
    """It is asked at the check where all is known, and at run time where templates are filled."""

    class Even(Params):
        """An even number."""

        n: int

    async def even(params: Even, ctx: Context) -> Outcome:
        """Give it back."""
        return Ok(output=params.n)

    def halved(params: Even) -> Even:
        if params.n % 2:
            raise ValueError(f"{params.n} is odd")
        return Even(n=params.n // 2)

    bench.runtime.steps.register("even", even, params=Even, validator=halved)

    assert bench.results("- {name: a, type: even, n: 4}") == {"a": 2}
    assert bench.results("- {name: a, type: even, n: '{{ 2 + 4 }}'}") == {"a": 3}
    assert bench.complaints("- {name: a, type: even, n: 3}") == [
        f"{bench.folder}/t.yaml:4:7: error[validator]: 'even' says: 3 is odd"
    ]
    assert bench.failure("- {name: a, type: even, n: '{{ 2 + 1 }}'}") == (
        "t/a: 'even' says: 3 is odd"
    )


def test_inputs_are_checked_before_anything_runs(bench: Bench) -> None:
    """A wrong input starts no run."""
    bench.runtime.steps.register(first)
    bench.runtime.steps.register("change", second)

    with pytest.raises(UsageError, match="input 'n' must be of type integer, not str"):
        bench.run(PIPELINE, {"n": "x"})
    assert bench.events == []


def test_inputs_are_the_same_when_resumed(bench: Bench, write: Write) -> None:
    """What is given is taken as the data that a resumed run will see; what is none is refused."""
    path = write(
        "p.yaml",
        """
        workflow:
          name: p
          inputs: {x: {}}
          steps: [{name: a, type: gate, question: Go?}]
          outputs: {x: "{{ inputs.x }}"}
        """,
    )
    given = {1: (Path("a"), math.inf), "b": {2}}

    async def go() -> list[Any]:
        outputs = []
        for run_id, approve in (("one", True), ("two", False)):
            report = await bench.runtime.run(path, {"x": given}, run_id=run_id, approve=approve)
            if not approve:
                report = await bench.runtime.resume(run_id, approve=True)
            outputs.append(report.outputs["x"])
        return outputs

    assert asyncio.run(go()) == [{"1": ["a", math.inf], "b": [2]}] * 2
    with pytest.raises(UsageError, match="an input is no JSON data"):
        bench.run("- {name: a, type: gate, question: q}", {"x": object()})


def test_a_bad_document_starts_no_run(bench: Bench) -> None:
    """Nothing is kept of what cannot run."""
    with pytest.raises(InvalidDocument):
        bench.run("- {name: a, type: nothing}")
    assert asyncio.run(bench.runtime.store.runs()) == ()


def test_the_state_of_a_run(bench: Bench) -> None:
    """A run is a fold over its events."""
    bench.runtime.steps.register(first)
    bench.run("- {name: a, type: first}\n- {name: b, type: gate, question: Go?}", run_id="r")
    state = asyncio.run(bench.runtime.state("r"))

    assert (state.status, state.error, state.error_path) == ("suspended", "Go?", "t/b")
    assert {path: view.status for path, view in state.steps.items()} == {
        "t/a": "ok", "t/b": "suspended",
    }  # fmt: skip
    assert fold(bench.events) == state


def test_a_run_taken_up_again_is_running() -> None:
    """A later start wipes the earlier end; the first start stays the beginning."""
    begun: list[Event] = [
        RunStarted(at=10, pid=1),
        RunFinished(at=11, status="failed", error="x", path="p/a"),
        RunStarted(at=20, pid=2, resumed=True),
    ]
    state = fold(begun)

    assert (state.status, state.started_at, state.pid) == ("running", 10, 2)
    assert (state.error, state.error_path, state.finished_at) == (None, None, None)
    assert fold([]) == RunState()


def test_who_listens_hears_everything(folder: Path, environ: dict[str, str], write: Write) -> None:
    """Every event is told in order, as the store keeps it."""
    told: list[Event] = []
    runtime = Runtime(
        plugins=[Plugin(name="p", steps=(first,))], discover=False,
        settings=load_settings(folder, environ), listeners=[told.append],
    )  # fmt: skip
    path = write("p.yaml", "workflow: {name: p, steps: [{name: a, type: first}]}")

    async def go() -> list[Event]:
        try:
            report = await runtime.run(load_pipeline(path), run_id="r")
            assert report.results == {"a": "first"}
            return [event for _, event in await runtime.store.events("r")]
        finally:
            await runtime.close()

    assert asyncio.run(go()) == told
    assert isinstance(told[0], RunStarted)
    assert isinstance(told[-1], RunFinished)


def test_variables_at_the_start(bench: Bench) -> None:
    """A document's variables are filled from its inputs, and from the run."""
    result = bench.results(
        """
        workflow:
          name: v
          inputs: {who: {default: you}}
          variables: {hello: "hello {{ inputs.who }}", id: "{{ run.id }}"}
          env: [LANGUAGE_OF_TEST]
          steps: [{name: a, type: set_variable, variables: {x: "{{ env.LANGUAGE_OF_TEST }}"}}]
          outputs: {hello: "{{ state.hello }}", id: "{{ state.id }}", x: "{{ state.x }}"}
        """,
        run_id="the-run",
    )

    assert result == {"hello": "hello you", "id": "the-run", "x": None}


def test_a_finished_run_resumed_is_the_same(bench: Bench, write: Write) -> None:
    """To take up what is done gives the same report and does nothing."""
    calls = []

    async def count(params: Nothing, ctx: Context) -> Outcome:
        """Count the calls."""
        calls.append(ctx.path)
        return Ok(output=len(calls))

    bench.runtime.steps.register("count", count)
    path = write("p.yaml", "workflow: {name: p, steps: [{name: a, type: count}]}")

    async def go() -> None:
        one = await bench.runtime.run(path, run_id="r")
        two = await bench.runtime.resume("r")
        assert one.model_copy(update={"duration_s": two.duration_s}) == two

    asyncio.run(go())
    assert calls == ["p/a"]


def test_a_failed_step_is_done_again(bench: Bench, write: Write) -> None:
    """A resumed run tries what failed, and nothing before it."""
    outcomes: list[Outcome] = [Failed(error="not yet"), Ok(output="now")]

    async def later(params: Nothing, ctx: Context) -> Outcome:
        """Fail once."""
        return outcomes.pop(0)

    bench.runtime.steps.register("later", later)
    path = write("p.yaml", "workflow: {name: p, steps: [{name: a, type: later}]}")

    async def go() -> list[str]:
        one = await bench.runtime.run(path, run_id="r")
        two = await bench.runtime.resume("r")
        return [one.status, two.status]

    assert asyncio.run(go()) == ["failed", "succeeded"]


def test_two_runs_of_one_id(bench: Bench) -> None:
    """An id names one run."""
    bench.run("- {name: a, type: say}", run_id="r")

    with pytest.raises(UsageError, match="there is a run 'r' already"):
        bench.run("- {name: a, type: say}", run_id="r")


@pytest.mark.parametrize("run_id", ["../x", "a/b", ".hidden", "a b", "x" * 101])
def test_what_is_no_run_id(bench: Bench, run_id: str) -> None:
    """An id names files, so it must be a plain word."""
    with pytest.raises(UsageError, match="is no run id"):
        bench.run("- {name: a, type: say}", run_id=run_id)
