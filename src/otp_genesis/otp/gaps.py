"""What can still be read of a file in which the grammar gives up.

The smallest blocks that make it fail are blanked out, byte for byte, so that all else keeps its
place. A block is `do` at the end of a line up to the first `end` of the same indentation: what is
formatted otherwise is not read at all. The grammar also gives up on some valid files, because it
follows at most six readings of a piece of code at once (tree-sitter's MAX_VERSION_COUNT).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from otp_genesis.otp.syntax import Span, parse

_DEFINITION = re.compile(rb"[ \t]*(?:def|defp|defmacro|defmacrop|test|describe|setup)\b")
_ANY = re.compile(rb"")
_OPENS = re.compile(rb"\bdo[ \t]*\r?$")
_INDENT = re.compile(rb"[ \t]*")
_LONGEST_HEAD = 8
_MOST_TRIES = 200


class Gap(NamedTuple):
    """Lines of a file that could not be read, from 1, both included."""

    first_line: int
    last_line: int

    def __str__(self) -> str:
        if self.first_line == self.last_line:
            return f"line {self.first_line}"
        return f"lines {self.first_line} to {self.last_line}"


class _Block(NamedTuple):
    """Where a block starts, its body starts and ends, and it ends itself."""

    start: int
    body: int
    body_end: int
    end: int


def blanked(data: bytes) -> tuple[bytes, tuple[Gap, ...]] | None:
    """Return the text with its unreadable blocks blank, and where they are; `None`: nothing helps.

    The body of one definition at least is left.
    """
    definitions = [*_blocks(data, _DEFINITION)]
    found = {span for block in definitions for span in _guilty(data, block)}
    text = _without(data, found)
    if parse(text).root_node.has_error:
        cure = next((span for span in _bodies(definitions) if _cures(text, span)), None)
        if cure is None:
            return None
        found.add(cure)
        text = _without(text, [cure])
    if all((block.body, block.body_end) in found for block in definitions):
        return None
    gaps = (Gap(data.count(b"\n", 0, a) + 1, data.count(b"\n", 0, b)) for a, b in found)
    return text, tuple(sorted(gaps))


def _guilty(data: bytes, block: _Block) -> list[Span]:
    """Return what must be blank so that one definition can be read by itself."""
    text = data[block.start : block.end]
    if not parse(text).root_node.has_error:
        return []
    inner = [one for one in _blocks(text, _ANY) if one.start > 0]
    for start, end in _bodies(inner):
        if _cures(text, (start, end)):
            return [(block.start + start, block.start + end)]
    return [(block.body, block.body_end)]


def _bodies(blocks: Iterable[_Block]) -> list[Span]:
    """Return the bodies of blocks, small ones first."""
    spans = {(block.body, block.body_end) for block in blocks}
    return sorted(spans, key=lambda span: (span[1] - span[0], span))[:_MOST_TRIES]


def _cures(text: bytes, span: Span) -> bool:
    return not parse(_without(text, [span])).root_node.has_error


def _without(data: bytes, spans: Iterable[Span]) -> bytes:
    text = bytearray(data)
    for start, end in spans:
        text[start:end] = re.sub(rb"[^\r\n]", b" ", data[start:end])
    return bytes(text)


def _blocks(data: bytes, first: re.Pattern[bytes]) -> Iterator[_Block]:
    """Yield the blocks whose first line begins as `first` says, outer ones first."""
    lines = data.split(b"\n")
    offsets = [0, *accumulate(len(line) + 1 for line in lines)]
    for at, line in enumerate(lines):
        if not line.strip() or not first.match(line):
            continue
        heads = range(at, min(at + _LONGEST_HEAD, len(lines))) if first is not _ANY else [at]
        opened = next((head for head in heads if _OPENS.search(lines[head])), None)
        last = _closing(lines, opened, _INDENT.match(line)) if opened is not None else None
        if opened is not None and last is not None:
            end = min(offsets[last] + len(lines[last]), len(data))
            yield _Block(offsets[at], offsets[opened + 1], offsets[last], end)


def _closing(lines: list[bytes], opened: int, indent: re.Match[bytes] | None) -> int | None:
    """Return the line of the `end` that is indented like the line where the block begins."""
    closing = re.compile((indent[0] if indent else b"") + rb"end\b")
    return next((at for at in range(opened + 1, len(lines)) if closing.match(lines[at])), None)
