"""One run: what every step may have beside its own keys, what is told, what is replayed."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench, Write

from otp_genesis.contracts.step import Context, Params
from otp_genesis.errors import EnvironmentLacks, HistoryMismatch
from otp_genesis.model.event import RegistryObserved, StepFinished
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.model.run import RunReport

GOLDEN = Path(__file__).parent / "golden" / "events.txt"


class Value(Params):
    """What `give` gives."""

    value: Any = None
    number: int = 0


async def give(params: Value, ctx: Context) -> Outcome:
    """Give back the value."""
    return Ok(output=params.value, variables={"given": params.value})


class Flaky:
    """A step type that fails so many times before it gives its count."""

    def __init__(self, fails: int, *, raises: Exception | None = None, retryable: bool = True):
        self.fails, self.raises, self.retryable, self.calls = fails, raises, retryable, 0

    async def run(self, params: Params, ctx: Context) -> Outcome:
        """Fail, or give the count."""
        self.calls += 1
        if self.calls > self.fails:
            return Ok(output=self.calls)
        if self.raises is not None:
            raise self.raises
        return Failed(error=f"call {self.calls}", retryable=self.retryable)


@pytest.fixture(autouse=True)
def _give(bench: Bench) -> None:
    bench.runtime.steps.register("give", run=give)


def flaky(bench: Bench, fails: int, **options: Any) -> Flaky:
    made = Flaky(fails, **options)
    bench.runtime.steps.register("flaky", run=made.run, params=Params)
    return made


@pytest.mark.parametrize(
    ("condition", "done"),
    [("1 == 1", True), ("{{ inputs.prompt == 'no' }}", False), ("false", False), ("true", True)],
)
def test_condition(bench: Bench, condition: str, done: bool) -> None:
    """A step whose condition does not hold is passed over, and says so in its result."""
    text = f"""
    - {{name: a, type: give, value: x, condition: "{condition}"}}
    - {{name: b, type: give, value: "{{{{ steps.a }}}}"}}
    """
    result = bench.results(text, {"prompt": "yes"})

    assert (result["b"] == "x") is done
    if not done:
        assert result["b"]["skipped"] is True
        assert result["b"]["reason"].startswith("Condition not met: ")


def test_a_condition_that_is_none_fails_the_step(bench: Bench) -> None:
    """A text is neither true nor false, in a strict document; else it counts as true."""
    step = "{name: a, type: give, value: 1, condition: run.id}"
    failure = bench.failure(f"workflow: {{name: t, strict: true, steps: [{step}]}}", run_id="r")

    assert failure == ("t/a: a condition must be true or false, this one gave a str (in 'run.id')")
    assert {"a": 1} == bench.results(f"- {step}")


def test_what_is_told_of_names_that_lead_to_nothing(bench: Bench) -> None:
    """A document that is not strict goes on; each reference is told once for each step."""
    results = bench.results(
        """
        - {name: a, type: give, value: {x: 1}}
        - {name: b, type: give, condition: a.y > 1}
        - {name: c, type: give, value: ["{{ steps.a.z }} {{ state.no }}", "{{ steps.a.z }}"]}
        """
    )
    told = [(one.path, one.code, one.message) for one in bench.events if one.kind == "warned"]

    assert results["b"]["reason"] == "Condition not met: a.y > 1"
    assert ["{{ steps.a.z }} ", "{{ steps.a.z }}"] == results["c"]
    assert told == [
        ("t/b", "unresolved", "there is nothing at 'a.y'"),
        ("t/c", "unresolved", "there is nothing at 'steps.a.z'"),
        ("t/c", "unresolved", "there is nothing at 'state.no'"),
    ]


def test_timeout(bench: Bench) -> None:
    """A step that takes longer than it may is ended, and fails."""

    async def forever(params: Params, ctx: Context) -> Outcome:
        """Never end."""
        await asyncio.Event().wait()
        return Ok()

    bench.runtime.steps.register("forever", run=forever, params=Params)

    assert bench.failure("- {name: a, type: forever, timeout_s: 0.05}") == (
        "t/a: no result within 0.05 s"
    )


@pytest.mark.parametrize("limit", ["", ", timeout_s: 30"])
def test_a_timeout_of_the_steps_own(bench: Bench, limit: str) -> None:
    """A `TimeoutError` that the step itself raises keeps its message."""
    flaky(bench, 1, raises=TimeoutError("the database"))

    assert bench.failure(f"- {{name: a, type: flaky{limit}}}") == "t/a: the database"


@pytest.mark.parametrize("raises", [None, ConnectionError("refused")])
def test_attempts(bench: Bench, raises: Exception | None) -> None:
    """A step is tried as often as it says, and no more often than it needs."""
    step = flaky(bench, 2, raises=raises)

    assert bench.results("- {name: a, type: flaky, attempts: 5}")["a"] == 3
    assert step.calls == 3
    step.calls, step.fails = 0, 9
    assert bench.failure("- {name: a, type: flaky, attempts: 2}").startswith("t/a: ")
    assert step.calls == 2


def test_what_cannot_pass_is_not_tried_again(bench: Bench) -> None:
    """A failure that no other attempt can mend is final."""
    step = flaky(bench, 1, retryable=False)

    assert bench.failure("- {name: a, type: flaky, attempts: 5}") == "t/a: call 1"
    assert step.calls == 1


def test_what_a_step_raises_is_its_failure(bench: Bench) -> None:
    """Whatever is raised becomes a failure that names its kind."""
    flaky(bench, 1, raises=ZeroDivisionError("by zero"))

    assert bench.failure("- {name: a, type: flaky}") == "t/a: ZeroDivisionError: by zero"


def test_what_the_environment_lacks_ends_the_run(bench: Bench) -> None:
    """A missing tool is no failure of the step."""
    flaky(bench, 1, raises=EnvironmentLacks("no mix"))

    with pytest.raises(EnvironmentLacks, match="no mix"):
        bench.run("- {name: a, type: flaky, on_error: continue}")


def test_on_error_continue(bench: Bench) -> None:
    """The failure becomes the step's result, and the next step sees it."""
    flaky(bench, 9)
    result = bench.results(
        """
        - {name: a, type: flaky, on_error: continue}
        - {name: b, type: give, value: "{{ steps.a.success }} {{ steps.a.error }}"}
        """
    )

    assert result["b"] == "false call 1"


