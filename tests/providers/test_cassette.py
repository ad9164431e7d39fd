"""Recorded answers: kept in a file without secrets, given again, missed with the nearest shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench, Genesis, Write
from hypothesis import given, settings
from hypothesis import strategies as st
from support.served import served

from otp_genesis.contracts.provider import Reply, Request
from otp_genesis.errors import ProviderError, UsageError
from otp_genesis.loopback.anthropic import AnthropicServer, tool_use
from otp_genesis.loopback.openai import OpenAIServer
from otp_genesis.loopback.server import Asked, Fault
from otp_genesis.providers.cassette import Cassette, digest, prune, read_rows
from otp_genesis.providers.secrets import Secrets
from otp_genesis.providers.tape import key_of

KEY = "sk-nobody-may-see-this-key"
DOCUMENT = """
workflow:
  name: w
  steps:
    - {name: a, type: prompt, prompt: "say one"}
    - {name: b, type: prompt, prompt: "say two", output_schema: {type: object, required: [n]}}
    - {name: c, type: prompt, prompt: "what {{ steps.a.text }} and {{ steps.b.n }}"}
"""
TABLE = """
[providers.mine]
kind = "openai"
base_url = "{url}/v1"
api_key = "env:MINE_KEY"
model = "m"
"""


LOG = """
[telemetry]
log = "json"
log_level = "debug"
log_file = "log.jsonl"
"""


def says(asked: Asked) -> str:
    """Answer like a model that repeats the key it was asked with."""
    prompt = asked.body["messages"][-1]["content"]
    if "two" in prompt:
        return '{"n": 2}'
    return f"you said {prompt!r} with {asked.headers['Authorization']}"


def test_a_run_is_recorded_and_replayed(genesis: Genesis, write: Write, folder: Path) -> None:
    """With the vendor gone and no key, the same results come from the file beside the document."""
    write("w.yaml", DOCUMENT)
    with served(OpenAIServer(says)) as server:
        write("genesis.toml", TABLE.format(url=server.url))
        first = genesis.json("run", "w.yaml", "--mode", "record", MINE_KEY=KEY)
        asked = len(server.requests)
    again = genesis.json("run", "w.yaml", "--mode", "replay")

    assert first["status"] == again["status"] == "succeeded"
    assert asked == 3
    kept = ("text", "data", "provider", "model")
    for name in ("a", "c"):
        assert {key: first["results"][name][key] for key in kept} == {
            key: again["results"][name][key] for key in kept
        }
    assert first["results"]["b"] == again["results"]["b"] == {"n": 2}
    assert (folder / "w.cassette.jsonl").is_file()


def test_a_key_is_nowhere(genesis: Genesis, write: Write, folder: Path, tmp_path: Path) -> None:
    """A server that repeats the key in answers and errors puts it into no file and no output."""
    write("w.yaml", DOCUMENT.replace('prompt: "what', 'on_error: continue, prompt: "fail at what'))

    def repeats(asked: Asked) -> Any:
        if "fail" in asked.body["messages"][-1]["content"]:
            return Fault(401, json.dumps({"error": {"message": f"Incorrect key: {KEY}"}}))
        return says(asked)

    with served(OpenAIServer(repeats)) as server:
        write("genesis.toml", TABLE.format(url=server.url) + LOG)
        done = genesis("run", "w.yaml", "--mode", "record", "--json", MINE_KEY=KEY)
        shown = genesis("runs", "events", json.loads(done.stdout)["run_id"], MINE_KEY=KEY)
        listed = genesis("providers", "--check", "--json", MINE_KEY=KEY)
        sent = server.requests[0].headers["Authorization"]

    assert sent == f"Bearer {KEY}"
    assert json.loads(done.stdout)["status"] == "succeeded"
    assert "Incorrect key: [env:MINE_KEY]" in done.stdout
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) >= 4
    assert [path for path in everything if KEY.encode() in path.read_bytes()] == []
    for text in (done, shown, listed):
        assert KEY not in text.stdout + text.stderr


def test_a_miss_shows_the_nearest(genesis: Genesis, write: Write, folder: Path) -> None:
    """A changed prompt is an error that shows what was recorded, and nobody is asked."""
    write("w.yaml", DOCUMENT)
    with served(OpenAIServer(says)) as server:
        write("genesis.toml", TABLE.format(url=server.url))
        genesis("run", "w.yaml", "--mode", "record", MINE_KEY=KEY)
        before = len(server.requests)
        write("w.yaml", DOCUMENT.replace("say one", "say eleven"))
        missed = genesis("run", "w.yaml", "--mode", "replay", MINE_KEY=KEY)
        asked = len(server.requests) - before

    assert (missed.returncode, asked) == (1, 0)
    cassette = folder / "w.cassette.jsonl"
    assert f"{cassette} holds no recording of this request; record it with --mode" in missed.stdout
    assert '- "prompt": "say one"' in missed.stdout.replace("-  ", "- ").replace('- "', '- "')
    assert '"prompt": "say eleven"' in missed.stdout


def test_what_is_no_longer_asked_is_pruned(genesis: Genesis, write: Write, folder: Path) -> None:
    """`genesis cassette list` shows all, `prune` keeps what a replay asked for."""
    write("w.yaml", DOCUMENT)
    with served(OpenAIServer(says)) as server:
        write("genesis.toml", TABLE.format(url=server.url))
        genesis("run", "w.yaml", "--mode", "record", MINE_KEY=KEY)
        write("w.yaml", DOCUMENT.replace("say one", "say eleven"))
        genesis("run", "w.yaml", "--mode", "record", MINE_KEY=KEY)
    cassette = "w.cassette.jsonl"
    listed = genesis.json("cassette", "list", cassette)
    text = genesis("cassette", "list", cassette).stdout
    run = genesis.json("run", "w.yaml", "--mode", "replay")["run_id"]
    pruned = genesis.json("cassette", "prune", cassette, "--run", run)

    assert len(listed) == 6
    assert {row["answered_by"] for row in listed} == {"mine"}
    assert "6 recordings, 5 requests" in text
    assert pruned == {"file": cassette, "kept": 4, "removed": 2}
    assert genesis.json("run", "w.yaml", "--mode", "replay")["status"] == "succeeded"
    assert genesis("cassette", "prune", cassette, "--run", "nobody").returncode == 2
    live = genesis.json("run", "w.yaml", "--mode", "mock")["run_id"]
    other = genesis("cassette", "prune", cassette, "--run", live)
    assert "did not replay" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "replay"], "there is no cassette"),
        (["--cassette", "x.jsonl"], "a cassette needs --mode record or --mode replay"),
        (["--mode", "replay", "--cassette", "broken.jsonl"], "broken.jsonl:2:1: this line is no"),
    ],
)
def test_what_cannot_be(genesis: Genesis, write: Write, arguments: list[str], message: str) -> None:
    """No file, no mode for it, a broken file: one message, exit code 2."""
    write("w.yaml", DOCUMENT)
    write("broken.jsonl", '{"version": 1, "hash": "a", "request": {}, "answer": {}}\nnot json\n')

    done = genesis("run", "w.yaml", *arguments)

    assert done.returncode == 2
    assert message in done.stderr


def test_failures_are_replayed(bench: Bench, folder: Path) -> None:
    """A step that failed when it was recorded fails again, with the same words."""

    async def answer(request: Request) -> Reply:
        raise ProviderError("not today", retryable=False)

    bench.runtime.providers.register("p", answer)
    document = "- {name: a, type: prompt, prompt: x, on_error: continue}"
    told = [
        bench.results(document, mode=mode, cassette=folder / "c.jsonl")["a"]
        for mode in ("record", "replay")
    ]

    assert told[0] == told[1]
    assert told[0]["error"] == "p: not today"


def test_whether_anybody_is_there_is_recorded(bench: Bench, folder: Path) -> None:
    """A step that asks whether it can ask goes the same way again, though nobody is there now."""
    tape = Cassette(folder / "c.jsonl", Secrets({}), recording=True)
    tape.keep({"available": ["text"]}, {"available": True})

    again = Cassette(folder / "c.jsonl", Secrets({}), recording=False)

    assert again.find({"available": ["text"]}) == {"available": True}
    assert again.find({"available": ["agent"]}) is None


def test_answers_come_in_their_order(folder: Path) -> None:
    """The same request twice has two answers; then the last one stays."""
    tape = Cassette(folder / "c.jsonl", Secrets({}), recording=True)
    for number in (1, 2):
        tape.keep({"prompt": "x"}, {"reply": number})
    again = Cassette(folder / "c.jsonl", Secrets({}), recording=False)

    found = [again.find({"prompt": "x"}) for _ in range(3)]

    assert found == [{"reply": 1}, {"reply": 2}, {"reply": 2}]
    assert again.used == (digest({"prompt": "x"}),)


def test_a_request_is_known_by_what_it_says() -> None:
    """The folder, ids and who is asked make no difference; the words, schema and tools do."""
    one = Request(prompt="read /a/b/c.ex", provider="x", session="s-1")
    two = Request(prompt="read /d/c.ex", provider="y")

    assert key_of(one, "/a/b") == key_of(two, "/d")
    assert key_of(one, None) != key_of(two, None)
    assert key_of(two.model_copy(update={"tools": ("search",)}), "/d") != key_of(two, "/d")
    assert key_of(two.model_copy(update={"output_schema": {}}), "/d") != key_of(two, "/d")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = st.dictionaries(st.text(max_size=8), JSON, min_size=1, max_size=4)


@settings(max_examples=50)
@given(rows=st.lists(st.tuples(KEYS, KEYS), max_size=8))
def test_every_recording_is_found_again(rows: list[tuple[Any, Any]], tmp_path_factory: Any) -> None:
    """Whatever was kept comes back whole, in the order of keeping, after pruning, too."""
    path = tmp_path_factory.mktemp("c") / "c.jsonl"
    tape = Cassette(path, Secrets({}), recording=True)
    for key, answer in rows:
        tape.keep(key, answer)
    if rows:
        prune(path, frozenset(row["hash"] for row in read_rows(path)))
        again = Cassette(path, Secrets({}), recording=False)
        assert [again.find(key) for key, _ in rows] == [answer for _, answer in rows]
    else:
        with pytest.raises(UsageError):
            Cassette(path, Secrets({}), recording=False)


AGENT = """
workflow:
  name: w
  steps:
    - name: mend
      type: claude
      prompt: [{type: static, content: "Write the word done into made.txt."}]
      claude_options: {allowed_tools: [Read, Write], permission_mode: accept_edits}
    - {name: look, type: read_file, path: made.txt}
"""


def test_an_agent_works_again_when_it_is_replayed(
    genesis: Genesis, write: Write, folder: Path
) -> None:
    """The real CLI is recorded at its wire: in a replay, elsewhere, it writes the file again."""
    write("w.yaml", AGENT)
    turns: list[Any] = [[tool_use("Write", file_path="made.txt", content="done")], "It is written."]
    with served(AnthropicServer(turns, key=KEY)) as server:
        write(
            "genesis.toml",
            f'[providers.claude]\nbase_url = "{server.url}"\napi_key = "env:MINE_KEY"\n'
            'model = "claude-opus-5-5"\n',
        )
        first = genesis.json(
            "run", "w.yaml", "--mode", "record", "--workspace", "one", MINE_KEY=KEY
        )
        asked = len(server.requests)
    again = genesis.json("run", "w.yaml", "--mode", "replay", "--workspace", "two")

    assert asked >= 2
    assert first["status"] == again["status"] == "succeeded", (first, again)
    assert (folder / "two" / "made.txt").read_text() == "done"
    assert first["results"]["look"]["content"] == again["results"]["look"]["content"] == "done"
    assert again["results"]["mend"]["text"] == "It is written."
    assert KEY not in (folder / "w.cassette.jsonl").read_text()
