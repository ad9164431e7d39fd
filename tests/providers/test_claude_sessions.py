"""Conversations: gone on with in a later process, forked, elsewhere; what each call cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otp_genesis.errors import ProviderError
from otp_genesis.loopback.anthropic import Turn
from providers.claude_bench import ClaudeBench


@pytest.fixture
def bench(tmp_path: Path) -> ClaudeBench:
    """A provider with a project."""
    return ClaudeBench(tmp_path)


def answer(words: str) -> list[Turn]:
    """An answer of which it is known what it costs."""
    return [Turn(words, input_tokens=1000, output_tokens=100)]


def test_a_conversation_goes_on(bench: ClaudeBench) -> None:
    """The model sees what was said before; each call costs what it costs, not the sum."""
    first = bench.run(answer("noted"), "the word is plover")
    second = bench.run(answer("plover"), "what is the word?", session=first.session)
    told = json.dumps(bench.server.asked[0].body["messages"])
    third = bench.run(answer("still"), "sure?", session=first.session)

    assert "the word is plover" in told
    assert "noted" in told
    assert second.session == third.session == first.session
    assert second.usage == third.usage == first.usage
    assert first.usage.cost_usd > 0


def test_a_fork_leaves_the_conversation_as_it_was(bench: ClaudeBench) -> None:
    """It has a name of its own, and what its parent had cost is not counted again."""
    first = bench.run(answer("noted"), "the word is plover")
    fork = bench.run(
        answer("plover"), "the word?", session=first.session, options={"fork_session": True}
    )
    bench.run(answer("again"), "once more", session=first.session)
    told = json.dumps(bench.server.asked[0].body["messages"])
    on = bench.run(answer("more"), "go on", session=fork.session)

    assert fork.session != first.session
    assert "the word?" not in told
    assert fork.usage == on.usage == first.usage


def test_a_conversation_goes_on_elsewhere(bench: ClaudeBench, tmp_path: Path) -> None:
    """The project may lie in another folder by then, as a run's own copy does."""
    first = bench.run(answer("noted"), "the word is plover")
    bench.project = tmp_path / "elsewhere"
    bench.project.mkdir()
    bench.run(answer("plover"), "the word?", session=first.session)

    assert "the word is plover" in json.dumps(bench.server.asked[0].body["messages"])


def test_a_conversation_without_files(tmp_path: Path) -> None:
    """It is found again, too."""
    bench = ClaudeBench(tmp_path, with_files=False)
    first = bench.run(answer("noted"), "the word is plover")
    bench.run(answer("plover"), "the word?", session=first.session)

    assert "the word is plover" in json.dumps(bench.server.asked[0].body["messages"])


@pytest.mark.parametrize(
    "session", ["00000000-0000-4000-8000-000000000000", "../../etc/passwd", "--help"]
)
def test_an_unknown_conversation(bench: ClaudeBench, session: str) -> None:
    """It is said so, and nobody is asked."""
    with pytest.raises(ProviderError, match="there is no conversation") as told:
        bench.run(["never"], session=session)

    assert not told.value.retryable
    assert bench.server.requests == []


def test_a_conversation_by_the_options(bench: ClaudeBench) -> None:
    """`session_id` goes on with one, and with `resume_session: false` begins one of that name."""
    name = "12345678-1234-4123-8123-123456789abc"
    first = bench.run(
        answer("noted"), "plover", options={"session_id": name, "resume_session": False}
    )
    again = bench.run(answer("yes"), "and?", options={"session_id": name})

    assert first.session == again.session == name
    assert "plover" in json.dumps(bench.server.asked[0].body["messages"])
