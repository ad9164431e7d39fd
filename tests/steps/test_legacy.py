"""The model steps of pipeline_ex: what they take, what they ask, what they give."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from conftest import Bench

from otp_genesis.contracts.provider import FunctionProvider, Reply, Request
from otp_genesis.errors import NoProvider, ProviderError
from otp_genesis.model.event import Warned
from otp_genesis.model.outcome import Usage
from otp_genesis.testing import Scripted, ScriptedProvider

ALL = frozenset(("text", "structured_output", "tools", "sessions", "agent"))


def scripted(bench: Bench, *answers: Scripted | str) -> ScriptedProvider:
    provider = ScriptedProvider(answers, capabilities=ALL)
    bench.runtime.providers.register(provider, replace=True)
    return provider


def function(bench: Bench, answer: Any) -> list[Request]:
    """Have `answer(request)` answer; return the list of what is asked."""
    seen: list[Request] = []

    async def complete(request: Request) -> Reply | str:
        seen.append(request)
        said: Reply | str = await answer(request)
        return said

    bench.runtime.providers.unregister("scripted")
    bench.runtime.providers.register(FunctionProvider("fun", ALL, complete))
    return seen


def warnings(bench: Bench) -> list[tuple[str, str]]:
    return [(event.code, event.message) for event in bench.events if isinstance(event, Warned)]


def places(bench: Bench, text: str) -> list[tuple[str, str, str]]:
    """Return line, code and message of each complaint."""
    found = [re.search(r":(\d+):\d+: error\[(.+?)\]: (.*)", one) for one in bench.complaints(text)]
    return [(one[1], one[2], one[3]) for one in found if one]


# What a document may say


@pytest.mark.parametrize(
    ("step", "line", "code", "said"),
    [
        ("type: claude", "4", "missing-key", "'prompt' is missing"),
        ("type: claude\n  prompt: 5", "6", "wrong-type", "a prompt is a text, or a list of parts"),
        ("type: claude\n  prompt: x\n  claude_option: {}", "7", "unknown-key", "'claude_options'?"),
        (
            "type: claude\n  prompt: x\n  claude_options: {max_turn: 3}",
            "7",
            "unknown-key",
            "'max_turn'; did you mean 'max_turns'?",
        ),
        (
            "type: claude\n  prompt: x\n  claude_options:\n    max_turns: many",
            "8",
            "wrong-type",
            "'max_turns' should be a valid integer",
        ),
        (
            "type: claude\n  prompt: x\n  claude_options: {stream_handler: tv}",
            "7",
            "wrong-type",
            "'console', 'simple'",
        ),
        (
            "type: claude\n  prompt:\n    - type: static\n      content: y\n      contnt: x",
            "9",
            "unknown-key",
            "'contnt'; did you mean 'content'?",
        ),
        ("type: claude\n  prompt: [{type: statc}]", "6", "wrong-type", "did you mean 'static'?"),
        ("type: claude_smart\n  prompt: x\n  preset: fast", "7", "wrong-type", "'development'"),
        (
            "type: claude_session\n  prompt: x\n  session_config: {persist: maybe}",
            "7",
            "wrong-type",
            "'persist' should be a valid boolean",
        ),
        (
            "type: claude_extract\n  prompt: x\n  extraction_config: {format: html}",
            "7",
            "wrong-type",
            "'structured'",
        ),
        (
            "type: claude_batch\n  batch_config: {max_parallel: 0}\n  prompt: x",
            "6",
            "wrong-type",
            "greater than or equal to 1",
        ),
        ("type: claude_batch", "4", "wrong-type", "give 'tasks', or a 'prompt'"),
        (
            "type: claude_batch\n  tasks:\n    - task_id: a",
            "7",
            "wrong-type",
            "a task needs 'prompt' or 'file'",
        ),
        (
            "type: claude_batch\n  tasks: [{id: a, prompt: x}, {task_id: a, prompt: y}]",
            "4",
            "wrong-type",
            "two tasks are called 'a'",
        ),
        (
            "type: claude_robust\n  prompt: x\n  retry_config: {backoff_strategy: cubic}",
            "7",
            "wrong-type",
            "'linear', 'exponential' or 'fixed'",
        ),
        ("type: parallel_claude\n  parallel_tasks: []", "4", "wrong-type", "needs one task"),
        (
            "type: parallel_claude\n  parallel_tasks: [{prompt: x}]",
            "6",
            "missing-key",
            "'id' is missing",
        ),
        (
            "type: gemini\n  prompt: x\n  token_budget: {temperature: hot}",
            "7",
            "wrong-type",
            "valid number",
        ),
        (
            "type: gemini\n  prompt: x\n  token_budget: {max_output_token: 5}",
            "7",
            "unknown-key",
            "did you mean 'max_output_tokens'?",
        ),
        (
            "type: gemini_instructor\n  prompt: x\n  validation_mode: lax",
            "7",
            "wrong-type",
            "'strict' or 'loose'",
        ),
    ],
)
def test_what_is_refused(bench: Bench, step: str, line: str, code: str, said: str) -> None:
    """Wrong types and unknown keys are found at their line, however deep, with the nearest."""
    found = places(bench, f"- name: a\n  {step}\n")

    assert [(line, code)] == [(where, what) for where, what, _ in found]
    assert said in found[0][2]


def test_templates_may_stand_wherever_a_value_may(bench: Bench) -> None:
    """A number or a switch from a template is typed when the step runs."""
    provider = scripted(bench, "ok")
    text = """
        - name: a
          type: claude
          claude_options: {max_turns: "{{ inputs.n }}", allowed_tools: "{{ ['Read'] }}"}
          prompt:
            - {type: static, content: one, condition: "{{ inputs.n > 5 }}"}
            - {type: static, content: "two {{ inputs.n }}"}
        """

    bench.results(f"workflow:\n  inputs: {{n: 2}}\n  steps:{text}")
    assert "two 2" == provider.requests[0].prompt
    assert {"max_turns": 2, "allowed_tools": ["Read"]} == provider.requests[0].options


# claude, claude_smart


def test_claude(bench: Bench) -> None:
    """The options go to the provider as they are; what every provider knows is told to any."""
    reply = Reply(text="done", model="m1", usage=Usage(cost_usd=0.25))

    async def answer(request: Request) -> Reply:
        return reply

    seen = function(bench, answer)
    options = {
        "max_turns": 3, "system_prompt": "Be brief.", "append_system_prompt": "Be kind.",
        "model": "opus", "cwd": "x", "mcp_servers": {"s": {"command": "run", "args": ["a"]}},
        "hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": ["validate_bash"]}]},
        "agents": {"r": {"description": "d", "prompt": "p", "tools": ["Read"]}},
    }  # fmt: skip
    step = {"name": "a", "type": "claude", "role": "muscle", "prompt": "hi"}
    result = bench.results(document({**step, "claude_options": options}))

    assert {"text": "done", "success": True, "cost": 0.25, "model": "m1"} == result["a"]
    assert options == seen[0].options
    assert ("hi", "Be brief.\n\nBe kind.", "opus") == (
        seen[0].prompt, seen[0].system, seen[0].model,
    )  # fmt: skip
    assert frozenset(("text",)) == seen[0].needs
    assert [] == warnings(bench)


def document(*steps: dict[str, Any]) -> str:
    """Return a document of these steps: what is JSON is YAML."""
    return json.dumps({"workflow": {"name": "t", "steps": steps}})


def test_a_result_without_what_nobody_knows(bench: Bench) -> None:
    """Without a model's name there is none, as in the rehearsals of pipeline_ex."""

    async def answer(request: Request) -> str:
        return "said"

    function(bench, answer)

    assert {"text": "said", "success": True, "cost": 0.0} == (
        bench.results("- {name: a, type: claude, prompt: hi}")["a"]
    )


