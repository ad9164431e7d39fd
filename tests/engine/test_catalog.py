"""What `check` says of types, strategies, capabilities, functions and versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench
from jsonschema import Draft7Validator

from otp_genesis.contracts.plugin import Plugin
from otp_genesis.engine.document_schema import document_schema
from otp_genesis.model.document import read_document
from otp_genesis.model.event import Warned
from otp_genesis.runtime import Runtime

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [
        *(ROOT / "examples" / "pipelines").glob("*.yaml"),
        ROOT / "examples" / "plugin_acme" / "acme.yaml",
        *(ROOT / "src" / "otp_genesis" / "otp" / "pipelines").rglob("*.yaml"),
    ]
)


def test_a_deprecated_type_is_warned_of(bench: Bench) -> None:
    """The check passes, the warning has its place, and the run tells it as an event."""
    bench.runtime.steps.alias("speak", "say")
    bench.runtime.steps.deprecate("speak", use="say", since="0.2")
    program = bench.check("- {name: a, type: speak, value: 1}")
    bench.run("- {name: a, type: speak, value: 1}")
    told = "step type 'speak' is deprecated since 0.2; use 'say'"

    assert [str(one).splitlines()[0] for one in program.warnings] == [
        f"{bench.folder / 't.yaml'}:4:23: warning[deprecated]: {told}"
    ]
    assert [(one.code, one.message) for one in bench.events if isinstance(one, Warned)] == [
        ("deprecated", told)
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {name: a, type: sayy}", "error[unknown-type]: unknown step type 'sayy'; did you mean"),
        (
            "- {name: a, type: prompt, prompt: x, needs: [tool]}",
            "error[unknown-capability]: no capability 'tool'; did you mean 'tools'?",
        ),
        (
            "- {name: a, type: prompt, prompt: x, provider_strategy: cheap}",
            "error[unknown-strategy]: no strategy 'cheap'; did you mean 'cheapest'?",
        ),
        (
            "workflow: {name: t, provider_strategy: quick, steps: [{name: a, type: say}]}",
            "error[unknown-strategy]: no strategy 'quick'",
        ),
        (
            "workflow: {name: t, requires: [otp-genesis>=99], steps: [{name: a, type: say}]}",
            "error[requires]: the document needs otp-genesis>=99, and there is ",
        ),
        (
            "workflow: {name: t, requires: ['a b'], steps: [{name: a, type: say}]}",
            "error[requires]: 'a b' is no requirement; write",
        ),
        (
            "workflow: {name: t, requires: 7, steps: [{name: a, type: say}]}",
            "error[wrong-type]: 'requires' must be a list such as",
        ),
        (
            "workflow: {strict: true, steps: [{name: a, type: say, value: '{{ shoot(1) }}'}]}",
            "error[unknown-name]: 'shoot' is not defined",
        ),
        (
            "- {name: a, type: say, condition: shoot(1)}",
            "error[unknown-function]: there is no function 'shoot'",
        ),
    ],
)
def test_what_is_not_there(bench: Bench, text: str, said: str) -> None:
    """Each is an error of the check, with its place and the nearest name."""
    (complaint,) = bench.complaints(text)

    assert said in complaint


def shout(text: str, times: int = 1) -> Any:
    if times > 9:
        raise ValueError("too loud")
    return object() if times < 0 else text.upper() * times


@pytest.fixture
def loud(bench: Bench) -> Bench:
    """A bench whose expressions can shout."""
    bench.runtime.plugins.give([Plugin("loud", functions={"shout": shout})])
    return bench


def test_functions_of_plugins(loud: Bench) -> None:
    """They are called in templates and conditions, with data, and give data."""
    result = loud.results(
        """
        - {name: a, type: say, value: "{{ shout('hi', times=2) }}"}
        - {name: b, type: say, value: "x{{ shout(steps.a) }}", condition: "shout('a') == 'A'"}
        - {name: c, type: say, value: 1, condition: "shout('a') == 'a'"}
        """
    )

    assert (result["a"], result["b"]) == ("HIHI", "xHIHI")
    assert result["c"]["skipped"] is True


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("shout('a', 10)", "shout(): ValueError: too loud"),
        ("shout('a', -1)", "shout(): this gives no data"),
        ("shout()", "shout(): TypeError: shout() missing 1 required positional argument: 'text'"),
        ("shout", "a function must be called"),
        ("shout.__globals__", "no '__globals__'"),
        ("shout._call", "no '_call'"),
    ],
)
def test_functions_that_fail(loud: Bench, expression: str, said: str) -> None:
    """What one raises is told by its name; the function itself cannot be had."""
    step = f'{{name: a, type: say, value: "{{{{ {expression} }}}}"}}'

    assert said in loud.failure(f"workflow: {{name: t, strict: true, steps: [{step}]}}")
    if "(" in expression:
        assert said in loud.failure(f"- {step}")
    else:
        assert [""] == list(loud.results(f"- {step}").values())


def test_a_run_keeps_the_functions_it_was_checked_with(loud: Bench) -> None:
    """A function that is taken away meanwhile is still there for what was checked."""
    program = loud.check("- {name: a, type: say, value: \"{{ shout('a') }}\"}")
    loud.runtime.functions.unregister("shout")

    assert program.functions["shout"]("a") == "A"
    (warning,) = loud.check("- {name: a, type: say, value: \"{{ shout('a') }}\"}").warnings
    assert "there is no function 'shout'" in warning.message


def schema() -> dict[str, Any]:
    runtime = Runtime.in_memory(
        plugin_files=[ROOT / "examples" / "plugin_acme" / "acme_genesis" / "greet.py"]
    )
    aliases = {name: one.of for name, one in runtime.steps.aliases().items()}
    return document_schema(runtime.steps, aliases)


SCHEMA = schema()


def test_the_schema_is_a_schema() -> None:
    """Draft 7 itself says so, and every reference in it leads somewhere."""
    Draft7Validator.check_schema(SCHEMA)
    text = json.dumps(SCHEMA)
    for part in text.split('"$ref": "#/definitions/')[1:]:
        assert part.split('"')[0] in SCHEMA["definitions"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_document_that_ships_fits_the_schema(path: Path) -> None:
    """An editor does not complain of what the check accepts."""
    data = read_document(path.read_text(encoding="utf-8"), str(path)).data

    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(data)] == []


@pytest.mark.parametrize(
    "text",
    [
        "workflow: {steps: []}",
        "workflow: {name: x}",
        "workflow: {name: x, stepz: [], steps: [{name: a, type: gate, question: q}]}",
        "steps: [{name: a, type: no_such_type}]",
        "steps: [{name: a, type: gate}]",
        "steps: [{name: a, type: gate, question: q, unknown: 1}]",
        "steps: [{name: a, type: gate, question: q, attempts: many}]",
        "steps: [{type: gate, question: q}]",
        "steps: [{name: a, type: for_loop, data_source: [1], steps: [{name: b, type: nope}]}]",
    ],
)
def test_what_the_check_refuses_does_not_fit(bench: Bench, text: str) -> None:
    """Shapes that are wrong are wrong for both."""
    assert list(Draft7Validator(SCHEMA).iter_errors(read_document(text).data)) != []
    assert bench.complaints(text if text.startswith("workflow") else "{" + text + "}") != []


@pytest.mark.parametrize(
    "text",
    [
        "steps: [{name: a, type: gate, question: q, timeout_s: '{{ inputs.t }}'}]",
        "steps: [{name: a, type: for_loop, data_source: '{{ inputs.l }}', parallel: '{{ x }}',"
        " steps: [{name: b, type: gate, question: q}]}]",
        "steps: [{name: a, type: gate, question: q, condition: true}]",
        "{workflow: {steps: [{name: a, type: gate, question: q}]}, x-note: hi}",
    ],
)
def test_templates_may_stand_anywhere(text: str) -> None:
    """Where a number or a list is asked for, a template will do."""
    assert list(Draft7Validator(SCHEMA).iter_errors(read_document(text).data)) == []
