"""Calls of the agent, recorded once and replayed with no vendor, in another place."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from otp_genesis.errors import ProviderError, RateLimited
from otp_genesis.loopback.anthropic import error, text, tool_use
from providers.claude_bench import KEY, ClaudeBench
from providers.tapes import MemoryTape

ALL = {"permission_mode": "bypass_permissions"}


def recorded(folder: Path) -> tuple[ClaudeBench, MemoryTape]:
    """Return a call that edited a file, and its tape."""
    bench = ClaudeBench(folder, tape=MemoryTape())
    file = bench.project / "über a.py"
    file.write_text("x = 1\n")
    bench.run(
        [
            [text("Reading."), tool_use("Read", file_path=str(file))],
            [tool_use("Edit", file_path=str(file), old_string="x = 1", new_string="x = 2")],
            [tool_use("Bash", command=f"cat '{file}'", description="d")],
            "Fixed.",
        ],
        "fix it",
        options=ALL,
        stream=True,
    )
    assert isinstance(bench.tape, MemoryTape)
    return bench, bench.tape


def test_a_replay_does_it_again(tmp_path: Path) -> None:
    """In another folder, with another home, without a key and without a vendor: files change."""
    first, tape = recorded(tmp_path / "first")
    bench = ClaudeBench(
        tmp_path / "a second place",
        tape=tape.rewound(),
        environ={"ANTHROPIC_API_KEY": ""},
        settings={"base_url": "http://127.0.0.1:1"},
    )
    file = bench.project / "über a.py"
    file.write_text("x = 1\n")
    reply = asyncio.run(bench.ask("fix it", options=ALL, stream=True))

    assert reply.text == "Fixed."
    assert file.read_text() == "x = 2\n"
    assert bench.said("text") == first.said("text")
    assert bench.said()[-1] == first.said()[-1] == "x = 2"
    assert bench.denials == []


def test_what_is_on_a_tape(tmp_path: Path) -> None:
    """No key, no place of the machine's, and each answer in one piece."""
    bench, tape = recorded(tmp_path)
    told = str(tape.kept)

    assert len(tape.kept) == 4
    assert KEY not in told
    assert str(tmp_path) not in told
    assert str(bench.project).replace("/", "-") not in told
    assert {one["status"] for _, one in tape.kept} == {200}
    assert max(one["body"].count("content_block_delta") for _, one in tape.kept) == 4


def test_another_question_is_not_on_it(tmp_path: Path) -> None:
    """It is said which request is missing; nobody is asked, and nothing retried."""
    _, tape = recorded(tmp_path / "first")
    bench = ClaudeBench(tmp_path / "second", tape=tape.rewound())
    with pytest.raises(ProviderError, match="not on the tape: POST /v1/messages") as told:
        bench.run(["never"], "something else", options=ALL, stream=True)

    assert not told.value.retryable
    assert bench.server.requests == []


def test_failures_are_recorded_too(tmp_path: Path) -> None:
    """They fail again in the same way, and when to ask again is known."""
    bench = ClaudeBench(tmp_path / "first", tape=MemoryTape())
    fault = error(429, "rate_limit_error", "slow down", {"retry-after": "3"})
    with pytest.raises(RateLimited):
        bench.run([fault])
    assert isinstance(bench.tape, MemoryTape)
    again = ClaudeBench(tmp_path / "second", tape=bench.tape.rewound())
    with pytest.raises(RateLimited, match="429: slow down") as told:
        again.run(["never"])

    assert told.value.retry_after_s == 3.0


def test_a_login_is_recorded(tmp_path: Path) -> None:
    """Without a key the CLI's own credentials pass through, and are not on the tape."""
    bench = ClaudeBench(
        tmp_path, tape=MemoryTape(),
        environ={"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": KEY},
    )  # fmt: skip
    reply = bench.run(["ok"])
    assert isinstance(bench.tape, MemoryTape)

    assert reply.text == "ok"
    assert bench.headers("authorization") == {f"Bearer {KEY}"}
    assert (len(bench.tape.kept), KEY in str(bench.tape.kept)) == (1, False)