def test_the_provider_that_is_asked_for(bench: Bench) -> None:
    """`provider` is honoured; where it is not there the run says so."""
    scripted(bench, "one")
    other = ScriptedProvider(["two"], name="other")
    bench.runtime.providers.register(other)

    result = bench.results("- {name: a, type: claude, prompt: hi, provider: other}")
    assert "two" == result["a"]["text"]
    with pytest.raises(NoProvider, match="nobody"):
        bench.run("- {name: a, type: gemini, prompt: hi, provider: nobody}")


def test_claude_smart(bench: Bench) -> None:
    """A preset gives the options, the step's own are laid over them, and the result says so."""
    provider = scripted(bench, "ok")
    text = "prompt: hi, claude_options: {max_turns: 9, retry_config: {max_retries: 1}}"
    result = bench.results(
        f"- {{name: a, type: claude_smart, preset: analysis, {text}}}\n"
        "- {name: b, type: claude_smart, prompt: hi, claude_options: {allowed_tools: [Own]}}\n"
        "- {name: c, type: claude_smart, preset: chat, prompt: hi}"
    )
    first, second, third = (request.options for request in provider.requests)

    assert {
        "preset_applied": "analysis", "environment_aware": False, "optimization_applied": True,
    } == result["a"]["claude_smart_metadata"]  # fmt: skip
    assert (9, "opus", ["Read", "Glob", "Grep"]) == (
        first["max_turns"], first["model"], first["allowed_tools"],
    )  # fmt: skip
    assert (1, "exponential") == (
        first["retry_config"]["max_retries"], first["retry_config"]["backoff_strategy"],
    )  # fmt: skip
    assert ["Own", "Write", "Edit", "Read", "Bash", "Search", "Glob", "Grep"] == (
        second["allowed_tools"]
    )
    assert "development" == result["b"]["claude_smart_metadata"]["preset_applied"]
    assert "model" not in third
    assert provider.requests[0].system == (
        f"{first['system_prompt']}\n\n{first['append_system_prompt']}"
    )


