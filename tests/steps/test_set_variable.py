"""Variables set by a step: both forms, every scope, and nothing to set."""

from __future__ import annotations

import pytest
from conftest import Bench

from otp_genesis.model.event import Warned

SHOW = '- {name: t, type: say, value: "{{ state.x }}"}'


@pytest.mark.parametrize(
    ("keys", "value", "result"),
    [
        ("variables: {x: 1}", 1, {"variables_set": ["x"], "scope": "global", "variable_count": 1}),
        (
            "variable: x, value: [é, null], scope: session",
            ["é", None],
            {"variables_set": ["x"], "scope": "session", "variable_count": 1},
        ),
        (
            "variables: {y: 2}, variable: x, value: 3, scope: loop",
            3,
            {"variables_set": ["x", "y"], "scope": "loop", "variable_count": 2},
        ),
        ("variable: x", None, {"variables_set": ["x"], "scope": "global", "variable_count": 1}),
        (
            "variables: {x: '{{ 1 + 1 }}'}",
            2,
            {"variables_set": ["x"], "scope": "global", "variable_count": 1},
        ),
    ],
)
def test_both_forms(bench: Bench, keys: str, value: object, result: object) -> None:
    """`variables`, or one `variable` with its `value`, or both."""
    found = bench.results(f"- {{name: s, type: set_variable, {keys}}}\n{SHOW}")

    assert (result, value) == (found["s"], found["t"])


@pytest.mark.parametrize("keys", ["variables: {}", "scope: global", "variables: '{{ {} }}'"])
def test_nothing_to_set(bench: Bench, keys: str) -> None:
    """The result is empty, and the author is told."""
    assert {} == bench.results(f"- {{name: s, type: set_variable, {keys}}}")["s"]
    assert ["no-variables"] == [one.code for one in bench.events if isinstance(one, Warned)]


def test_local_variables(bench: Bench) -> None:
    """They end with their step: what was set before counts again, and the author is told."""
    found = bench.results(
        f"""
        - {{name: g, type: set_variable, variables: {{x: before}}}}
        - {{name: l, type: set_variable, variables: {{x: inside}}, scope: local}}
        {SHOW}
        """
    )

    assert {"variables_set": ["x"], "scope": "local", "variable_count": 1} == found["l"]
    assert "before" == found["t"]
    assert ["scope"] == [one.code for one in bench.events if isinstance(one, Warned)]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("value: 1", "a value needs a name; write it as 'variable' beside it"),
        ("variables: [x]", "'variables' should be a valid dictionary"),
        ("variables: {x: 1}, scope: glbal", "'global', 'session', 'loop' or 'local'"),
        ("variabels: {x: 1}", "did you mean 'variables'?"),
    ],
)
def test_what_the_check_finds(bench: Bench, keys: str, said: str) -> None:
    """Wrong types and keys are found before anything runs."""
    (found,) = bench.complaints(f"- {{name: s, type: set_variable, {keys}}}")

    assert said in found
