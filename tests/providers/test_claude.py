"""The agent at work: the real CLI changes real files, and tells what it does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from otp_genesis.contracts.provider import Request
from otp_genesis.errors import ProviderError
from otp_genesis.loopback.anthropic import Turn, text, thinking, tool_results, tool_use
from otp_genesis.loopback.server import Asked
from otp_genesis.model.event import ModelSaid
from providers.claude_bench import EDITS, MODEL, ClaudeBench


@pytest.fixture
def bench(tmp_path: Path) -> ClaudeBench:
    """A provider with a project."""
    return ClaudeBench(tmp_path)


def test_it_reads_edits_runs_and_answers(bench: ClaudeBench) -> None:
    """Four turns: the file is really changed, the command really run, each step told."""
    file = bench.project / "calc.py"
    file.write_text("def add(a, b):\n    return a - b\n")
    run = "python3 -c 'import calc; print(calc.add(2, 3))'"
    reply = bench.run(
        [
            [thinking("It subtracts."), text("Reading."), tool_use("Read", file_path=str(file))],
            [tool_use("Edit", file_path=str(file), old_string="a - b", new_string="a + b")],
            [tool_use("Bash", command=run, description="run it")],
            Turn("Fixed.", input_tokens=10, output_tokens=7, cache_read_input_tokens=5),
        ],
        options={"allowed_tools": ["Read", "Edit", "Bash"]},
    )

    assert "return a + b" in file.read_text()
    assert (reply.text, reply.model, reply.requests) == ("Fixed.", MODEL, 4)
    assert [(one.what, one.tool) for one in bench.events if isinstance(one, ModelSaid)] == [
        ("thinking", None), ("text", None), ("tool_call", "Read"), ("tool_result", "Read"),
        ("tool_call", "Edit"), ("tool_result", "Edit"), ("tool_call", "Bash"),
        ("tool_result", "Bash"), ("text", None),
    ]  # fmt: skip
    assert bench.said()[-1] == "5"
    assert json.loads(bench.said("tool_call")[2])["command"] == run
    assert {(one.path, one.provider) for one in bench.events} == {("p/a", "claude")}  # type: ignore[union-attr]
    assert (bench.writes, bench.denials) == (2, [])


def test_usage_is_what_the_vendor_counted(bench: ClaudeBench) -> None:
    """Tokens that come from a cache are tokens that were read, too."""
    reply = bench.run(
        [
            Turn(
                "yes", input_tokens=100, output_tokens=7,
                cache_creation_input_tokens=20, cache_read_input_tokens=3,
            )
        ]
    )  # fmt: skip

    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (123, 7)
    assert 0.0 < reply.usage.cost_usd < 0.01
    assert reply.requests == 1


def test_the_prompt_is_not_read_as_a_command(bench: ClaudeBench) -> None:
    """Neither `/clear` nor `@file` means anything: prompts hold strangers' words."""
    (bench.project / "secret.txt").write_text("the word is plover")
    prompt = "/clear @secret.txt"
    bench.run(["ok"], prompt)
    body = bench.server.asked[0].body

    assert prompt in json.dumps(body["messages"])
    assert "plover" not in json.dumps(body)
    assert [one.path for one in bench.server.requests] == ["/v1/messages"]


def test_an_answer_fits_its_schema(bench: ClaudeBench) -> None:
    """The CLI sends a misfit back to the model; the second answer counts."""
    schema = {
        "type": "object", "additionalProperties": False, "required": ["label", "score"],
        "properties": {"label": {"enum": ["bug", "ok"]}, "score": {"type": "integer"}},
    }  # fmt: skip
    reply = bench.run(
        [
            [tool_use("StructuredOutput", label="wrong", score="x")],
            [tool_use("StructuredOutput", label="bug", score=8)],
            "done",
        ],
        output_schema=schema,
    )

    assert reply.data == {"label": "bug", "score": 8}
    assert len(bench.denials) == 1
    assert "label" in bench.denials[0]


