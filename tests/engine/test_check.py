"""What a check says of a document: whole outputs against golden files, and what it lets pass."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from conftest import Bench, Genesis, Write

from otp_genesis.errors import InvalidDocument

GOLDEN = Path(__file__).parent / "golden" / "check"
CASES = sorted(path.stem for path in GOLDEN.glob("*.txt"))


@pytest.mark.parametrize("name", CASES)
def test_golden_complaints(name: str, bench: Bench) -> None:
    """Every complaint stands at the right line and column, with the line and a suggestion.

    A golden file is what `genesis check` prints, the folder taken away.
    """
    folder = shutil.copytree(GOLDEN, bench.folder / "docs")
    with pytest.raises(InvalidDocument) as caught:
        bench.runtime.check(bench.runtime.load(folder / f"{name}.yaml"))

    assert f"{caught.value}\n".replace(f"{folder}/", "") == (GOLDEN / f"{name}.txt").read_text()


def test_the_command_prints_the_same(genesis: Genesis) -> None:
    """`genesis check` prints all complaints on stderr and ends with 2."""
    shutil.copytree(GOLDEN, genesis.folder, dirs_exist_ok=True)
    done = genesis("check", "references.yaml", "strict.yaml")

    assert done.returncode == 2
    assert done.stdout == ""
    expected = "".join((GOLDEN / f"{name}.txt").read_text() for name in ("references", "strict"))
    assert done.stderr == expected


def test_good_and_bad_together(genesis: Genesis, write: Write) -> None:
    """A good document is called so on stdout, whatever the others are."""
    write("good.yaml", "workflow: {steps: [{name: a, type: set_variable, variables: {x: 1}}]}")
    done = genesis("check", "good.yaml", "missing.yaml")

    assert (done.returncode, done.stdout) == (2, "good.yaml: ok, 1 steps\n")
    assert done.stderr == "error: missing.yaml: No such file or directory\n"


def test_the_bound_program_can_be_seen(genesis: Genesis, write: Write) -> None:
    """`--bound` prints each step with its type and what templates fill."""
    write(
        "p.yaml",
        """
        workflow:
          steps:
            - name: each
              type: for_loop
              data_source: "{{ inputs.prompt }}"
              steps: [{name: show, type: command, command: "echo {{ item }}"}]
        """,
    )

    assert genesis("check", "--bound", "p.yaml").stdout.splitlines() == [
        "p.yaml: ok, 1 steps",
        "  each: for_loop (built-in)  fills data_source",
        "    show: command (built-in)  fills command",
    ]


@pytest.mark.parametrize(
    "step",
    [
        "{name: a, type: prompt, prompt: hi, output_schema: {type: nonsense}}",
        "{name: a, type: prompt, prompt: hi, needs: [telepathy]}",
        "{name: a, type: gate}",
        "{name: a, type: while_loop, condition: 'true', max_iterations: 0, steps: [GATE]}",
        "{name: a, type: command, command: []}",
        "{name: a, type: command, command: ls, limit_s: 0}",
        "{name: a, type: edit_file, path: a, old: '', new: b}",
        "{name: a, type: for_loop, data_source: [1], iterator: inputs, steps: [GATE]}",
        "{name: a, type: for_loop, data_source: [1], parallel: true, steps: [LIST]}",
        "{name: a, type: for_loop, data_source: [1], parallel: '{{ run.id }}', steps: [LIST]}",
    ],
)  # fmt: skip
def test_what_is_refused(step: str, bench: Bench) -> None:
    """These steps cannot run, and are refused before anything does."""
    step = step.replace("GATE", "{name: b, type: gate, question: q}")
    step = step.replace("LIST", "{name: b, type: command, command: ls}")

    assert len(bench.complaints(f"- {step}")) == 1


@pytest.mark.parametrize(
    "step",
    [
        "{name: a, type: set_variable, variables: {x: '{{ loop }}'}}",
        "{name: a, type: set_variable, variables: {}, output_to_file: '{{ nope }}'}",
        "{name: a, type: set_variable, variables: {}, condition: b.c > 1}",
        "{name: a, type: set_variable, variables: {x: '{{ steps.b }}'}}",
        "{name: a, type: set_variable, variables: {x: '{{ nope-not }}'}}",
    ],
)
def test_references_to_nothing(step: str, bench: Bench) -> None:
    """An error in a strict document; in another one a warning, and it runs."""
    (warning,) = bench.check(f"- {step}").warnings
    found = bench.complaints(f"workflow: {{name: t, strict: true, steps: [{step}]}}")

    assert "warning" == warning.severity
    assert ["error"] == [re.findall(r" (error|warning)\[", one)[0] for one in found][:1]
    assert ["a"] == list(bench.results(f"- {step}"))


@pytest.mark.parametrize("written", ["variables: {x: 1}", "variable: x, value: 1"])
def test_variables_that_steps_set(written: str, bench: Bench) -> None:
    """What a step sets is known to those after it, whichever way it is written."""
    steps = f"""
        - {{name: a, type: set_variable, {written}}}
        - {{name: b, type: set_variable, variables: {{y: "{{{{ x }}}}"}}}}
        """

    assert bench.check(steps).warnings == ()


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("condition: 'a.b between 1'", "'between' needs two ends"),
        ("condition: \"name matches '('\"", "is no pattern"),
        ("condition: ''", "an empty condition never holds"),
        ("condition: {and: ['', true]}", "an empty condition never holds"),
        ("description: d, output_to_file: '{{ add(1) }}'", "add() takes 2 arguments, not 1"),
        ("description: d, output_to_file: '{{ no(1) }}'", "there is no function 'no'"),
        ("description: d, output_to_file: '{{ 1 + }} {{ 2 }}'", "the expression ends too early"),
        ("description: d, output_to_file: '{% x {{ 2 }}'", "stays as it is"),
    ],
)
def test_what_is_warned_of(step: str, said: str, bench: Bench) -> None:
    """What pipeline_ex passed over in silence is told, and goes on."""
    text = f"- {{name: a, type: set_variable, variables: {{name: x, a: {{b: 2}}}}, {step}}}"
    messages = [one.message for one in bench.check(text).warnings if one.code != "unknown-step"]

    assert any(said in message for message in messages)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("a.b >", "error[expression]: the expression ends too early"),
        ("{maybe: [a]}", "error[expression]: a condition has one key: 'and', 'or' or 'not'"),
        ("{and: [true, 'a b']}", "error[expression]: unexpected 'b'"),
        ("\"'a' matches '(?=b)'\"", "error[expression]: looking around is not available"),
        ("'length(1, 2) > 1'", "error[expression]: length() takes 1 argument, not 2"),
        ("5", "error[wrong-type]: a condition is an expression, or true or false"),
    ],
)
def test_conditions_that_cannot_be_asked(condition: str, said: str, bench: Bench) -> None:
    """They are errors in any document, at the place of the part that is wrong."""
    text = f"- {{name: z, type: set_variable, variables: {{}}, condition: {condition}}}"
    found = bench.complaints(text)

    assert any(said in one for one in found)


@pytest.mark.parametrize(
    "step",
    [
        "{name: a, type: set_variable, variables: {x: '{{ inputs.prompt }}{{ run.id }}'}}",
        "{name: a, type: set_variable, variables: {}, description: d, condition: true, attempts: 3,"
        " timeout_s: 1.5, on_error: continue, output_schema: {type: object}, output_to_file: a}",
        "{name: a, type: for_loop, data_source: [1], iterator: parallel, steps: "
        "[{name: b, type: set_variable, variables: {x: '{{ parallel }} {{ loop.parallel }}'}}]}",
        "{name: a, type: parallel, branches: {b: [{name: c, type: read_file, path: x}]}}",
        "{name: a, type: switch, expression: \"'x'\", cases: {}, default: []}",
        "{name: a, type: command, command: 'echo {{ step.name }}', expect: [0, 1]}",
    ],
)  # fmt: skip
def test_what_passes(step: str, bench: Bench) -> None:
    """These are sound."""
    assert bench.complaints(f"- {step}") == []


def test_documents_may_not_nest_without_end(bench: Bench, write: Write) -> None:
    """Twenty-one documents within each other are refused, with the place of the last."""
    for number in range(25):
        inner = f"{{name: a, type: pipeline, pipeline_file: p{number + 1}.yaml}}"
        write(f"p{number}.yaml", f"workflow:\n  steps:\n    - {inner}\n")
    write("p25.yaml", "workflow: {steps: [{name: a, type: set_variable, variables: {}}]}")
    with pytest.raises(InvalidDocument, match="more than 20 pipelines within each other"):
        bench.runtime.check(bench.runtime.load(bench.folder / "p0.yaml"))

    assert bench.runtime.check(bench.runtime.load(bench.folder / "p6.yaml")).steps


def test_a_document_used_twice_is_no_cycle(bench: Bench, write: Write) -> None:
    """Two steps may include the same document, and its flaws are told once."""
    write("inner.yaml", "workflow: {steps: [{name: a, type: nothing}]}")
    found = bench.complaints(
        """
        - {name: a, type: pipeline, pipeline_file: inner.yaml}
        - {name: b, type: pipeline, pipeline_file: inner.yaml}
        """
    )

    assert len(found) == 1
    assert "inner.yaml:1:36: error[unknown-type]: unknown step type 'nothing'" in found[0]
