"""Small documents in the manners of pipeline_ex's own examples: each loads and runs."""

from __future__ import annotations

import json

import pytest
from conftest import Bench, Genesis, Write

from otp_genesis.errors import UsageError
from otp_genesis.model.event import Warned


def warned(bench: Bench) -> list[tuple[str, str, str]]:
    return [(e.path, e.code, e.message) for e in bench.events if isinstance(e, Warned)]


def test_inputs_of_the_command_line(genesis: Genesis, write: Write) -> None:
    """A bare name may mean an input; without it the run says what is missing."""
    write("a.ex", "defmodule A do\nend\n")
    write(
        "explain.yaml",
        """
        workflow:
          name: explain
          steps:
            - name: explain
              type: gemini
              prompt: [{type: file, path: "{{ code_file }}"}]
        """,
    )
    arguments = ("run", "explain.yaml", "--mode", "mock", "--workspace", ".")
    good = genesis.json(*arguments, "--input", "code_file=a.ex")
    bad = genesis(*arguments)

    assert (
        "Mock Gemini response for: defmodule A do\nend\n..." == (good["results"]["explain"]["text"])
    )
    assert 1 == bad.returncode
    assert "there is nothing at 'code_file'" in bad.stderr
    assert "the 'path' of a part of type 'file' is empty" in bad.stdout


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", "given"),
        ("- {name: set, type: set_variable, variables: {who: set}}", "set"),
        ("- {name: who, type: test_echo, value: step}", "step"),
    ],
)
def test_an_input_is_what_a_bare_name_means_last(bench: Bench, before: str, expected: str) -> None:
    """Variables and results have the name before it, in templates and in conditions."""
    text = f"""
workflow:
  name: t
  steps:
    {before}
    - {{name: a, type: test_echo, value: "{{{{ who }}}}", condition: "who == '{expected}'"}}
"""

    assert expected == bench.results(text, {"who": "given"})["a"]


def test_an_input_that_is_not_declared(bench: Bench) -> None:
    """It is refused, with the nearest that is declared."""
    text = """
workflow:
  name: t
  strict: {strict}
  inputs: {{city: {{type: string, default: Rome}}}}
  steps: [{{name: a, type: test_echo, value: "{{{{ inputs.city }}}}"}}]
"""
    for strict in ("true", "false"):
        with pytest.raises(UsageError, match="no input 'citty'; did you mean 'city'"):
            bench.run(text.format(strict=strict), {"citty": "x"})


def test_a_nested_document_takes_inputs_that_it_does_not_declare(bench: Bench) -> None:
    """What is given to a step of type `pipeline` is told at the document's own place."""
    inner = "{name: q, inputs: {n: 1}, steps: [{name: b, type: test_echo, value: '{{ m }}'}]}"
    result = bench.results(f"- {{name: a, type: pipeline, pipeline: {inner}, inputs: {{m: 2}}}}")

    assert {"b": 2} == result["a"]
    assert ("t/a/q", "unknown-input", "no input 'm'; known: n") in warned(bench)


def test_a_shell_s_command(bench: Bench) -> None:
    """`bash` has a shell run the text; a bad exit fails the step."""
    result = bench.results("- {name: a, type: bash, command: 'echo one; echo $((1 + 1))'}")["a"]

    assert (0, "one\n2\n") == (result["exit_code"], result["stdout"])
    assert "t/a: bash gave exit 3; it said: oh" == bench.failure(
        "- {name: a, type: bash, command: 'echo oh >&2; exit 3'}"
    )
    assert ["should have at least 1 character"] == [
        part
        for one in bench.complaints("- {name: a, type: bash, command: ''}")
        for part in ("should have at least 1 character",)
        if part in one
    ]


def test_a_file_outside_of_the_workspace(genesis: Genesis, write: Write) -> None:
    """It is refused, and the remedies that are told work."""
    write("papers/p.md", "Abstract")
    part = "{{type: file, path: {}}}"
    text = f"workflow: {{{{name: t, steps: [{{{{name: a, type: claude, prompt: [{part}]}}}}]}}}}"
    write("project/bad.yaml", text.format("../papers/p.md"))
    write("project/good.yaml", text.format("papers/p.md"))
    run = ("run", "--mode", "mock", "--json")
    bad = genesis(*run, "project/bad.yaml", "--workspace", "project")
    good = genesis(*run, "project/good.yaml", "--workspace", ".")

    assert "run with --workspace FOLDER where FOLDER holds it" in bad.stdout
    assert "Mock response for: Abstract..." in good.stdout


def test_a_file_that_stands_beside_the_workspace(genesis: Genesis, write: Write) -> None:
    """In a strict document it is told where it was looked for."""
    write("notes.md", "Notes")
    write(
        "p.yaml",
        """
        workflow:
          name: t
          strict: true
          steps: [{name: a, type: claude, prompt: [{type: file, path: notes.md}]}]
        """,
    )
    bad = genesis("run", "p.yaml", "--mode", "mock")

    assert "notes.md: there is no such file in the workspace" in bad.stdout
    assert 0 == genesis("run", "p.yaml", "--mode", "mock", "--workspace", ".").returncode