def test_the_report_of_a_failed_run(bench: Bench) -> None:
    """It names the innermost step, and keeps the results of the steps that are done."""
    flaky(bench, 9)
    report = bench.run(
        """
        - {name: a, type: give, value: 1}
        - {name: b, type: switch, expression: 1, cases: {"1": [{name: c, type: flaky}]}}
        - {name: d, type: give}
        """
    )

    assert report.status == "failed"
    assert report.error is not None
    assert (report.error.step, report.error.path) == ("c", "t/b/1/c")
    assert report.results == {"a": 1}


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("{n: 1}", None),
        ("{n: x}", "t/a: the output does not fit output_schema: $.n: 'x' is not of type 'integer'"),
        ("5", "t/a: the output does not fit output_schema: $: 5 is not of type 'object'"),
    ],
)
def test_output_schema(bench: Bench, value: str, error: str | None) -> None:
    """The output must be what the step promises."""
    schema = "{type: object, properties: {n: {type: integer}}}"
    text = f"- {{name: a, type: give, value: {value}, output_schema: {schema}}}"

    if error is None:
        assert bench.results(text)["a"] == {"n": 1}
    else:
        assert bench.failure(text) == error


@pytest.mark.parametrize(
    ("value", "written"), [("text", "text"), ("{ä: [1]}", '{\n  "ä": [\n    1\n  ]\n}')]
)
def test_output_to_file(bench: Bench, value: str, written: str) -> None:
    """Text is written as it is, data as JSON, below the output folder."""
    name = "sub/{{ step.name }}-{{ inputs.prompt }}.txt"
    bench.results(
        f"- {{name: a, type: give, value: {value}, output_to_file: '{name}'}}", {"prompt": "p"}
    )

    assert (bench.folder / "out" / "sub" / "a-p.txt").read_text() == written


