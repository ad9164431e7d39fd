"""Steps of older documents in today's words: `defaults`, renamed keys, keys without effect."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Bench, Genesis, Write

from otp_genesis.engine.program import BoundStep

SAY = "steps: [{name: a, type: say, value: 1}]"
ASK = "{name: a, type: KIND, prompt: hi}"


def bound(bench: Bench, defaults: str, step: str, more: str = "") -> BoundStep:
    """Return the one step of a document with these defaults."""
    text = f"workflow: {{name: t, defaults: {defaults}, {more} steps: [{step}]}}"
    return bench.check(text).steps[0]


def options(bench: Bench, defaults: str, step: str) -> dict[str, Any]:
    """Return the step's `claude_options`, as far as they are said."""
    constant: Any = bound(bench, defaults, step).constant
    return dict(constant.claude_options.model_dump(exclude_unset=True))


@pytest.mark.parametrize("kind", ["claude", "claude_smart", "claude_extract", "claude_robust"])
def test_default_options_lie_under_those_of_the_step(bench: Bench, kind: str) -> None:
    """Key by key; the format and the models are said unless the options say them."""
    step = f"{{name: a, type: {kind}, prompt: hi, claude_options: {{max_turns: 2}}}}"
    defaults = (
        "{claude_options: {max_turns: 9, verbose: true, model: opus}, claude_output_format: text,"
        " claude_model: sonnet, claude_fallback_model: haiku}"
    )

    assert options(bench, defaults, step) == {
        "max_turns": 2, "verbose": True, "model": "opus", "output_format": "text",
        "fallback_model": "haiku",
    }  # fmt: skip


def test_default_preset(bench: Bench) -> None:
    """For the steps that have one, where they name none."""
    named = "{name: a, type: claude_smart, prompt: hi, preset: chat}"
    plain = ASK.replace("KIND", "claude_smart")
    smart: Any = bound(bench, "{claude_preset: analysis}", plain).constant
    own: Any = bound(bench, "{claude_preset: analysis}", named).constant

    assert (smart.preset, own.preset) == ("analysis", "chat")


def test_defaults_for_gemini(bench: Bench) -> None:
    """Its model and its budget; a budget of the step is laid over it."""
    defaults = "{gemini_model: g-9, gemini_token_budget: {temperature: 0.1, top_k: 3}}"
    step = "{name: a, type: gemini, prompt: hi, token_budget: {top_k: 5}}"
    params: Any = bound(bench, defaults, step).constant

    assert params.model == "g-9"
    assert params.token_budget.model_dump(exclude_none=True) == {"temperature": 0.1, "top_k": 5}


def test_defaults_speak_of_no_other_steps(bench: Bench) -> None:
    """A step that has no such key does not get it."""
    step = bound(bench, "{claude_options: {max_turns: 1}}", "{name: a, type: say, value: 1}")

    assert step.values == {"value": 1}


def test_limits_of_every_step(bench: Bench) -> None:
    """Seconds, failures that do not end the run, and attempts, under their older names."""
    older = "timeout_seconds: 7, continue_on_error: true, retry_count: 2"
    step = f"{{name: a, type: say, value: 1, {older}}}"
    settings = bound(bench, "{}", step).settings
    other = bound(
        bench, "{timeout_seconds: 3, continue_on_error: true}", "{name: a, type: say, value: 1}"
    ).settings

    assert (settings.timeout_s, settings.on_error, settings.attempts) == (7, "continue", 3)
    assert (other.timeout_s, other.on_error, other.attempts) == (3, "continue", 1)


def test_todays_words_count_where_both_are_said(bench: Bench) -> None:
    """The older ones give way."""
    both = "timeout_seconds: 7, timeout_s: 5, max_retries: 4, attempts: 2"
    step = f"{{name: a, type: say, value: 1, {both}}}"
    settings = bound(bench, "{timeout_seconds: 3}", step).settings

    assert (settings.timeout_s, settings.attempts) == (5, 2)


def test_a_type_with_a_key_of_that_name_keeps_it(bench: Bench) -> None:
    """`timeout_seconds` of a loop is the loop's own."""
    loop = "{name: a, type: while_loop, condition: 'false', timeout_seconds: 4, steps: []}"
    step = bound(bench, "{timeout_seconds: 3}", loop)

    assert (step.values["timeout_seconds"], step.settings.timeout_s) == (4, None)


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("timeout_seconds: -1", "a number of seconds above 0, not -1"),
        ("timeout_seconds: soon", "a number of seconds above 0, not 'soon'"),
        ("continue_on_error: maybe", "true or false, not 'maybe'"),
        ("retry_count: 100", "a number from 0 to 99, not 100"),
        ("retry_count: [1]", "a number from 0 to 99, not [1]"),
    ],
)
def test_wrong_types(bench: Bench, written: str, what: str) -> None:
    """Each is told in the word that the author wrote, at its place."""
    step = f"{{name: a, type: say, value: 1, {written}}}"
    (complaint,) = bench.complaints(f"workflow: {{name: t, steps: [{step}]}}")

    assert f"{written.split(':')[0]!r} must be {what}" in complaint


