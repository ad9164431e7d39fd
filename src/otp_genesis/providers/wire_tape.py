"""Requests and answers of the wire as they are kept: without what differs from run to run.

An answer that names a file names it by where it was when it was recorded. So the places of a run,
its project and its home, are replaced by names on the tape, and put in again on the way out. A
stream is kept with its pieces joined: a path may be cut anywhere in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_PASSING = (
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\b(toolu|msg|req|srvtoolu)_[A-Za-z0-9_]+"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "DATE"),
    (re.compile(r"x-anthropic-billing-header:[^\n]*"), "BILLING"),
    (re.compile(r"\b(OS Version|Platform|Shell): [^\n]*"), r"\1: HERE"),
)
_PIECES = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}


class Places:
    """Folders of a run, by the names that stand for them on the tape."""

    def __init__(self, places: Mapping[str, str]):
        pairs = [pair for name, place in places.items() for pair in _spellings(place, name)]
        # The longest first: a place may be within another.
        self._pairs = sorted(pairs, key=lambda pair: -len(pair[0]))

    def hide(self, text: str) -> str:
        """Return the text with the names."""
        for place, name in self._pairs:
            text = text.replace(place, name)
        return text

    def show(self, text: str) -> str:
        """Return the text with the places."""
        for place, name in self._pairs:
            text = text.replace(name, place)
        return text


def _spellings(place: str, name: str) -> list[tuple[str, str]]:
    """Return a path as it is, as JSON in JSON has it, and as a name of one file."""
    escaped = json.dumps(place)[1:-1]
    dashed = re.sub(r"[^A-Za-z0-9]", "-", place)
    return [
        (place, f"<genesis:{name}>"),
        (escaped, f"<genesis:{name}:json>"),
        (dashed, f"<genesis:{name}:dashed>"),
    ]


def request_key(method: str, path: str, body: Any, places: Places) -> dict[str, Any]:
    """Return what a request is found by."""
    if isinstance(body, Mapping):
        body = {name: value for name, value in body.items() if name != "metadata"}

    def normal(text: str) -> str:
        text = places.hide(text)
        for pattern, instead in _PASSING:
            text = pattern.sub(instead, text)
        return text

    return {"method": method, "path": path, "body": mapped(body, normal)}


def kept_body(content_type: str, body: str, places: Places) -> str:
    """Return the text of an answer as it is kept."""
    if content_type.startswith("text/event-stream"):
        return _stream([mapped(event, places.hide) for event in _joined(_parsed(body))])
    return _document(body, places.hide)


def shown_body(content_type: str, body: str, places: Places) -> str:
    """Return the text of a kept answer as it is given here."""
    if content_type.startswith("text/event-stream"):
        return _stream([mapped(event, places.show) for event in _parsed(body)])
    return _document(body, places.show)


def mapped(data: Any, change: Callable[[str], str]) -> Any:
    """Return JSON data with every text in it changed, names of members excepted."""
    match data:
        case str():
            return change(data)
        case Mapping():
            return {name: mapped(value, change) for name, value in data.items()}
        case list() | tuple():
            return [mapped(one, change) for one in data]
    return data


def _document(body: str, change: Callable[[str], str]) -> str:
    try:
        return json.dumps(mapped(json.loads(body), change), ensure_ascii=False)
    except ValueError:
        return change(body)


def _parsed(body: str) -> list[Any]:
    events = []
    # Lines end as the wire ends them: a text may hold what else is a line end to Python.
    for line in body.split("\n"):
        name, _, data = line.partition(":")
        if name == "data":
            try:
                events.append(json.loads(data))
            except ValueError:
                events.append(data.strip("\r "))
    return events


def _joined(events: list[Any]) -> list[Any]:
    """Return the events without pings, and with the pieces of a block in one."""
    joined: list[Any] = []
    for event in events:
        if isinstance(event, dict) and event.get("type") == "ping":
            continue
        before = joined[-1] if joined else None
        member = _piece_of(event)
        if (
            member is None
            or before is None
            or _piece_of(before) != member
            or before["index"] != event["index"]
        ):
            joined.append(event)
        else:
            whole = before["delta"][member] + event["delta"][member]
            joined[-1] = {**before, "delta": {**before["delta"], member: whole}}
    return joined


def _piece_of(event: Any) -> str | None:
    if not isinstance(event, dict) or event.get("type") != "content_block_delta":
        return None
    return _PIECES.get(event["delta"].get("type"))


def _stream(events: list[Any]) -> str:
    parts = []
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
        kind = event.get("type") if isinstance(event, dict) else None
        parts.append(f"event: {kind}\ndata: {data}\n\n" if kind else f"data: {data}\n\n")
    return "".join(parts)
