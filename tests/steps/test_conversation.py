"""Conversations written in one step of type `claude_session`."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Bench

from otp_genesis.contracts.provider import FunctionProvider, Reply, Request
from otp_genesis.model.event import Warned
from otp_genesis.model.outcome import Usage

TALK = """
- name: talk
  type: claude_session
  preset: development
  session_config: {{session_name: s{config}}}
  claude_options: {{max_turns: 4, system_prompt: Be brief.}}
  {first}
  conversation:
    - turn: 1
      prompt: [{{type: static, content: one}}]
      claude_options: {{output_format: text}}
    - turn: 7
      prompt: [{{type: session_context, session_id: s}}, {{type: static, content: two}}]
"""


def talk(config: str = "", first: str = "") -> str:
    return TALK.format(config=config, first=first)


@pytest.fixture
def asked(bench: Bench) -> list[Request]:
    """What was asked of a provider that keeps conversations; each answer costs a quarter."""
    seen: list[Request] = []

    async def answer(request: Request) -> Reply:
        seen.append(request)
        if request.prompt == "lose the thread":
            return Reply(text="who?")
        text = f"answer {len(seen)}"
        return Reply(text=text, session=request.session or "id", usage=Usage(cost_usd=0.25))

    capabilities = frozenset(("text", "sessions", "agent"))
    bench.runtime.providers.unregister("scripted")
    bench.runtime.providers.register(FunctionProvider("fun", capabilities, answer))
    return seen


def test_each_entry_is_said_in_turn(bench: Bench, asked: list[Request]) -> None:
    """An entry is said once the one before it was answered, and sees what was said in the step."""
    result = bench.results(talk())["talk"]

    assert [("one", None), ("user: one\nassistant: answer 1\ntwo", "id")] == [
        (request.prompt, request.session) for request in asked
    ]
    assert ("answer 2", 0.5, 0.5, "id") == (
        result["text"], result["cost"], result["cost_tracking"]["total_cost_usd"],
        result["session_id"],
    )  # fmt: skip
    assert [(1, "answer 1", 0.25), (7, "answer 2", 0.25)] == [
        (turn["turn"], turn["text"], turn["cost"]) for turn in result["turns"]
    ]
    assert ("s", "id") == (
        result["claude_session_metadata"]["session_name"],
        result["claude_session_metadata"]["session_id"],
    )


def test_options_of_an_entry(bench: Bench, asked: list[Request]) -> None:
    """They are laid over those of the step, and those over the preset's."""
    bench.results(talk())
    told: list[tuple[Any, ...]] = [
        (one.options["output_format"], one.options["max_turns"], one.system) for one in asked
    ]

    assert [("text", 4, "Be brief."), ("stream_json", 4, "Be brief.")] == told


def test_a_prompt_is_said_first(bench: Bench, asked: list[Request]) -> None:
    """Where a step has both, its prompt is the first thing said; later steps go on."""
    later = "- {name: b, type: claude_session, prompt: bye, session_config: {session_name: s}}"
    result = bench.results(talk(first="prompt: hello") + later)

    assert ["hello", "one", "bye"] == [asked[0].prompt, asked[1].prompt, asked[3].prompt]
    assert [1, 1, 7] == [turn["turn"] for turn in result["talk"]["turns"]]
    assert "turns" not in result["b"]
    assert "id" == asked[3].session


def test_more_than_the_session_may_have(bench: Bench, asked: list[Request]) -> None:
    """Nothing is asked where not all can be said."""
    assert (
        "t/talk: session 's' may have 1 turns: it has had 0, and the step says 2 more"
        == bench.failure(talk(config=", max_turns: 1"))
    )
    assert [] == asked


def test_a_provider_that_gives_no_id(bench: Bench, asked: list[Request]) -> None:
    """It is told once, however much is said."""
    bench.results(
        "- {name: a, type: claude_session,"
        " conversation: [{prompt: lose the thread}, {prompt: lose the thread}]}"
    )

    assert ["session"] == [event.code for event in bench.events if isinstance(event, Warned)]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "give 'prompt', or 'conversation' with one thing to say at least"),
        (", conversation: []", "give 'prompt', or 'conversation'"),
        (", conversation: [{turn: 1}]", "'prompt' is missing"),
        (", conversation: [{promt: x}]", "'promt'; did you mean 'prompt'?"),
        (
            ", conversation: [{prompt: [{type: previous_response, step: later}]}]",
            "there is no step 'later' before this one",
        ),
    ],
)
def test_what_is_refused(bench: Bench, keys: str, said: str) -> None:
    """A conversation in which nothing is said, and entries that say nothing, are found by check."""
    complaints = bench.complaints(f"- {{name: a, type: claude_session{keys}}}")

    assert any(said in complaint for complaint in complaints), complaints