def test_a_variable_as_the_result_of_the_step_that_set_it(bench: Bench) -> None:
    """`previous_response:STEP:NAME` is the variable, with or without a path behind it."""
    result = bench.results(
        """
        - {name: set, type: set_variable, variable: rows, value: [{n: 1}, {n: 2}]}
        - {name: all, type: for_loop, data_source: "previous_response:set:rows",
           steps: [{name: e, type: test_echo, value: "{{ loop.item.n }}"}]}
        - {name: one, type: data_transform, input_source: "previous_response:set:rows[1].n"}
        """
    )

    assert [1, 2] == [row["results"]["e"] for row in result["all"]["iterations"]]
    assert 2 == result["one"]["one"]


@pytest.mark.parametrize("text", ['{"rows": [3]}', 'Here:\n```json\n{"rows": [3]}\n```\nDone.'])
def test_an_answer_that_is_json(bench: Bench, text: str) -> None:
    """A source reads the data that an answer's text is; what is no JSON has no fields."""
    step = (
        "- {{name: ask, type: test_echo, value: {{text: {}, success: true, cost: 0.0}}}}\n"
        "- {{name: t, type: data_transform, input_source: 'previous_response:ask.rows'}}"
    )

    assert [3] == bench.results(step.format(json.dumps(text)))["t"]["t"]
    assert "there is no field 'rows'" in bench.failure(step.format("no data"))


def test_a_result_by_its_output_field(bench: Bench) -> None:
    """The data of a `data_transform` can be named by its field, from a later step's prompt too."""
    result = bench.results(
        """
        - {name: group, type: data_transform, input_source: [{tier: gold, n: 1}],
           operations: [{operation: group_by, field: tier}], output_field: by_tier}
        - {name: named, type: test_echo, value: by_tier}
        - {name: use, type: data_transform,
           input_source: "previous_response:{{ named }}.gold[0].n"}
        - {name: say, type: claude,
           prompt: [{type: previous_response, step: "{{ named }}", extract: "gold[0].tier"}]}
        """,
        mode="mock",
    )

    assert 1 == result["use"]["use"]
    assert "Mock response for: gold..." == result["say"]["text"]


def test_a_task_of_a_step_with_several(bench: Bench) -> None:
    """A prompt takes a task's result by the task's name, or a field of it."""
    result = bench.results(
        """
        - {name: both, type: parallel_claude, parallel_tasks: [{id: list, prompt: files}]}
        - {name: say, type: claude, prompt: [
           {type: previous_response, step: both, extract: list.text}]}
        """,
        mode="mock",
    )

    assert "Mock response for: Mock response for: files......" == result["say"]["text"]


def test_a_transform_as_a_source_is_its_data(bench: Bench) -> None:
    """One goes on with what another made; a path may still name the parts of its result."""
    result = bench.results(
        """
        - {name: sorted, type: data_transform, input_source: [{n: 2}, {n: 1}],
           operations: [{operation: sort, field: n}], output_field: rows}
        - {name: more, type: data_transform, input_source: "previous_response:sorted",
           operations: [{operation: filter, condition: n > 1}]}
        - {name: count, type: data_transform,
           input_source: "previous_response:sorted:metadata.operation_count"}
        """
    )

    assert ([{"n": 2}], 1) == (result["more"]["more"], result["count"]["count"])


def test_a_header_beside_the_steps(genesis: Genesis, write: Write) -> None:
    """`pipeline` with the name beside `steps` is read as the workflow's own keys, and told."""
    text = "pipeline: {name: n}\nsteps: [{name: a, type: test_echo, value: 1}]\noutput: {}\n"
    write("p.yaml", text)
    write("strict.yaml", "strict: true\n" + text)
    done = genesis("check", "p.yaml")

    assert 0 == done.returncode
    assert "p.yaml:1:1: warning[deprecated]: 'pipeline' beside 'steps'" in done.stdout + done.stderr
    assert {"a": 1} == genesis.json("run", "p.yaml")["results"]
    assert "unknown key 'pipeline'" in genesis("check", "strict.yaml").stderr


def test_check_knows_output_fields(bench: Bench) -> None:
    """A source may name the field of a step before, and nothing that is not there."""
    steps = """
        - {name: group, type: data_transform, input_source: [{tier: gold}],
           operations: [{operation: group_by, field: tier}], output_field: by_tier}
        - {name: use, type: data_transform, input_source: "previous_response:NAME.gold"}
        """

    assert [{"tier": "gold"}] == bench.results(steps.replace("NAME", "by_tier"))["use"]["use"]
    (complaint,) = bench.complaints(steps.replace("NAME", "by_teir"))
    assert "there is no step 'by_teir' before this one" in complaint


def test_check_knows_bare_inputs(bench: Bench) -> None:
    """A declared input needs no `inputs.` before it where the document is not strict."""
    text = (
        "workflow: {name: t, strict: STRICT, inputs: {n: {default: 1}},"
        " steps: [{name: a, type: test_echo, value: '{{ n }}'}]}"
    )

    assert (1, []) == (bench.results(text.replace("STRICT", "false"))["a"], warned(bench))
    assert "'n' is not defined" in bench.complaints(text.replace("STRICT", "true"))[0]
