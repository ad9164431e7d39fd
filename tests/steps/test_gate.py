"""The step that asks a person, through the real command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from conftest import Bench, Genesis, Write

from otp_genesis.model.run import RunReport
from otp_genesis.runtime import Runtime

DOCUMENT = """
workflow:
  name: release
  steps:
    - {name: before, type: set_variable, variables: {x: 1}}
    - name: each
      type: for_loop
      data_source: [a]
      steps:
        - {name: ask, type: gate, question: "Deploy {{ item }}?"}
    - {name: after, type: set_variable, variables: {y: "{{ steps.each.iterations[0].results.ask }}"}}
  outputs: {y: "{{ state.y }}"}
"""  # noqa: E501


def test_asked_answered_and_gone_on(genesis: Genesis, write: Write) -> None:
    """The run waits with 1, shows the question, takes an answer, and goes on behind it."""
    write("p.yaml", DOCUMENT)
    asked = genesis("run", "p.yaml", "--run-id", "r")
    shown = genesis("runs", "show", "r")
    answered = genesis("runs", "answer", "r", "approve")
    done = genesis.json("run", "--resume", "r")

    assert asked.returncode == 1
    assert "run r: suspended" in asked.stdout
    assert "it asks: Deploy a? (approve / reject)" in asked.stdout
    assert "genesis runs answer r TEXT" in asked.stdout
    assert "Deploy a?" in shown.stdout
    assert answered.stdout == "answered; go on with: genesis run --resume r\n"
    assert done["status"] == "succeeded"
    assert done["outputs"] == {"y": {"answer": "approve", "approved": True}}


def test_an_answer_that_is_none_of_the_choices(genesis: Genesis, write: Write) -> None:
    """It is refused at once, with the choices, and the run waits on."""
    write("p.yaml", DOCUMENT)
    genesis("run", "p.yaml", "--run-id", "r")
    refused = genesis("runs", "answer", "r", "maybe")
    taken = genesis("runs", "answer", "r", "reject")

    assert refused.returncode == 2
    assert refused.stderr == "error: 'maybe' is no answer; it takes approve, reject\n"
    assert taken.returncode == 0


def test_the_report_of_a_waiting_run(genesis: Genesis, write: Write) -> None:
    """As JSON it is suspended, with the results of what is done."""
    write("p.yaml", DOCUMENT)
    report = genesis.json("run", "p.yaml")

    assert (report["status"], report["error"]) == ("suspended", None)
    assert list(report["results"]) == ["before"]


def test_rejected(bench: Bench) -> None:
    """Another answer than the first choice fails the step, or goes on where it may."""
    for on_reject, approved in (("stop", None), ("continue", False)):
        text = f"- {{name: a, type: gate, question: Go?, on_reject: {on_reject}}}"
        run_id = f"run-{on_reject}"
        path = bench.folder / "t.yaml"
        path.write_text(f"workflow:\n  name: t\n  steps:\n    {text}\n")
        report = _answered(bench.runtime, path, run_id, "reject")

        if approved is None:
            assert report.error is not None
            assert report.error.message == "'Go?' was answered 'reject'"
        else:
            assert report.results["a"] == {"answer": "reject", "approved": False}


def _answered(runtime: Runtime, path: Path, run_id: str, answer: str) -> RunReport:
    async def go() -> RunReport:
        await runtime.run(path, run_id=run_id)
        await runtime.answer(run_id, answer)
        return await runtime.resume(run_id)

    return asyncio.run(go())


def test_approved_beforehand(bench: Bench) -> None:
    """`approve` answers every gate with its first choice."""
    result = bench.results(
        """
        - {name: a, type: gate, question: Go?}
        - {name: b, type: gate, question: Where?, choices: [here, there]}
        - {name: c, type: gate, question: Name?, choices: []}
        """,
        approve=True,
    )

    assert [result[name]["answer"] for name in "abc"] == ["approve", "here", "approve"]


@pytest.mark.parametrize("command", [("answer", "r", "x"), ("show", "r"), ("cancel", "r")])
def test_no_such_run(genesis: Genesis, command: tuple[str, ...]) -> None:
    """A run that is not there cannot be answered."""
    done = genesis("runs", *command)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: there is no run 'r'; see: genesis runs\n"


def test_nothing_is_asked(genesis: Genesis, write: Write) -> None:
    """A run that waits for nothing takes no answer."""
    write("p.yaml", "workflow: {name: p, steps: [{name: a, type: set_variable, variables: {}}]}")
    genesis("run", "p.yaml", "--run-id", "r")

    assert genesis("runs", "answer", "r", "x").stderr == (
        "error: run 'r' asks nothing; it is succeeded\n"
    )
