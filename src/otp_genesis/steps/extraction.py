"""What is made of a model's text: a format, gathered sections, a cut. Text in, text out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from otp_genesis.model.document import is_json
from otp_genesis.model.prompt import TextFormat

SUMMARY_LENGTH = 500
_POINT = re.compile(r"(?:- |\* |\d+\.)")
_ENDS = re.compile(r"(?<=[.!?])\s+")


def shortened(text: str, limit: int) -> str:
    """Return at most `limit` characters; what is cut off becomes `...`."""
    return text if len(text) <= limit else text[: max(limit - 3, 0)] + "..."[:limit]


def summarized(text: str, limit: int = SUMMARY_LENGTH) -> str:
    """Return the first sentences, as many as fit into `limit` characters."""
    kept = ""
    for sentence in _ENDS.split(text.strip()):
        longer = f"{kept} {sentence}" if kept else sentence
        if len(longer) > limit:
            break
        kept = longer
    return kept or shortened(text.strip(), limit)


def formatted(text: str, kind: TextFormat, summary_length: int = SUMMARY_LENGTH) -> str:
    """Return `text` in a format.

    `json` wraps what is no JSON, `structured` and `markdown` put a heading over what has none,
    `summary` cuts to `summary_length` characters, `text` changes nothing.
    """
    match kind:
        case "json" if not is_json(text):
            return json.dumps({"content": text, "format": "json"}, ensure_ascii=False)
        case "structured" if "##" not in text:
            return f"## Extracted Content\n\n{text}\n"
        case "markdown" if "#" not in text:
            return f"# Extracted Content\n\n{text}\n"
        case "summary":
            return shortened(text, summary_length)
    return text


def processed(text: str, operations: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """Return `text` with what each operation adds, in order, and the operations nobody knows."""
    unknown = []
    for name in operations:
        if (operation := POST_PROCESSING.get(name)) is None:
            unknown.append(name)
        else:
            text = operation(text)
    return text, tuple(unknown)


def _gathering(title: str, find: Callable[[str], list[str]], between: str = "\n") -> _Operation:
    def gather(text: str) -> str:
        found = find(text)
        return f"{text}\n## {title}\n{between.join(found)}\n" if found else text

    return gather


def _lines(wanted: Callable[[str], object]) -> Callable[[str], list[str]]:
    return lambda text: [line for line in text.split("\n") if wanted(line)]


def _with_heading(text: str) -> str:
    return text if "#" in text else f"# Content\n\n{text}\n"


def _with_summary(text: str) -> str:
    return f"{text}\n## Generated Summary\n{'. '.join(text.split('. ')[:3])[:200]}\n"


_Operation = Callable[[str], str]

POST_PROCESSING: dict[str, _Operation] = {
    "extract_code_blocks": _gathering(
        "Code Blocks Extracted", re.compile(r"```.*?```", re.DOTALL).findall, "\n\n"
    ),
    "extract_recommendations": _gathering(
        "Recommendations Extracted", _lines(lambda line: "recommend" in line or "suggest" in line)
    ),
    "extract_links": _gathering(
        "Links Extracted", lambda text: [f"- {link}" for link in re.findall(r"https?://\S+", text)]
    ),
    "extract_key_points": _gathering("Key Points Extracted", _lines(_POINT.match)),
    "format_markdown": _with_heading,
    "generate_summary": _with_summary,
}
"""What can be done to a text after it was put into its format; most add a section."""