def test_what_the_options_want_told(bench: Bench) -> None:
    """Telemetry, costs, retries and what was applied are in the result where they are wanted."""

    async def answer(request: Request) -> Reply:
        usage = Usage(input_tokens=3, output_tokens=4, cost_usd=0.5)
        return Reply(text="ok", session="s1", usage=usage)

    function(bench, answer)
    result = bench.results("- {name: a, type: claude_smart, prompt: hi}")["a"]

    assert "s1" == result["session_id"]
    assert 7 == result["telemetry"]["tokens_used"]
    assert {"total_cost_usd": 0.5, "tracking_enabled": True} == result["cost_tracking"]
    assert {"attempts_made": 1, "max_retries": 3, "final_attempt": True} == result["retry_info"]
    assert "fun" == result["debug_info"]["provider"]


def test_an_answer_that_takes_too_long(bench: Bench) -> None:
    """`timeout_ms` ends the call, also for plain `claude`."""

    async def answer(request: Request) -> str:
        await asyncio.Event().wait()
        return "never"

    function(bench, answer)
    options = "claude_options: {timeout_ms: 20}"

    assert "t/a: timeout: no answer within 0.02 s" == bench.failure(
        f"- {{name: a, type: claude, prompt: hi, {options}}}"
    )


def test_retries_of_the_options(bench: Bench) -> None:
    """`retry_config` counts all attempts; `retry_on` are words of the error."""
    busy = Scripted(error="API-Error: busy", once=True)
    provider = scripted(bench, busy, busy, "at last")
    retry = "{max_retries: 3, base_delay_ms: 0, retry_on: [api_error]}"
    text = f"- {{name: a, type: claude, prompt: hi, claude_options: {{retry_config: {retry}}}}}"

    assert "at last" == bench.results(text)["a"]["text"]
    assert 3 == len(provider.requests)
    provider = scripted(bench, Scripted(error="no credit"))
    bench.failure(text)
    assert 1 == len(provider.requests)


def test_keys_without_effect_are_named(bench: Bench) -> None:
    """What older documents say and nothing heeds is told, each key with the reason."""
    scripted(bench, "ok")
    bench.results(
        """
        - name: a
          type: claude_smart
          environment_aware: true
          options: {x: 1}
          streaming: {enabled: true}
          claude_options: {async_streaming: false, stream_handler: null, print: true}
          prompt: hi
        - name: b
          type: parallel_claude
          parallel_tasks: [{id: x, prompt: hi}]
        - name: c
          type: claude_extract
          prompt: [{type: previous_response, step: b, post_processing: [extract_entities]}]
          extraction_config: {post_processing: [nonsense], use_content_extractor: true}
        """
    )
    keys = [message.split(" has no effect")[0] for _, message in warnings(bench)]

    assert [
        "'options'", "'streaming'", "'async_streaming'", "'print'", "'use_content_extractor'",
        "there is no post_processing 'extract_entities'; it does nothing",
        "there is no post_processing 'nonsense'; it does nothing",
    ] == keys  # fmt: skip


# claude_session


def sessions(bench: Bench) -> list[Request]:
    """Have a provider answer that keeps conversations."""

    async def answer(request: Request) -> Reply:
        return Reply(text=f"to {request.prompt}", session=request.session or f"id-{len(seen)}")

    seen = function(bench, answer)
    return seen


def test_a_session_goes_on_under_its_name(bench: Bench) -> None:
    """Steps that name one session go on with it; others begin their own."""
    seen = sessions(bench)
    result = bench.results(
        """
        - {name: a, type: claude_session, prompt: one, session_config: {session_name: s}}
        - {name: b, type: claude_session, prompt: two}
        - {name: c, type: claude_session, prompt: three,
           session_config: {session_name: s, persist: true}}
        """
    )

    assert [None, None, "id-1"] == [request.session for request in seen]
    assert all("sessions" in request.needs for request in seen)
    assert {
        "session_id": "id-1", "session_name": "s", "session_persisted": True,
        "checkpoint_frequency": 5, "continue_on_restart": False,
    } == result["c"]["claude_session_metadata"]  # fmt: skip
    assert ("b", "id-2") == (
        result["b"]["claude_session_metadata"]["session_name"], result["b"]["session_id"],
    )  # fmt: skip