def test_an_answer_need_not_be_an_object(bench: ClaudeBench) -> None:
    """A list is asked for as the one member of an object, and comes as a list."""
    schema = {"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}
    reply = bench.run([[tool_use("StructuredOutput", value=[1, 2])], "done"], output_schema=schema)

    assert reply.data == [1, 2]


def test_text_comes_in_pieces(bench: ClaudeBench) -> None:
    """With `stream` it is told as it comes, once, in pieces of a few lines."""
    long = "word " * 130
    bench.run([[thinking("hm"), text(long)]], stream=True)

    pieces = bench.said("text")
    assert "".join(pieces) == long
    assert len(pieces) == 4
    assert bench.said("thinking") == ["hm"]


def test_what_is_long_is_cut_in_events(bench: ClaudeBench) -> None:
    """The reply has all of it."""
    reply = bench.run(["x" * 5000])

    assert len(reply.text) == 5000
    assert [len(one) for one in bench.said("text")] == [2000]


def test_without_files(tmp_path: Path) -> None:
    """A question that is about no project: an empty folder, no tools of files, not even asked."""
    bench = ClaudeBench(tmp_path, with_files=False)
    reply = bench.run(
        [
            [tool_use("Read", file_path="/etc/hostname"), tool_use("Bash", command="id")],
            "no matter",
        ],
        options={"allowed_tools": ["Read", "Bash"]},
    )
    body = bench.server.asked[0].body

    assert reply.text == "no matter"
    assert [one["name"] for one in body.get("tools", [])] == []
    assert len(bench.denials) == 2
    assert [str(one) for one in (tmp_path / "state" / "empty").iterdir()] == []


def test_two_at_once(bench: ClaudeBench) -> None:
    """Calls of one provider do not disturb each other."""

    def script(asked: Asked) -> Any:
        prompt = json.dumps(asked.body["messages"])
        return "one" if "quokka" in prompt else "two"

    bench.server.script = script

    async def main() -> list[str]:
        async with bench.server:
            provider, site = bench.provider(), await bench.site()
            asked = [Request(prompt=prompt, site=site) for prompt in ("quokka", "wombat")]
            replies = await asyncio.gather(*(provider.complete(one) for one in asked))
            return [one.text for one in replies]

    assert asyncio.run(main()) == ["one", "two"]


@pytest.mark.parametrize("system", ["be brief", "b" * 200_000], ids=["short", "long"])
def test_the_system_prompt(bench: ClaudeBench, system: str) -> None:
    """It is the vendor's to read, however long, and what is appended comes after it."""
    bench.run(["ok"], system=system, options={"append_system_prompt": "And be kind."})
    told = [block["text"] for block in bench.server.asked[0].body["system"]]

    assert told[-1] == f"{system}\n\nAnd be kind."


def test_limits_keep_what_was_said(bench: ClaudeBench) -> None:
    """Neither turns nor money end a call without a word of what the model had said."""
    calls = [text("Let me look."), tool_use("Glob", pattern="*")]
    with pytest.raises(ProviderError, match="max_turns") as turns:
        bench.run([calls], max_turns=2)
    with pytest.raises(ProviderError, match="max_budget_usd") as money:
        bench.run([calls], options={"max_budget_usd": 0.001})

    assert (turns.value.output, turns.value.retryable) == ("Let me look.", False)
    assert (money.value.output, money.value.retryable) == ("Let me look.", False)


def test_what_a_tool_returned_is_in_the_next_request(bench: ClaudeBench) -> None:
    """The vendor hears the file's text as the CLI has read it."""
    (bench.project / "a.txt").write_text("plover\n")
    bench.run([[tool_use("Read", file_path=str(bench.project / "a.txt"))], "ok"], options=EDITS)

    assert "plover" in str(tool_results(bench.server.asked[1])[0]["content"])
