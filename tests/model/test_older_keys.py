"""The keys that workflows of pipeline_ex have: read, told to change nothing, or told otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Bench, Genesis, Write

from otp_genesis.model.event import Warned
from otp_genesis.model.load import WORKFLOW_KEYS, parse_pipeline
from otp_genesis.model.older_keys import OLDER_KEYS

VALUES = {
    "workspace_dir": "ws",
    "output_dir": "out",
    "defaults": "{gemini_model: g}",
    "gemini_functions": "{f: {description: does it, parameters: {type: object}}}",
}
STEPS = "steps: [{name: a, type: say, value: 1}]"


@pytest.mark.parametrize("key", sorted(OLDER_KEYS))
def test_each_key_is_taken(bench: Bench, key: str) -> None:
    """It never keeps a document from running; where it does nothing, that is a warning."""
    value = VALUES.get(key, "{a: 1}")
    program = bench.check(f"workflow: {{name: t, {key}: {value}, {STEPS}}}")
    state = OLDER_KEYS[key].state
    codes = [one.code for one in program.warnings]

    assert codes == {"works": [], "no effect": ["no-effect"]}.get(state, ["not-supported"])
    assert (OLDER_KEYS[key].told != "") == (state != "works")


@pytest.mark.parametrize("key", sorted(OLDER_KEYS))
def test_strict_documents_have_none_of_them(bench: Bench, key: str) -> None:
    """There it is an unknown key, with what to write instead."""
    (complaint,) = bench.complaints(f"workflow: {{name: t, strict: true, {key}: {{}}, {STEPS}}}")

    assert f"error[unknown-key]: unknown key {key!r}" in complaint


def test_no_key_is_both() -> None:
    """What is canonical is in one list only."""
    assert set(OLDER_KEYS) & set(WORKFLOW_KEYS) == set()


def test_a_warning_does_not_refuse_a_document() -> None:
    """Neither leniently nor otherwise; a wrong type does."""
    pipeline = parse_pipeline(f"workflow: {{name: t, tags: [x], {STEPS}}}")

    assert [one.severity for one in pipeline.complaints] == ["warning"]
    with pytest.raises(Exception, match="'defaults' must be a mapping"):
        parse_pipeline(f"workflow: {{name: t, defaults: 7, {STEPS}}}")


def test_folders(genesis: Genesis, write: Write) -> None:
    """A document names where it works and writes; the command line is asked first."""
    write(
        "p.yaml",
        """
        workflow:
          name: p
          workspace_dir: ./desk
          defaults: {output_dir: ./results}
          steps:
            - {name: w, type: write_file, path: a.txt, content: hi}
            - {name: v, type: set_variable, variables: {x: 1}, output_to_file: v.json}
        """,
    )
    genesis.json("run", "p.yaml")
    genesis.json("run", "p.yaml", "--workspace", "other", "--output", "else")
    folder: Path = genesis.folder

    assert (folder / "desk" / "a.txt").read_text() == "hi"
    assert (folder / "results" / "v.json").is_file()
    assert (folder / "other" / "a.txt").is_file()
    assert (folder / "else" / "v.json").is_file()


def test_what_changes_nothing_is_told_by_the_run(bench: Bench) -> None:
    """As an event, once."""
    bench.run(f"workflow: {{name: t, checkpoint_enabled: true, {STEPS}}}")
    told = [event.message for event in bench.events if isinstance(event, Warned)]

    assert told == [
        "'checkpoint_enabled' has no effect: every finished step is kept; "
        "go on with genesis run --resume"
    ]