def test_a_session_goes_on_in_a_loop(bench: Bench) -> None:
    """Each turn of a loop is one more turn of the conversation."""
    seen = sessions(bench)
    bench.results(
        "- {name: l, type: for_loop, data_source: [1, 2], steps:"
        " [{name: a, type: claude_session, prompt: 'n {{ item }}'}]}"
    )

    assert [("n 1", None), ("n 2", "id-1")] == [(one.prompt, one.session) for one in seen]


def test_what_was_said_and_what_is_said_next(bench: Bench) -> None:
    """`session_context` gives the conversation so far, `claude_continue` goes on with one."""
    seen = sessions(bench)
    bench.results(
        """
        - {name: a, type: claude_session, prompt: one, session_config: {session_name: s}}
        - {name: b, type: claude_session, prompt: two, session_config: {session_name: s}}
        - name: c
          type: claude
          prompt:
            - {type: session_context, session_id: s, include_last_n: 3}
            - {type: session_context, session_id: nobody}
        - {name: d, type: claude, prompt: [
            {type: claude_continue, session_id: s, new_prompt: more}]}
        """
    )

    assert "assistant: to one\nuser: two\nassistant: to two\n" == seen[2].prompt
    assert ("more", "id-1") == (seen[3].prompt, seen[3].session)
    assert [("prompt", "nothing was said in session 'nobody' before this step")] == (
        warnings(bench)
    )


def test_a_resumed_run_goes_on_with_the_session(bench: Bench) -> None:
    """What the step before the stop said is known to the one after it."""
    seen = sessions(bench)
    config = "session_config: {session_name: s}"
    path = bench.folder / "p.yaml"
    path.write_text(
        f"""
        workflow:
          steps:
            - {{name: a, type: claude_session, prompt: one, {config}}}
            - {{name: g, type: gate, question: on?}}
            - name: b
              type: claude_session
              {config}
              prompt: [{{type: session_context, session_id: s}}]
        """
    )
    runtime = bench.runtime
    first = asyncio.run(runtime.run(path, run_id="r", workspace=str(bench.folder / "ws")))
    asyncio.run(runtime.answer("r", "approve"))
    second = asyncio.run(runtime.resume("r"))

    assert ("suspended", "succeeded") == (first.status, second.status)
    assert [("one", None), ("user: one\nassistant: to one", "id-1")] == (
        [(request.prompt, request.session) for request in seen]
    )


def test_the_turns_of_a_session(bench: Bench) -> None:
    """A conversation that has had its turns is not gone on with."""
    sessions(bench)
    config = "session_config: {session_name: s, max_turns: 1}"

    assert "t/b: session 's' has had its 1 turns" == bench.failure(
        f"- {{name: a, type: claude_session, prompt: one, {config}}}\n"
        f"- {{name: b, type: claude_session, prompt: two, {config}}}"
    )


def test_a_provider_without_an_id_is_told_of(bench: Bench) -> None:
    """A conversation that cannot be gone on with is no secret; nor is it an error."""
    scripted(bench, "ok")
    bench.results("- {name: a, type: claude_session, prompt: one}")

    assert ["session"] == [code for code, _ in warnings(bench)]


def test_nobody_keeps_conversations(bench: Bench) -> None:
    """A session needs a provider that can do sessions."""
    bench.runtime.providers.register(ScriptedProvider(["x"]), replace=True)

    with pytest.raises(NoProvider, match="cannot do sessions"):
        bench.run("- {name: a, type: claude_session, prompt: one}")


# claude_extract

ANSWER = """I recommend tests.
- first
See https://x.example/a
```py
1
```"""


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("{}", ANSWER),
        ("{format: structured}", f"## Extracted Content\n\n{ANSWER}\n"),
        ("{format: markdown}", f"# Extracted Content\n\n{ANSWER}\n"),
        ("{format: summary, max_summary_length: 10}", "I recom..."),
        (
            "{post_processing: [extract_code_blocks, extract_key_points]}",
            f"{ANSWER}\n## Code Blocks Extracted\n```py\n1\n```\n\n## Key Points Extracted\n"
            "- first\n",
        ),
        (
            "{post_processing: [extract_links, extract_recommendations]}",
            f"{ANSWER}\n## Links Extracted\n- https://x.example/a\n\n## Recommendations Extracted\n"
            "I recommend tests.\n",
        ),
    ],
)
def test_claude_extract(bench: Bench, config: str, text: str) -> None:
    """The format comes first, then each operation adds a section."""
    scripted(bench, ANSWER)
    result = bench.results(
        f"- {{name: a, type: claude_extract, prompt: hi, extraction_config: {config}}}"
    )["a"]

    assert text == result["text"]
    assert (True, True) == (result["success"], result["extraction_applied"])
    assert "extraction_metadata" not in result