def test_a_default_that_cannot_be(bench: Bench) -> None:
    """It is told at the step that it is meant for, and of one step."""
    text = (
        "workflow: {name: t, defaults: {claude_preset: fast}, steps: ["
        "{name: a, type: claude, prompt: hi}, {name: b, type: claude_smart, prompt: hi}]}"
    )
    (complaint,) = bench.complaints(text)

    assert "preset" in complaint
    assert "'development'" in complaint


def test_strict_documents_say_it_in_todays_words(bench: Bench) -> None:
    """There an older key is an unknown one."""
    text = (
        "workflow: {name: t, strict: true, steps: [{name: a, type: say, value: 1, retry_count: 1}]}"
    )
    (complaint,) = bench.complaints(text)

    assert "error[unknown-key]: 'say' has no key 'retry_count'" in complaint


def test_keys_without_effect_are_told_by_check(bench: Bench) -> None:
    """However deep, with the place; what is not written is not told of."""
    text = (
        "workflow: {name: t, steps: [{name: a, type: claude_batch, tasks: [{prompt: hi}, {prompt:"
        " hi, claude_options: {async_streaming: true}}], claude_options: {print: true}}]}"
    )
    found = [(one.message.split("'")[1], one.column) for one in bench.check(text).warnings]

    assert found == [(key, text.index(key) + 1) for key in ("async_streaming", "print")]


def test_names_of_the_environment(genesis: Genesis, write: Write) -> None:
    """`${NAME:-default}` stands in steps, variables and folders; in prompts it is text."""
    write(
        "p.yaml",
        """
        workflow:
          name: p
          workspace_dir: "${DESK:-desk}"
          variables: {who: "${WHO:-nobody}", home: "${MISSING}"}
          steps:
            - {name: a, type: write_file, path: "${FILE-a}.txt", content: "${WHO}"}
            - {name: b, type: claude, prompt: "Say ${WHO}", claude_options: {cwd: "${WHO:-x}/y"}}
            - name: c
              type: data_transform
              input_source: "{{ [who, home] }}"
              output_field: "${FIELD:-it's}"
        """,
    )
    report = genesis.json("run", "p.yaml", "--mode", "mock", WHO="Ada", DESK="")

    assert (genesis.folder / "desk" / "a.txt").read_text(encoding="utf-8") == "${WHO}"
    assert "Say ${WHO}" in report["results"]["b"]["text"]
    assert report["results"]["c"]["it's"] == ["Ada", ""]


def test_what_an_older_document_reads_of_the_environment(bench: Bench) -> None:
    """Only the names that it writes are there."""
    text = "workflow: {name: t, steps: [{name: a, type: say, value: '${HOME:-x} ${NOT_THERE}'}]}"
    program = bench.check(text)

    assert program.pipeline.env == ("HOME", "NOT_THERE")
    assert bench.check(f"workflow: {{name: t, {SAY}}}").pipeline.env == ()


@pytest.mark.parametrize(
    ("outer", "step", "preset"),
    [
        ("environment: {mode: production}", "environment_aware: true", "production"),
        ("environment: {mode: production}", "environment_aware: false", None),
        ("environment: {mode: production}", "environment_aware: true, preset: chat", "chat"),
        ("environment: {mode: else}", "environment_aware: true", None),
        ("environment: {mode: test}, defaults: {claude_preset: analysis}",
         "environment_aware: true", "analysis"),
    ],
)  # fmt: skip
def test_a_preset_by_environment(bench: Bench, outer: str, step: str, preset: str | None) -> None:
    """The mode is the preset of a step that heeds it, where neither it nor `defaults` names one."""
    asked = f"{{name: a, type: claude_smart, prompt: hi, {step}}}"
    params: Any = bench.check(f"workflow: {{name: t, {outer}, steps: [{asked}]}}").steps[0].constant

    assert params.preset == preset


def test_prompts_name_files_from_where_the_run_was_asked_for(
    genesis: Genesis, write: Write
) -> None:
    """Where the workspace has no such file; what lies outside both is refused."""
    write("here.txt", "from here")
    write("workspace/there.txt", "from there")
    write("workspace/both.txt", "the workspace's")
    write("both.txt", "not this")
    parts = "".join(f"{{type: file, path: {name}.txt}}, " for name in ("here", "there", "both"))
    text = "workflow: {name: p, STRICTsteps: [{name: a, type: claude, prompt: [PARTS]}]}"
    write("p.yaml", text.replace("STRICT", "").replace("PARTS", parts))
    write("s.yaml", text.replace("STRICT", "strict: true, ").replace("PARTS", parts))
    write("o.yaml", text.replace("STRICT", "").replace("PARTS", "{type: file, path: ../x.txt}"))
    (genesis.folder.parent / "x.txt").write_text("secret", encoding="utf-8")
    report = genesis.json("run", "p.yaml", "--mode", "mock")

    assert "from here" in report["results"]["a"]["text"]
    strict = genesis.json("run", "s.yaml", "--mode", "mock")
    assert "here.txt: there is no such file in the workspace" in strict["error"]["message"]
    outside = genesis.json("run", "o.yaml", "--mode", "mock")
    assert "outside the project" in outside["error"]["message"]
