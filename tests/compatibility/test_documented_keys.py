"""The page of older keys names every key that documents or pages of pipeline_ex have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Bench

from otp_genesis.model.older_keys import PART_KEYS, STEP_KEYS, TYPE_KEYS, WITHIN_KEYS

SAY = "steps: [{name: a, type: say, value: 1}]"
FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "older-keys.md"


def told() -> dict[str, dict[str, str]]:
    """Return the state of each key below each title of the page."""
    found: dict[str, dict[str, str]] = {}
    title = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            title = line[3:]
        elif row := re.match(r"\| `(.+?)` \| (works|no effect|not supported) \|", line):
            found.setdefault(title, {})[row[1]] = row[2]
    return found


def documented() -> Iterator[tuple[str, str]]:
    """Yield each documented key with the section it belongs to."""
    for line in (FOLDER / "documented_keys.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            title, _, keys = line.rpartition(": ")
            yield from ((title, key) for key in keys.split())


def test_no_documented_key_is_missing() -> None:
    """Each is built, or answered with what to do instead."""
    states = told()
    missing = [(title, key) for title, key in documented() if key not in states.get(title, {})]

    assert missing == []
    assert len(list(documented())) > 330


def steps(*written: str) -> str:
    listed = "".join(f"\n    - {one}" for one in written)
    return f"workflow:\n  name: t\n  gemini_functions: {{}}\n  steps:{listed}\n"


def codes(bench: Bench, text: str) -> list[tuple[str, str]]:
    """Return the code and the key of each warning of a document that passes."""
    return [(one.code, one.message.split("'")[1]) for one in bench.check(text).warnings]


@pytest.mark.parametrize("key", [k for k, one in STEP_KEYS.items() if one.state != "works"])
def test_a_key_of_any_step(bench: Bench, key: str) -> None:
    """It is a warning that names the key; in a strict document it is an error with the remedy."""
    state = STEP_KEYS[key].state.replace(" ", "-")
    step = f"{{name: a, type: say, value: 1, {key}: {{a: 1}}}}"

    assert codes(bench, steps(step)) == [(state, key)]
    strict = steps(step).replace("  name: t\n", "  name: t\n  strict: true\n")
    (complaint,) = bench.complaints(strict.replace("  gemini_functions: {}\n", ""))
    assert f"'say' has no key {key!r}; {STEP_KEYS[key].told}" in complaint


@pytest.mark.parametrize(
    ("kind", "rest"),
    [
        ("parallel_claude", "parallel_tasks: [{id: a, prompt: hi}]"),
        ("claude_extract", "prompt: hi"),
        ("pipeline", "pipeline: {name: in, steps: [{name: b, type: say, value: 1}]}"),
        ("for_loop", "iterator: x, data_source: '{{ [1] }}', steps: []"),
        ("while_loop", "condition: workflow.name == 'x', steps: []"),
    ],
)
def test_a_key_of_one_type(bench: Bench, kind: str, rest: str) -> None:
    """Each is told at its place, however deep, and the document passes without it."""
    for dotted, older in TYPE_KEYS[kind].items():
        outer, _, inner = dotted.rpartition(".")
        key = f"{outer}: {{{inner}: 1}}" if outer else f"{inner}: 1"
        found = codes(bench, steps(f"{{name: a, type: {kind}, {rest}, {key}}}"))

        assert found == [(older.state.replace(" ", "-"), inner)]


@pytest.mark.parametrize(
    ("kind", "rest"), [("file", "path: a.txt"), ("previous_response", "step: z")]
)
def test_a_key_of_a_part(bench: Bench, kind: str, rest: str) -> None:
    """Also in the tasks of a step."""
    before = "{name: z, type: say, value: 1}"
    for key, older in PART_KEYS[kind].items():
        part = f"[{{type: {kind}, {rest}, {key}: x}}]"
        alone = steps(before, f"{{name: a, type: claude, prompt: {part}}}")
        within = steps(before, f"{{name: a, type: claude_batch, tasks: [{{prompt: {part}}}]}}")
        wanted = [(older.state.replace(" ", "-"), key)]

        assert (codes(bench, alone), codes(bench, within)) == (wanted, wanted)


def test_keys_within_the_workflows_mappings(bench: Bench) -> None:
    """`environment` may hold anything; what `defaults` does not know is told."""
    for outer, known in WITHIN_KEYS.items():
        for key, older in known.items():
            value = {"timeout_seconds": "9", "continue_on_error": "true"}.get(key, "x")
            found = bench.check(f"workflow: {{name: t, {outer}: {{{key}: {value}}}, {SAY}}}")
            wanted = [] if older.state == "works" else [older.state.replace(" ", "-")]

            assert [one.code for one in found.warnings] == wanted
    (warning,) = bench.check(f"workflow: {{name: t, defaults: {{modl: x}}, {SAY}}}").warnings
    assert warning.message.startswith("'defaults' has no key 'modl'")
    assert bench.check(f"workflow: {{name: t, environment: {{any: 1}}, {SAY}}}").warnings == ()