def test_claude_extract_tells_what_it_did(bench: Bench) -> None:
    """With `include_metadata` the result holds lengths and names; with a schema the data."""
    scripted(bench, '{"n": 1}')
    config = "{include_metadata: true, format: json, post_processing: [generate_summary]}"
    schema = "schema: {type: object, required: [n]}"
    result = bench.results(
        f"- {{name: a, type: claude_extract, prompt: hi, extraction_config: {config}, {schema}}}"
    )["a"]
    told = result["extraction_metadata"]

    assert {"n": 1} == result["data"]
    assert ("json", ["generate_summary"], 8, "a") == (
        told["format"], told["post_processing_applied"], told["original_length"],
        told["step_name"],
    )  # fmt: skip
    assert told["processed_length"] == len(result["text"])


# claude_batch, parallel_claude


def test_claude_batch(bench: Bench) -> None:
    """Each task is asked for; a failed one is told of and fails no other."""
    provider = scripted(
        bench, Scripted(when="bad", error="no credit"), Scripted(when="", text="fine")
    )
    (bench.folder / "ws").mkdir()
    (bench.folder / "ws" / "f.txt").write_text("of the file")
    result = bench.results(
        """
        - name: a
          type: claude_batch
          batch_config: {max_parallel: 1}
          claude_options: {max_turns: 2, cwd: x}
          tasks:
            - {task_id: one, prompt: good, claude_options: {max_turns: 7}}
            - {prompt: [{type: static, content: bad}]}
            - {id: three, file: f.txt}
        """
    )["a"]

    assert ["good", "bad", "of the file\nAnalyze this file"] == (
        [request.prompt for request in provider.requests]
    )
    assert [(7, "x"), (2, "x"), (2, "x")] == (
        [(one.options["max_turns"], one.options["cwd"]) for one in provider.requests]
    )
    assert (False, True, 3, 2, 1) == (
        result["success"], result["batch_processed"], result["total_tasks"],
        result["successful_tasks"], result["failed_tasks"],
    )  # fmt: skip
    rows = result["batch_results"]
    assert [("one", "success", None), ("task_1", "error", None), ("three", "success", "f.txt")] == (
        [(row["task_id"], row["status"], row["file"]) for row in rows]
    )
    assert ("fine", "scripted: no credit") == (rows[0]["result"]["text"], rows[1]["error"])
    assert {"successful": 2, "failed": 1, "timeout": 0} == (
        result["claude_batch_metadata"]["task_breakdown"]
    )
    assert ["f.txt"] == result["claude_batch_metadata"]["files_processed"]
    assert result["text"].startswith("# Batch Processing Results\n\n**Total Tasks**: 3\n")
    assert "## Task: task_1\n**File**: N/A\n**Status**: ERROR" in result["text"]
    assert {"average_task_time_ms", "max_task_time_ms", "min_task_time_ms",
            "total_execution_time_ms"} == set(result["performance_statistics"])  # fmt: skip
    assert [("task-failed", "task 'task_1' failed: scripted: no credit")] == warnings(bench)


def test_claude_batch_of_one(bench: Bench) -> None:
    """Without tasks the prompt is the only one; without consolidation there is no report."""
    scripted(bench, "fine")
    result = bench.results(
        "- {name: a, type: claude_batch, prompt: hi, batch_config: {consolidate_results: false}}"
    )["a"]

    assert ["default_task"] == [row["task_id"] for row in result["batch_results"]]
    assert "text" not in result


def test_a_task_that_takes_too_long(bench: Bench) -> None:
    """Its time is its own; the others are answered."""

    async def answer(request: Request) -> str:
        if request.prompt == "slow":
            await asyncio.Event().wait()
        return "fine"

    function(bench, answer)
    result = bench.results(
        "- {name: a, type: claude_batch, batch_config: {timeout_per_task: 30},"
        " tasks: [{prompt: slow}, {prompt: quick}]}"
    )["a"]

    assert ["timeout", "success"] == [row["status"] for row in result["batch_results"]]
    assert 1 == result["claude_batch_metadata"]["task_breakdown"]["timeout"]


