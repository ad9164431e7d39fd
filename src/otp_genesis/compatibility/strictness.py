"""How a pipeline is made to say `strict: true`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from otp_genesis.compatibility.draft import Edit, Part, same_spans
from otp_genesis.compatibility.rewrites import Found, Refused, is_flow
from otp_genesis.compatibility.scalars import body_of
from otp_genesis.model.document import Document, Path, Span

WHAT = "strict: true"


def strictness(document: Document, pipelines: Iterable[Path]) -> Found:
    """Yield what makes each of the pipelines strict."""
    chosen = set(pipelines)
    twins = same_spans(document.values)
    done: set[Path] = set()
    for path in sorted(chosen, key=len):
        if path in done:
            continue
        span = document.values[path]
        same = twins[span.start, span.end]
        done.update(same)
        others = [one for one in same if one not in chosen and not str(one[0]).startswith("x-")]
        part = None if others else _part(document, path)
        if part is None:
            yield Refused((path,), "'strict: true' cannot be added here")
        else:
            yield Edit(WHAT, (part,), tuple(same), _strict)


def _strict(pipeline: dict[str, Any]) -> dict[str, Any]:
    return {**pipeline, "strict": True}


def _part(document: Document, path: Path) -> Part | None:
    """Return where `strict: true` is put, and what is to be written there."""
    text = document.text
    if (said := document.values.get((*path, "strict"))) is not None:
        start = said.start + body_of(text[said.start : said.end])[0]
        return (start, said.end, "true" if said.end > said.start else " true")
    own = _own_keys(document, path)
    if not own:
        return None
    name, first = min(own.items(), key=lambda one: one[1].start)
    quote = text[first.start] if text[first.start] in "'\"" else ""
    said_strict = f"{quote}strict{quote}: true"
    before = text[text.rfind("\n", 0, first.start) + 1 : first.start]
    value = document.values[*path, name]
    end = text.find("\n", value.end)
    line_end = len(text) if end < 0 else end
    new_line = "\r\n" if text[: text.find("\n", first.start)].endswith("\r") else "\n"
    if is_flow(document, path):
        gap = " " if before.strip() else f"{new_line}{before}"
        return (first.start, first.start, f"{said_strict},{gap}")
    rest = text[value.end : line_end].strip()
    one_line = "\n" not in text[value.start : value.end] and (not rest or rest[0] == "#")
    if name == "name" and one_line:
        at = line_end - text[:line_end].endswith("\r")
        blanks = " " * (first.column - 1)
        return (at, at, f"{new_line}{blanks}{said_strict}")
    if before.strip():
        return None
    return (first.start, first.start, f"{said_strict}{new_line}{before}")


def _own_keys(document: Document, path: Path) -> Mapping[str, Span]:
    """Return the keys that stand in the mapping itself, not in what it merges."""
    whole = document.values[path]
    return {
        str(key[-1]): span
        for key, span in document.keys.items()
        if key[:-1] == path and whole.start <= span.start < whole.end
    }
