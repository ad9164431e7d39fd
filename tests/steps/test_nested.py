"""What older documents ask of nested pipelines: chosen results, limits, inherited inputs."""

from __future__ import annotations

import pytest
from conftest import Bench

from otp_genesis.model.event import Warned
from otp_genesis.testing import parse_pipeline

CHILD = """
workflow:
  name: t
  inputs: {{who: {{type: string, default: Ada}}}}
  steps:
    - name: sub
      type: pipeline
      {options}
      pipeline:
        name: child
        steps:
          - {{name: a, type: say, value: {{items: [{{n: 1}}, {{n: 2}}]}}}}
          - {{name: b, type: say, value: done}}
"""


@pytest.mark.parametrize(
    ("options", "result"),
    [
        ("outputs: [b]", {"b": "done"}),
        ("outputs: [{path: 'a.items[1].n', as: second}]", {"second": 2}),
        ("outputs: [{path: b}, 'a.items']", {"b": "done", "a.items": [{"n": 1}, {"n": 2}]}),
        ("config: {timeout_seconds: 20, max_depth: 1}", None),
    ],
)
def test_chosen_results(bench: Bench, options: str, result: dict[str, object] | None) -> None:
    """A step's name, a path with a name of its own, an index; all of them without a choice."""
    everything = {"a": {"items": [{"n": 1}, {"n": 2}]}, "b": "done"}

    assert bench.results(CHILD.format(options=options))["sub"] == (result or everything)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("outputs: [c]", "t/sub: output 'c': "),
        ("outputs: ['a.items[7]']", "t/sub: output 'a.items[7]': there is no 'a.items[7]'"),
    ],
)
def test_results_that_are_not_there(bench: Bench, options: str, said: str) -> None:
    """The step fails, and says which."""
    assert bench.failure(CHILD.format(options=options)).startswith(said)


def test_limits(bench: Bench) -> None:
    """Depth is counted before anything runs; time while it runs."""
    inner = "{name: c, steps: [{name: s, type: command, command: sleep 5}]}"
    deep = f"{{name: b, steps: [{{name: p, type: pipeline, pipeline: {inner}}}]}}"
    late = bench.failure(
        f"- {{name: p, type: pipeline, config: {{timeout_seconds: 0.05}}, pipeline: {inner}}}"
    )
    told = bench.failure(
        f"- {{name: p, type: pipeline, config: {{max_depth: 1}}, pipeline: {deep}}}"
    )

    assert late == "t/p: the pipeline did not end within 0.05 s"
    assert told == "t/p: 2 pipelines within each other; max_depth is 1"


def test_inherited_inputs(bench: Bench) -> None:
    """Where it is given none of its own, a child may see those around it."""
    text = """
    workflow:
      name: t
      inputs: {who: {type: string, default: Ada}}
      steps:
        - name: sub
          type: pipeline
          config: {inherit_context: true}
          pipeline:
            name: child
            inputs: {who: {type: string, default: nobody}}
            steps: [{name: a, type: say, value: "{{ inputs.who }}"}]
    """

    assert bench.results(text)["sub"] == {"a": "Ada"}


def test_keys_without_effect_are_told(bench: Bench) -> None:
    """What this engine does otherwise is named, and stops nothing."""
    bench.results(CHILD.format(options="config: {memory_limit_mb: 5, workspace_enabled: true}"))
    told = [event.message for event in bench.events if isinstance(event, Warned)]

    assert [message.split(":")[0] for message in told] == [
        "'memory_limit_mb' has no effect", "'workspace_enabled' has no effect",
    ]  # fmt: skip


def test_a_registered_document(bench: Bench) -> None:
    """`pipeline_ref` names a document that is registered as a step type."""
    inner = parse_pipeline(
        "{name: double, inputs: {n: {type: integer}}, steps:"
        " [{name: a, type: say, value: '{{ inputs.n * 2 }}'}]}"
    )
    bench.runtime.steps.register("double", inner)
    result = bench.results("- {name: d, type: pipeline, pipeline_ref: double, inputs: {n: 4}}")

    assert {"a": 8} == result["d"]


@pytest.mark.parametrize(
    ("ref", "said"),
    [("nobody", "no step type"), ("say", "the step type 'say' is no document")],
)
def test_a_reference_to_no_document(bench: Bench, ref: str, said: str) -> None:
    """It is told once, at the name."""
    text = f"workflow: {{name: t, steps: [{{name: d, type: pipeline, pipeline_ref: {ref}}}]}}"
    (complaint,) = bench.complaints(text)

    assert f"error[unknown-pipeline]: {said}" in complaint