@pytest.mark.parametrize(
    "step",
    [
        "type: claude_batch, batch_config: {max_parallel: 2}, tasks: [TASKS]",
        "type: parallel_claude, parallel_config: {max_workers: 2}, parallel_tasks: [TASKS]",
    ],
)
def test_no_more_at_once_than_allowed(bench: Bench, step: str) -> None:
    """Tasks run side by side, and never more of them than the step says."""
    going, most = 0, 0

    async def answer(request: Request) -> str:
        nonlocal going, most
        going += 1
        most = max(most, going)
        for _ in range(20):
            await asyncio.sleep(0)
        going -= 1
        return "ok"

    function(bench, answer)
    tasks = ", ".join(f"{{id: t{number}, prompt: hi}}" for number in range(6))
    bench.results(f"- {{name: a, {step.replace('TASKS', tasks)}}}")

    assert 2 == most


def test_parallel_claude(bench: Bench) -> None:
    """Results by task, and all texts together; all of it is data that can be passed on."""
    provider = scripted(
        bench, Scripted(when="bad", error="no credit"), Scripted(when="", text="fine")
    )
    result = bench.results(
        """
        - name: a
          type: parallel_claude
          parallel_tasks:
            - {id: one, prompt: [{type: static, content: good}], claude_options: {model: opus}}
            - {id: two, prompt: bad}
            - {id: three, prompt: never, condition: "{{ 1 > 2 }}"}
        - name: b
          type: claude
          prompt:
            - {type: previous_response, step: a, extract: combined_results}
            - {type: previous_response, step: a, extract: individual_results.one.text}
        """
    )["a"]

    assert {
        "one": {"text": "fine", "success": True, "cost": 0.0, "model": "script"},
        "two": {"success": False, "error": "scripted: no credit"},
        "three": {"success": True, "skipped": True, "reason": "Condition not met"},
    } == result["individual_results"]
    combined = (
        "\n===[one]===\nfine\n\n===[two]===\nerror: scripted: no credit\n"
        "\n===[three]===\nCondition not met"
    )
    assert (combined, False) == (result["combined_results"], result["success"])
    assert f"{combined}\nfine" == provider.requests[-1].prompt


def test_a_task_whose_prompt_cannot_be_made(bench: Bench) -> None:
    """A missing file or field fails that task alone."""
    scripted(bench, "fine")
    result = bench.results(
        """
        - name: a
          type: parallel_claude
          parallel_tasks:
            - {id: one, prompt: [{type: file, path: nope.md}]}
            - {id: two, prompt: hi}
        """
    )["a"]["individual_results"]

    assert "nope.md: there is no such file in the workspace" in result["one"]["error"]
    assert "fine" == result["two"]["text"]


# claude_robust


def test_claude_robust_asks_again(bench: Bench) -> None:
    """After errors that may pass; the result tells the history."""
    busy = Scripted(error="busy", retryable=True, once=True)
    provider = scripted(bench, busy, busy, "at last")
    result = bench.results(
        "- {name: a, type: claude_robust, prompt: hi, retry_config: {base_delay_ms: 1}}"
    )["a"]
    told = result["robustness_metadata"]

    assert ("at last", 3) == (result["text"], len(provider.requests))
    assert (3, 3, "exponential", True) == (
        told["attempt_number"], told["total_attempts"], told["retry_strategy_used"],
        told["recovery_successful"],
    )  # fmt: skip
    assert [(1, "scripted: busy"), (2, "scripted: busy")] == (
        [(one["attempt"], one["error"]) for one in told["error_history"]]
    )
    assert "a" == result["claude_robust_metadata"]["step_name"]
    assert 3 == result["claude_robust_metadata"]["retry_config_used"]["max_retries"]


@pytest.mark.parametrize(
    ("conditions", "error", "asked"),
    [
        ("[rate_limit]", "429 Rate limit reached", 2),
        ("[timeout]", "429 Rate limit reached", 1),
        ("[]", "timeout", 1),
    ],
)
def test_conditions_of_another_try(bench: Bench, conditions: str, error: str, asked: int) -> None:
    """They are words of the error, however they are spelled; no match means no other try."""
    provider = scripted(bench, Scripted(error=error, retryable=True))
    bench.results(
        "- {name: a, type: claude_robust, prompt: hi, retry_config:"
        f" {{max_retries: 1, backoff_strategy: fixed, base_delay_ms: 0,"
        f" retry_conditions: {conditions}}}}}"
    )

    assert asked == len(provider.requests)