@pytest.mark.parametrize("name", ["../x", "a/../../x", "link/x"])
def test_output_to_file_stays_below(bench: Bench, name: str) -> None:
    """No output leaves the output folder, not by a link either."""
    (bench.folder / "out").mkdir()
    (bench.folder / "out" / "link").symlink_to(bench.folder)

    assert "leaves the output folder" in bench.failure(
        f"- {{name: a, type: give, value: x, output_to_file: {name}}}"
    )
    assert not (bench.folder / "x").exists()


def test_output_to_a_folder(bench: Bench) -> None:
    """Where nothing can be written the environment is at fault."""
    (bench.folder / "out" / "taken").mkdir(parents=True)

    with pytest.raises(EnvironmentLacks, match=r"cannot write .*taken"):
        bench.run("- {name: a, type: give, value: x, output_to_file: taken}")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("'{{ inputs.prompt }}'", "number: Input should be a valid integer"),
        ("'{{ [1] }}'", "number: Input should be a valid integer (given: [1])"),
        ("'{{ steps.nope }}'", None),
        ("'{{ state.given.x }}'", "text has no 'x'"),
    ],
)
def test_wrong_values_out_of_templates(bench: Bench, number: str, said: str | None) -> None:
    """What a template gives is held to the step's types when it is filled."""
    steps = f"{{name: s, type: give, value: y}}, {{name: a, type: give, number: {number}}}"
    text = f"workflow: {{name: t, strict: true, steps: [{steps}]}}"
    if said is None:
        assert "no step 'nope'" in bench.complaints(text)[0]
    else:
        assert said in bench.failure(text, {"prompt": "x"})


def test_a_wrong_value_where_nothing_is_there(bench: Bench) -> None:
    """In a document that is not strict nothing, or an empty text, is held to the step's types."""
    text = "- {name: a, type: give, number: '{{ state.given }}'}"

    assert "number: Input should be a valid integer" in bench.failure(text)
    assert "(given: null)" in bench.failure(text, {"prompt": "x"})


@pytest.mark.parametrize("value", [object(), {1, object()}, b"\xff", "\ud800"])
def test_an_output_that_is_no_data(bench: Bench, value: Any) -> None:
    """What the journal cannot hold is the step's failure."""

    async def odd(params: Params, ctx: Context) -> Outcome:
        """Give what is no JSON."""
        return Ok(output=value)

    bench.runtime.steps.register("odd", run=odd, params=Params)

    assert "the step gave what is no JSON data" in bench.failure("- {name: a, type: odd}")


ODD_DATA = {1: (2, Path("a")), "nan": math.nan, "inf": math.inf, "set": {3}, "big": 10**30}


def test_a_resumed_run_sees_what_the_first_saw(bench: Bench, write: Write) -> None:
    """An output is the same data live and out of the journal."""
    calls = []

    async def odd(params: Params, ctx: Context) -> Outcome:
        """Give what JSON writes otherwise."""
        calls.append(ctx.path)
        return Ok(output=ODD_DATA, variables={"v": ODD_DATA})

    bench.runtime.steps.register("odd", run=odd, params=Params)
    step = flaky(bench, 1, retryable=False)
    path = write(
        "t.yaml",
        """
        workflow:
          name: t
          steps:
            - {name: a, type: odd}
            - {name: see, type: give, value: "{{ steps.a | tojson }}", on_error: continue}
            - {name: b, type: flaky}
            - {name: c, type: give, value: ["{{ steps.a }}", "{{ state.v }}"]}
        """,
    )

    async def go() -> RunReport:
        await bench.runtime.run(path, run_id="r")
        return await bench.runtime.resume("r")

    result = asyncio.run(go()).results
    seen = json.loads(result["see"])
    assert step.calls == 2
    assert calls == ["t/a"]
    assert repr(result["c"]) == repr([seen, seen])
    assert list(seen) == ["1", "nan", "inf", "set", "big"]


