"""Pipelines within pipelines: their inputs, their outputs, and what they keep to themselves."""

from __future__ import annotations

import pytest
from conftest import Bench, Write

INNER = """
workflow:
  name: inner
  inputs: {n: {type: integer}, m: {default: 5}}
  variables: {v: "{{ inputs.n }}"}
  steps:
    - {name: a, type: say, value: "{{ inputs.n + inputs.m + state.v }}"}
    - {name: b, type: set_variable, variables: {v: 99}}
  outputs: {sum: "{{ steps.a }}", v: "{{ state.v }}"}
"""


def test_a_pipeline_in_a_file(bench: Bench, write: Write) -> None:
    """It gets its inputs, gives its outputs, and keeps its variables to itself."""
    write("sub/inner.yaml", INNER)
    result = bench.results(
        """
        - {name: set, type: set_variable, variables: {v: mine}}
        - {name: p, type: pipeline, pipeline_file: sub/inner.yaml, inputs: {n: "{{ 1 + 1 }}"}}
        - {name: v, type: say, value: "{{ state.v }}"}
        """
    )

    assert result["p"] == {"sum": 9, "v": 99}
    assert result["v"] == "mine"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("{}", "input 'n' is missing"),
        ("{n: x}", "input 'n' must be of type integer, not str"),
        ("{o: 2}", "input 'n' is missing; no input 'o'"),
    ],
)
def test_a_pipeline_checks_its_inputs(bench: Bench, write: Write, inputs: str, said: str) -> None:
    """What does not fit the declaration fails the step."""
    write("inner.yaml", INNER)

    assert said in bench.failure(
        f"- {{name: p, type: pipeline, pipeline_file: inner.yaml, inputs: {inputs}}}"
    )


def test_a_pipeline_written_inside(bench: Bench) -> None:
    """It sees nothing of what is around it, and without outputs gives all its results."""
    result = bench.results(
        """
        - name: p
          type: pipeline
          pipeline: {name: q, steps: [{name: a, type: say, value: "{{ workflow.name }}"}]}
        - {name: b, type: say, value: "{{ workflow.name }}"}
        """
    )

    assert result == {"p": {"a": "q"}, "b": "t"}


def test_outputs_that_cannot_be_filled(bench: Bench) -> None:
    """In a strict document it fails the run like a step would; else it is told, and stays."""
    text = """
        workflow:
          name: w
          strict: true
          steps: [{name: a, type: say, value: {x: 1}}]
          outputs: {y: "{{ steps.a.y }}"}
        """

    assert bench.failure(text).startswith("w: the outputs: there is no 'y' here")
    assert {"y": "{{ steps.a.y }}"} == bench.results(text.replace("strict: true", ""))
    told = [(one.path, one.message) for one in bench.events if one.kind == "warned"]
    assert [("w", "there is nothing at 'steps.a.y'")] == told