@pytest.mark.parametrize(
    ("action", "kind", "flag"),
    [
        ("graceful_degradation", "graceful_degradation", "degraded_mode"),
        ("cached_response", "graceful_degradation", "degraded_mode"),
        ("emergency_response", "emergency_response", "emergency_mode"),
    ],
)
def test_what_is_given_instead_of_an_answer(
    bench: Bench, action: str, kind: str, flag: str
) -> None:
    """The step goes on with a text that says what happened, and the run is told."""
    scripted(bench, Scripted(error="no credit"))
    result = bench.results(
        "- {name: a, type: claude_robust, prompt: hi,"
        f" retry_config: {{fallback_action: {action}}}}}"
    )["a"]

    assert (True, True, kind, "scripted: no credit", 0.0) == (
        result["success"], result[flag], result["fallback_type"], result["original_error"],
        result["cost"],
    )  # fmt: skip
    codes = [code for code, _ in warnings(bench)]
    assert "fallback" == codes[-1]
    assert (action == kind) == ("no-effect" not in codes)


def test_the_simplified_prompt(bench: Bench) -> None:
    """The last try asks for something simple, by the step's name."""
    provider = scripted(
        bench, Scripted(when="^hi", error="no credit"), Scripted(when="brief", text="short")
    )
    retry = "retry_config: {fallback_action: simplified_prompt}"
    result = bench.results(f"- {{name: job, type: claude_robust, prompt: hi, {retry}}}")["job"]

    assert ("short", "simplified_prompt", True) == (
        result["text"], result["fallback_type"], result["simplified_execution"],
    )  # fmt: skip
    assert "Provide a brief, simple response for: job" == provider.requests[-1].prompt


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("fail", "t/a: scripted: no credit"),
        (
            "use_cached_response",
            "t/a: Robust execution failed: scripted: no credit. Fallback also failed:"
            " No cached response available",
        ),
        (
            "simplified_prompt",
            "t/a: Robust execution failed: scripted: no credit. Fallback also failed:"
            " scripted: no credit",
        ),
    ],
)
def test_when_nothing_helps(bench: Bench, action: str, said: str) -> None:
    """The step fails with both errors."""
    scripted(bench, Scripted(error="no credit"))

    assert said == bench.failure(
        "- {name: a, type: claude_robust, prompt: hi,"
        f" retry_config: {{fallback_action: {action}}}}}"
    )


def test_a_step_that_may_be_skipped(bench: Bench) -> None:
    """`skip` gives the result of a skipped step."""
    scripted(bench, Scripted(error="no credit"))

    assert {"success": True, "skipped": True, "reason": "scripted: no credit"} == bench.results(
        "- {name: a, type: claude_robust, prompt: hi, retry_config: {fallback_action: skip}}"
    )["a"]


def test_two_kinds_of_retries_are_one(bench: Bench) -> None:
    """The retries of the options are not made beside the step's own, and that is said."""
    provider = scripted(bench, Scripted(error="timeout", retryable=True))
    bench.failure(
        "- {name: a, type: claude_robust, prompt: hi,"
        " claude_options: {retry_config: {max_retries: 5}},"
        " retry_config: {max_retries: 1, base_delay_ms: 0, fallback_action: fail}}"
    )

    assert 2 == len(provider.requests)
    assert ["no-effect"] == [code for code, _ in warnings(bench)]


# gemini, gemini_instructor


def test_gemini(bench: Bench) -> None:
    """The budget is passed on; the arguments of a function call are in the result."""

    async def answer(request: Request) -> Reply:
        calls = [{"name": "score", "arguments": {"points": 7}}]
        usage = Usage(input_tokens=2, output_tokens=3)
        return Reply(text="see", data={"function_calls": calls}, model="flash", usage=usage)

    seen = function(bench, answer)
    result = bench.results(
        """
        workflow:
          name: t
          gemini_functions:
            score: {description: How good it is., parameters: {type: object}}
            other: {description: Something else., parameters: {type: object}}
          steps:
            - name: a
              type: gemini
              model: flash
              functions: [score]
              token_budget: {max_output_tokens: "512", temperature: 0.2, top_k: 4}
              system_instruction: Be exact.
              prompt: [{type: static, content: hi}]
        """
    )["a"]

    assert {
        "text": "see", "content": "see", "success": True, "cost": 0.0, "model": "flash",
        "points": 7, "tokens": {"input": 2, "output": 3},
        "function_calls": [{"name": "score", "arguments": {"points": 7}}],
    } == result  # fmt: skip
    assert (frozenset(("text", "tools")), "flash", "Be exact.", 512) == (
        seen[0].needs, seen[0].model, seen[0].system, seen[0].max_output_tokens,
    )  # fmt: skip
    assert {
        "token_budget": {"max_output_tokens": 512, "temperature": 0.2, "top_k": 4},
        "system_instruction": "Be exact.",
        "tools": [
            {
                "name": "score",
                "description": "How good it is.",
                "parameters": {"type": "object"},
            }
        ],
    } == seen[0].options


