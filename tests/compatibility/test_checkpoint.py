"""Checkpoint files of pipeline_ex: gone on from, and refused where they do not fit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Genesis, Write

DOCUMENT = """
workflow:
  name: p
  strict: true
  steps:
    - {name: a, type: set_variable, variables: {n: 1}}
    - {name: b, type: command, command: "false", expect: [0]}
    - {name: c, type: set_variable, variables: {m: "{{ state.n + steps.b.answer }}"}}
  outputs: {m: "{{ state.m }}"}
"""
KEPT: dict[str, Any] = {
    "workflow_name": "p",
    "step_index": 2,
    "results": {"a": {"variables_set": ["n"]}, "b": {"answer": 40}},
    "variable_state": {"global": {"n": 2}, "session": {}, "loop": {}, "current_step": None},
    "execution_log": [],
    "timestamp": "2025-01-01T00:00:00Z",
    "version": "1.1",
}


def test_it_is_gone_on_from(genesis: Genesis, write: Write) -> None:
    """What was done is not done again; its results and variables are there."""
    write("p.yaml", DOCUMENT)
    write("p_latest.json", json.dumps(KEPT))
    done = genesis.json("run", "p.yaml", "--checkpoint", "p_latest.json", "--run-id", "r")

    assert (done["status"], done["outputs"]) == ("succeeded", {"m": 42})
    assert "b is taken from p_latest.json" in genesis("runs", "events", "r").stdout
    assert genesis("run", "p.yaml").returncode == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"workflow_name": "q"}, "this is a checkpoint of 'q', not of 'p'"),
        ({"step_index": 3}, "the run it was made by was finished"),
        ({"step_index": 9}, "the run it was made by was finished"),
        ({"results": {"a": 1}}, "it says that 'b' was done, and has no result of it"),
        ({"step_index": "x"}, "this is no checkpoint of a pipeline"),
        ({"results": None}, "this is no checkpoint of a pipeline"),
    ],
)
def test_what_does_not_fit(
    genesis: Genesis, write: Write, changed: dict[str, Any], said: str
) -> None:
    """It is refused before anything runs, and says why."""
    write("p.yaml", DOCUMENT)
    write("p.json", json.dumps({**KEPT, **changed}))
    done = genesis("run", "p.yaml", "--checkpoint", "p.json")

    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_what_is_none(genesis: Genesis, write: Write) -> None:
    """A missing file, and one that is no JSON."""
    write("p.yaml", DOCUMENT)
    write("p.json", "{")

    assert "no.json: No such file" in genesis("run", "p.yaml", "--checkpoint", "no.json").stderr
    assert (
        "p.json: this is no checkpoint" in genesis("run", "p.yaml", "--checkpoint", "p.json").stderr
    )
