"""Documents that are not strict, from check to run: every expression is of their language."""

from __future__ import annotations

import pytest
from conftest import Bench

from otp_genesis.contracts.plugin import Plugin
from otp_genesis.expr.scope import UNRESOLVED as MISSED


def test_every_place_of_an_expression(bench: Bench) -> None:
    """Templates, conditions, bare fields, variables, outputs and names of files."""
    results = bench.results(
        """
        workflow:
          name: t
          global_vars: {limit: 3}
          environment: {mode: production}
          variables: {twice: "{{multiply(inputs.prompt, 2)}}", none: "{{missing}}x"}
          steps:
            - {name: my-step, type: say, value: {n: 5, xs: [a, b]}}
            - name: each
              type: for_loop
              data_source: "{{steps.my-step.xs + ['c']}}"
              iterator: it
              steps:
                - name: inner
                  type: say
                  value: "{{loop.index + 1}}/{{loop.total}} {{it}} {{upper(loop.item)}}"
                  condition: "it != 'b' and environment.mode == 'production'"
            - {name: pick, type: switch,
               expression: "my-step.n > global_vars.limit ? 'many' : 'few'",
               cases: {many: [{name: m, type: say, value: "{{state.twice}}{{none}}"}]}}
            - {name: more, type: while_loop,
               condition: {and: ["loop.index < 2", "not done exists"]},
               steps: [{name: s, type: say, value: "{{loop.count}}"}]}
            - {name: file, type: say, value: 1,
               output_to_file: "{{workflow.name}}_{{step.name}}_{{x}}.txt"}
            - {name: off, type: say, condition: [my-step.n == 5, {not: [my-step.xs contains 'a']}]}
          outputs:
            inner: "{{map(each.iterations, 'results.inner')}}"
            pick: "{{pick.results.m}}"
            rounds: "{{steps.more.iterations}}"
            off: "{{steps.off.reason}}"
        """,
        {"prompt": "4"},
    )

    assert results["pick"] == "8x"
    assert results["rounds"] == 2
    assert [one if isinstance(one, str) else one["skipped"] for one in results["inner"]] == [
        "1/3 a A", True, "3/3 c C"
    ]  # fmt: skip
    assert results["off"].startswith('Condition not met: ["my-step.n == 5", {"not":')
    assert ["t_file_.txt"] == [path.name for path in (bench.folder / "out").iterdir()]


@pytest.mark.parametrize("outer", [True, False])
def test_each_document_has_its_own_language(bench: Bench, outer: bool) -> None:
    """A pipeline within another is strict or not by what it says itself."""
    text = f"""
        workflow:
          name: t
          strict: {str(outer).lower()}
          steps:
            - name: inner
              type: pipeline
              inputs: {{n: 1}}
              pipeline:
                name: i
                strict: {str(not outer).lower()}
                inputs: {{n: {{type: integer}}}}
                steps: [{{name: s, type: say, value: "{{{{ steps.nope.x }}}}"}}]
        """
    complaints = bench.complaints(text)

    if outer:
        assert [] == complaints
        assert "{{ steps.nope.x }}" == bench.results(text)["inner"]["s"]
    else:
        assert ["error[unknown-step]" in one for one in complaints] == [True]


def test_a_block_has_the_language_of_its_document(bench: Bench) -> None:
    """Nested steps are read as what is around them."""
    step = "{name: a, type: parallel, branches: {b: [{name: c, type: say, value: '{{ nope }}'}]}}"

    assert "" == bench.results(f"- {step}")["a"]["b"]["c"]
    strict = f"workflow: {{name: t, strict: true, steps: [{step}]}}"
    assert "error[unknown-name]" in bench.complaints(strict)[0]


def test_a_plugin_function_in_both_languages(bench: Bench) -> None:
    """It is called in templates, and in conditions."""
    bench.runtime.plugins.give([Plugin("loud", functions={"shout": str.upper})])
    steps = "[{name: a, type: say, value: \"{{ shout('a') }}\", condition: \"shout('b') == 'B'\"}]"

    for strict in ("true", "false"):
        text = f"workflow: {{name: t, strict: {strict}, steps: {steps}}}"
        assert {"a": "A"} == bench.results(text)


def test_what_is_missed_in_outputs_is_told(bench: Bench) -> None:
    """Outputs belong to no step: the document's own path is told."""
    bench.results(
        "workflow: {name: t, steps: [{name: a, type: say}], outputs: {b: '{{ state.c }}'}}"
    )
    told = [(one.path, one.code) for one in bench.events if one.kind == "warned"]

    assert [("t", "unresolved")] == told


def test_a_condition_that_fails_when_asked(bench: Bench) -> None:
    """What costs too much fails the step."""
    text = "- {name: a, type: say, condition: 'pow(10, 999) > 1'}"

    assert "t/a: the power is too large" in bench.failure(text)


def test_global_vars(bench: Bench) -> None:
    """They are read in expressions, and named as a source of data."""
    results = bench.results(
        """
        workflow:
          name: t
          global_vars: {rows: [3, 1], unit: s}
          steps:
            - {name: a, type: say, value: "{{global_vars.rows}}",
               condition: global_vars.unit == 's'}
            - {name: b, type: data_transform, input_source: "context:global_vars.rows"}
            - {name: c, type: say, value: "{{global_vars.nope}}"}
        """
    )

    assert ([3, 1], [3, 1]) == (results["a"], results["b"]["b"])
    assert "{{global_vars.nope}}" == results["c"]


@pytest.mark.parametrize("nested", [False, True])
def test_what_is_missed_in_variables_is_told(bench: Bench, nested: bool) -> None:
    """A workflow's variables belong to no step: the document's own path is told."""
    flow = (
        "{name: q, variables: {b: '{{ inputs.c }}', d: {e: 'x{{ gone }}'}},"
        " steps: [{name: a, type: say, value: '{{ d.e }}'}]}"
    )
    step = f"- {{name: p, type: pipeline, pipeline: {flow}}}"
    results = bench.results(step if nested else f"workflow: {flow}")
    told = [(e.path, e.message) for e in bench.events if e.kind == "warned" and e.code == MISSED]

    assert {"a": "x"} == (results["p"] if nested else results)
    path = "t/p/q" if nested else "q"
    assert [(path, f"there is nothing at {name!r}") for name in ("inputs.c", "gone")] == told