def test_gemini_instructor(bench: Bench) -> None:
    """The result is data: of the usual three texts, or of the step's own schema."""
    scripted(
        bench,
        Scripted(when="own", text='{"n": 1}'),
        Scripted(when="", text='{"text": "t", "analysis": "a", "summary": "s"}'),
    )
    result = bench.results(
        """
        - {name: a, type: gemini_instructor, prompt: hi}
        - name: b
          type: gemini_instructor
          schema: {type: object, properties: {n: {type: integer}}, required: [n]}
          prompt: own
        """
    )

    assert {"text": "t", "analysis": "a", "summary": "s"} == result["a"]
    assert {"n": 1} == result["b"]


def test_an_answer_that_does_not_fit_the_schema(bench: Bench) -> None:
    """It is a failure that says what does not fit."""
    scripted(bench, "no data")

    assert "no answer that fits the schema" in bench.failure(
        "- {name: a, type: gemini_instructor, prompt: hi}"
    )


@pytest.mark.parametrize("kind", ["claude", "claude_smart", "gemini", "claude_extract"])
def test_an_error_of_the_provider_is_the_step_s(bench: Bench, kind: str) -> None:
    """Whoever is asked, an error that does not pass is a failure with its own words."""
    scripted(bench, Scripted(error="no credit"))

    assert "t/a: scripted: no credit" == bench.failure(f"- {{name: a, type: {kind}, prompt: hi}}")


def test_an_error_carries_whether_it_passes(bench: Bench) -> None:
    """The common key `attempts` works for older steps, too."""

    async def answer(request: Request) -> str:
        if len(seen) < 2:
            raise ProviderError("busy", retryable=True)
        return "ok"

    seen = function(bench, answer)

    assert "ok" == bench.results("- {name: a, type: gemini, prompt: hi, attempts: 2}")["a"]["text"]


# output_schema


@pytest.mark.parametrize(
    "kind",
    ["claude", "claude_smart", "claude_extract", "claude_session", "claude_robust", "gemini"],
)
def test_an_answer_that_must_fit_a_schema(bench: Bench, kind: str) -> None:
    """It is asked for as data; the result holds it beside the text, and the schema holds for it."""
    provider = scripted(bench, Scripted(data={"n": 3}))
    schema = "{type: object, required: [n], properties: {n: {type: integer}}}"
    steps = f"- {{name: a, type: {kind}, prompt: hi, output_schema: {schema}}}"
    result = bench.results(steps)["a"]

    assert ({"n": 3}, True) == (result["data"], result["success"])
    assert "structured_output" in provider.requests[0].needs


def test_an_answer_that_does_not_fit_fails_the_step(bench: Bench) -> None:
    """With what is wrong about it."""
    scripted(bench, *[Scripted(data={"n": "x"})] * 5)
    schema = "{type: object, properties: {n: {type: integer}}}"
    report = bench.run(f"- {{name: a, type: claude, prompt: hi, output_schema: {schema}}}")

    assert "failed" == report.status
    assert report.error is not None
    assert "'x' is not of type 'integer'" in report.error.message


def test_an_instructors_schema_under_its_other_name(bench: Bench) -> None:
    """The result is the data itself, whatever keys it has."""
    scripted(bench, Scripted(data={"data": 1, "success": True}))
    schema = "{type: object, required: [data]}"
    result = bench.results(
        f"- {{name: a, type: gemini_instructor, prompt: hi, output_schema: {schema}}}"
    )

    assert {"data": 1, "success": True} == result["a"]


def test_the_file_of_a_task(bench: Bench) -> None:
    """Each task's result is written below the output folder; a path that leaves it is told."""
    scripted(bench, *["ok"] * 3)
    out = bench.folder / "out"
    tasks = "[{id: x, prompt: hi, output_to_file: sub/x.json}, {id: y, prompt: hi}]"
    batch = "[{id: z, prompt: hi, output_to_file: z.json}]"
    bench.results(
        f"- {{name: a, type: parallel_claude, parallel_tasks: {tasks}}}\n"
        f"- {{name: b, type: claude_batch, tasks: {batch}}}",
        output=str(out),
    )
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}

    assert {"sub/x.json", "z.json"} == written
    assert "ok" == json.loads((out / "sub" / "x.json").read_text(encoding="utf-8"))["text"]
    scripted(bench, "ok")
    away = "[{id: x, prompt: hi, output_to_file: ../x.json}]"
    result = bench.results(f"- {{name: a, type: parallel_claude, parallel_tasks: {away}}}")["a"]
    assert "leaves the output folder" in result["individual_results"]["x"]["error"]
