"""A document's skeleton, read from files of every kind."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Write
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.errors import GenesisError, InvalidDocument, UsageError
from otp_genesis.model.load import load_pipeline, parse_pipeline

GOOD = "workflow:\n  name: t\n  steps:\n    - {name: a, type: set_variable, variables: {x: ä}}\n"


def complaints(text: str) -> list[str]:
    """Return the first line of each complaint about `text`."""
    with pytest.raises(InvalidDocument) as caught:
        parse_pipeline(text, "f.yaml")
    return [str(one).splitlines()[0] for one in caught.value.diagnostics]


@pytest.mark.parametrize("encode", [str.encode, lambda text: b"\xef\xbb\xbf" + text.encode()])
def test_a_file_is_read(tmp_path: Path, encode: object) -> None:
    """UTF-8 with or without a mark, in lines of any system."""
    path = tmp_path / "p.yaml"
    assert callable(encode)
    path.write_bytes(encode(GOOD.replace("\n", "\r\n")))

    assert load_pipeline(path).steps[0].keys["variables"] == {"x": "ä"}


def test_json_is_a_document_too(write: Write) -> None:
    """A pipeline may be written as JSON."""
    text = json.dumps({"workflow": {"name": "j", "steps": [{"name": "😀", "type": "x"}]}})

    assert load_pipeline(write("p.json", text)).steps[0].name == "😀"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a: \xff\n", "p.yaml:1: not UTF-8 text"),
        (GOOD.encode() + b"# \xe4\n", "p.yaml:5: not UTF-8 text"),
        (GOOD.encode("utf-16"), "not UTF-8 text"),
        (b"#" * (10 * 1024 * 1024 + 1), "larger than 10 MiB"),
    ],
    ids=["first", "last", "utf-16", "huge"],
)
def test_a_file_that_is_no_text(tmp_path: Path, data: bytes, said: str) -> None:
    """What is no UTF-8, or too much, is refused in one line."""
    path = tmp_path / "p.yaml"
    path.write_bytes(data)

    with pytest.raises(UsageError, match=said):
        load_pipeline(path)


def test_ten_megabytes_are_read(tmp_path: Path) -> None:
    """Up to the limit the size is no reason to refuse."""
    path = tmp_path / "p.yaml"
    path.write_text(GOOD + "#" * (10 * 1024 * 1024 - len(GOOD.encode())))

    assert load_pipeline(path).name == "t"


def test_no_such_file(tmp_path: Path) -> None:
    """A missing file, or a folder, is told by its path."""
    with pytest.raises(UsageError, match=r"nothing\.yaml: No such file"):
        load_pipeline(tmp_path / "nothing.yaml")
    with pytest.raises(UsageError, match="Is a directory"):
        load_pipeline(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["f.yaml:1:1: error[shape]: a pipeline is a mapping with the key 'workflow'"]),
        ("- a", ["f.yaml:1:1: error[shape]: a pipeline is a mapping with the key 'workflow'"]),
        ("workflow: 3", ["f.yaml:1:11: error[shape]: 'workflow' must be a mapping"]),
        (
            "workflow: {name: t}",
            ["f.yaml:1:11: error[missing-key]: a pipeline needs at least one step"],
        ),
        (
            "workflow:\n  steps: {a: 1}\n",
            ["f.yaml:2:10: error[shape]: steps must be a list"],
        ),
        (
            "workflow:\n  nmae: t\n  steps: [{name: a, type: x}]",
            ["f.yaml:2:3: error[unknown-key]: unknown key 'nmae'; did you mean 'name'?"],
        ),
        (
            "workflow:\n  steps:\n  - 5\n  - {name: a}\n  - {type: x}\n  - {name: 1, type: x}",
            [
                "f.yaml:3:5: error[shape]: a step is a mapping with 'name' and 'type'",
                "f.yaml:4:5: error[missing-key]: the step has no 'type'",
                "f.yaml:5:5: error[missing-key]: the step has no 'name'",
                "f.yaml:6:12: error[wrong-type]: 'name' must be a non-empty string",
            ],
        ),
        (
            "workflow:\n  steps: [{name: a, type: x}]\n  strict: 1\n  env: [1]\n  outputs: []\n"
            "  inputs:\n    n: {typ: string}\n    m: {type: text}\n  codebase: {branch: b}",
            [
                "f.yaml:3:11: error[wrong-type]: 'strict' must be true or false",
                "f.yaml:4:8: error[wrong-type]: 'env' must be a list of variable names",
                "f.yaml:5:12: error[wrong-type]: 'outputs' must be a mapping of names to values",
                "f.yaml:7:9: error[unknown-key]: unknown key 'typ'; did you mean 'type'?",
                "f.yaml:8:15: error[wrong-type]: 'type' should be 'string', 'integer', 'number', "
                "'boolean', 'array', 'object' or 'any', not 'text'",
                "f.yaml:9:3: error[missing-key]: key 'project' is missing",
            ],
        ),
        (
            "workflow:\n  steps:\n  - {name: a/b, type: x}\n  - {name: a, type: x}\n"
            "  - {name: a, type: y}",
            [
                "f.yaml:3:12: error[name]: a step's name may hold neither '/' nor '{{'",
                "f.yaml:5:12: error[duplicate-name]: a step named 'a' stands in line 4 already",
            ],
        ),
        (
            "workflow: {steps: [{name: a, type: x}]}\nother: 1\nx-note: 2",
            ["f.yaml:2:8: error[unknown-key]: unknown key 'other' beside 'workflow'"],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_shape(text: str, said: list[str]) -> None:
    """All complaints are told at once, each at its place, in order."""
    assert complaints(text) == said


@pytest.mark.parametrize(
    ("declared", "value", "misfit"),
    [
        ("{type: integer}", 3, None),
        ("{type: integer}", True, "must be of type integer, not bool"),
        ("{type: integer}", "3", "must be of type integer, not str"),
        ("{type: number}", 1.5, None),
        ("{type: array}", [1], None),
        ("{type: object}", [], "must be of type object, not list"),
        ("{enum: [a, b]}", "c", "must be one of a, b"),
        ("{type: string, default: x}", None, None),
        ("{type: string}", None, "must be of type string, not NoneType"),
        ("just a default", 5, None),
    ],
)
def test_inputs_are_held_to_their_declaration(
    declared: str, value: object, misfit: str | None
) -> None:
    """A given input must be what the document declares."""
    pipeline = parse_pipeline(GOOD + f"  inputs: {{n: {declared}}}")
    complaint, _ = pipeline.take_inputs({"n": value})

    assert complaint == (f"input 'n' {misfit}" if misfit else None)


def test_a_default_is_held_to_its_own_declaration() -> None:
    """A default of another type is a complaint where it stands."""
    with pytest.raises(InvalidDocument) as refused:
        parse_pipeline(GOOD + "  inputs:\n    n: {type: integer, default: many}")

    (complaint,) = refused.value.diagnostics
    assert complaint.message == "the default must be of type integer, not str"
    assert complaint.source_line[complaint.column - 1 :].startswith("many")


def test_inputs_that_are_missing_or_too_many() -> None:
    """All that is wrong with the inputs is said, and defaults are filled in."""
    pipeline = parse_pipeline(GOOD + "  inputs: {city: {type: string}, size: {default: 3}}")

    assert pipeline.take_inputs({"citty": "x"}) == (
        "input 'city' is missing; no input 'citty'; did you mean 'city'?",
        {"citty": "x", "city": None, "size": 3},
    )
    assert pipeline.take_inputs({"city": "x", "prompt": "y"})[0] is None


@given(st.text("workflwstepname:y{}[]-&*\n \"'0", max_size=100))
def test_no_document_is_a_crash(text: str) -> None:
    """Whatever the document holds, it is a pipeline or refused."""
    with suppress(GenesisError):
        parse_pipeline(f"workflow:\n  steps:\n  - {text}")