def test_history_that_does_not_fit(bench: Bench, write: Write) -> None:
    """Another type at the place of a finished step is told, not guessed about."""
    flaky(bench, 9)
    text = "workflow: {name: t, steps: [{name: a, type: TYPE}, {name: b, type: flaky}]}"
    path = write("t.yaml", text.replace("TYPE", "give"))

    async def go() -> None:
        await bench.runtime.run(path, run_id="r")
        write("t.yaml", text.replace("TYPE", "set_variable, variables: {}"))
        await bench.runtime.resume("r")

    with pytest.raises(HistoryMismatch, match="t/a was a 'give' step and is a 'set_variable' step"):
        asyncio.run(go())


def test_golden_events(bench: Bench) -> None:
    """What a small run tells, event for event, times left out."""
    flaky(bench, 9)
    bench.run(
        """
        - {name: a, type: give, value: 1}
        - {name: b, type: give, condition: 1 == 2}
        - name: each
          type: for_loop
          data_source: [x]
          steps: [{name: c, type: command, command: "echo {{ item }}"}]
        - {name: ask, type: gate, question: Go?, condition: "steps.a == 2"}
        - {name: d, type: flaky, on_error: continue}
        - {name: e, type: flaky}
        """,
        run_id="golden",
    )
    lines = []
    for event in bench.events:
        if isinstance(event, RegistryObserved):
            continue
        told = event.model_dump(mode="json", exclude={"at", "duration_s", "pid"})
        lines.append(json.dumps(told, ensure_ascii=False))

    assert lines == GOLDEN.read_text().splitlines()


def test_a_replayed_step_is_told_and_not_kept(bench: Bench, write: Write) -> None:
    """Who listens sees the finished steps again; the history has each once."""
    flaky(bench, 1, retryable=False)
    path = write(
        "t.yaml",
        "workflow: {name: t, steps: [{name: a, type: give}, "
        "{name: s, type: give, condition: false}, {name: b, type: flaky}]}",
    )

    async def go() -> list[Any]:
        await bench.runtime.run(path, run_id="r")
        bench.events.clear()
        await bench.runtime.resume("r")
        return [event for _, event in await bench.runtime.store.events("r")]

    kept = asyncio.run(go())
    told = [(e.path, e.replayed) for e in bench.events if isinstance(e, StepFinished)]
    assert told == [("t/a", True), ("t/s", True), ("t/b", False)]
    again = [e.path for e in kept if isinstance(e, StepFinished)]
    assert again == ["t/a", "t/s", "t/b", "t/b"]


def test_branches_whose_names_hold_slashes(bench: Bench, write: Write) -> None:
    """`a/b` is one word in a path: no step is taken for another."""
    flaky(bench, 1, retryable=False)
    path = write(
        "t.yaml",
        """
        workflow:
          name: t
          steps:
            - name: p
              type: parallel
              branches:
                a/b/c: [{name: d, type: give, value: one}]
                a:
                  - name: b
                    type: parallel
                    branches: {c: [{name: d, type: give, value: two}]}
                fails: [{name: f, type: flaky}]
        """,
    )

    async def go() -> RunReport:
        await bench.runtime.run(path, run_id="r")
        return await bench.runtime.resume("r")

    assert asyncio.run(go()).results["p"] == {
        "a/b/c": {"d": "one"}, "a": {"b": {"c": {"d": "two"}}}, "fails": {"f": 2},
    }  # fmt: skip
