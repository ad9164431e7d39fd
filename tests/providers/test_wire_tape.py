"""What of requests and answers is kept on a tape."""

from __future__ import annotations

import json
from typing import Any

from otp_genesis.providers.wire_tape import Places, kept_body, request_key, shown_body

HERE = Places({"project": "/home/ada/my project", "state": "/home/ada"})
THERE = Places({"project": "/srv/x", "state": "/srv"})
SSE = "text/event-stream; charset=utf-8"


def stream(*events: Any) -> str:
    return "".join(
        f"event: {one['type']}\ndata: {json.dumps(one, ensure_ascii=False)}\n\n" for one in events
    )


def delta(index: int, **delta: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def test_two_runs_of_one_question_have_one_key() -> None:
    """Places, ids, dates, and what the client says of itself differ from run to run."""

    def key(places: Places, root: str, number: int) -> dict[str, Any]:
        uuid = f"00000000-0000-4000-8000-00000000000{number}"
        text = (
            f"in {root}/a.py, today 2026-01-0{number}, session {uuid}\n"
            f"OS Version: Linux {number}\nx-anthropic-billing-header: cc_version={number}"
        )
        body = {
            "model": "m",
            "metadata": {"user_id": uuid},
            "messages": [{"role": "user", "content": text, "id": f"toolu_{number}a_0"}],
        }
        return request_key("POST", "/v1/messages", body, places)

    here, there = key(HERE, "/home/ada/my project", 1), key(THERE, "/srv/x", 2)

    assert here == there
    assert here["body"]["messages"][0]["content"].startswith(
        "in <genesis:project>/a.py, today DATE,"
    )
    assert here != request_key("POST", "/v1/messages", {"model": "n"}, HERE)


def test_a_path_in_pieces_is_found() -> None:
    """Pieces of a stream are joined; the same path in another place comes out."""
    path = json.dumps({"file_path": "/home/ada/my project/a.py"})
    begun = {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use"}}
    events = [
        delta(0, type="text_delta", text="In /home/ada/my"), {"type": "ping"},
        delta(0, type="text_delta", text=" project: "), begun,
        delta(1, type="input_json_delta", partial_json=path[:20]),
        delta(1, type="input_json_delta", partial_json=path[20:]),
        {"type": "message_stop"},
    ]  # fmt: skip
    kept = kept_body(SSE, stream(*events), HERE)
    shown = shown_body(SSE, kept, THERE)

    assert "ada" not in kept
    assert shown == stream(
        delta(0, type="text_delta", text="In /srv/x: "),
        begun,
        delta(1, type="input_json_delta", partial_json='{"file_path": "/srv/x/a.py"}'),
        {"type": "message_stop"},
    )


def test_a_path_with_quotes_in_json() -> None:
    """A path is found as JSON in JSON has it, too."""
    odd = Places({"project": '/home/ö"x'})
    body = json.dumps({"input": json.dumps({"path": '/home/ö"x/a'})})
    kept = kept_body("application/json", body, odd)
    shown = shown_body("application/json", kept, Places({"project": '/srv/"y'}))

    assert "home" not in kept
    assert json.loads(json.loads(shown)["input"]) == {"path": '/srv/"y/a'}


def test_a_text_may_hold_any_character() -> None:
    """What is a line end elsewhere is none on the wire."""
    events = stream(delta(0, type="text_delta", text="a\u2028b\x85c\x0cd"))
    kept = kept_body(SSE, events, HERE)

    assert "a\u2028b" in kept
    assert shown_body(SSE, kept, HERE) == kept


def test_what_is_no_json_is_kept_as_text() -> None:
    """An error page of something in between, with a place in it."""
    kept = kept_body("text/html", "<p>/home/ada/my project</p>", HERE)

    assert kept == "<p><genesis:project></p>"
    assert shown_body("text/html", kept, THERE) == "<p>/srv/x</p>"
