"""What can still be read of a file in which the grammar gives up.

The smallest blocks that make it fail are blanked out, byte for byte, so that all else keeps its
place. A block is `do` at the end of a line up to the first `end` of the same indentation: what is
formatted otherwise is not read at all. The grammar also gives up on some valid files, because it
follows at most six readings of a piece of code at once (tree-sitter's MAX_VERSION_COUNT).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from otp_genesis.otp.syntax import Span, parse

_DEFINITION = re.compile(rb"[ \t]*(?:def|defp|defmacro|defmacrop|test|describe|setup)\b")
_ANY = re.compile(rb"")
_OPENS = re.compile(rb"\bdo[ \t]*\r?$")
_INDENT = re.compile(rb"[ \t]*")
_CLOSES = re.compile(rb"([ \t]*)end\b")
_LONGEST_HEAD = 8
_MOST_TRIES = 200
_MOST_BYTES = 2_000_000
"""How much is parsed to find one block: about as long as a person waits for a broken file."""


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
        cure = _cure(text, definitions)
        if cure is None:
            return None
        found.add(cure)
        text = _without(text, [cure])
    if all((block.body, block.body_end) in found for block in definitions):
        return None
    ends = [match.start() for match in re.finditer(rb"\n", data)]
    gaps = (Gap(bisect_left(ends, start) + 1, bisect_left(ends, end)) for start, end in found)
    return text, tuple(sorted(gaps))


def _guilty(data: bytes, block: _Block) -> list[Span]:
    """Return what must be blank so that one definition can be read by itself."""
    text = data[block.start : block.end]
    if not parse(text).root_node.has_error:
        return []
    inner = [one for one in _blocks(text, _ANY) if one.start > 0]
    cure = _cure(text, inner)
    if cure is not None:
        return [(block.start + cure[0], block.start + cure[1])]
    return [(block.body, block.body_end)]


def _cure(text: bytes, blocks: Iterable[_Block]) -> Span | None:
    """Return the smallest body of a block without which all else can be read."""
    spans = {(block.body, block.body_end) for block in blocks}
    small_first = sorted(spans, key=lambda span: (span[1] - span[0], span))
    tries = min(_MOST_TRIES, _MOST_BYTES // max(1, len(text)))
    for span in small_first[:tries]:
        if not parse(_without(text, [span])).root_node.has_error:
            return span
    return None


def _without(data: bytes, spans: Iterable[Span]) -> bytes:
    text = bytearray(data)
    for start, end in spans:
        text[start:end] = re.sub(rb"[^\r\n]", b" ", data[start:end])
    return bytes(text)


def _blocks(data: bytes, first: re.Pattern[bytes]) -> Iterator[_Block]:
    """Yield the blocks whose first line begins as `first` says, outer ones first."""
    lines = data.split(b"\n")
    offsets = [0, *accumulate(len(line) + 1 for line in lines)]
    closing: dict[bytes, list[int]] = defaultdict(list)
    for at, line in enumerate(lines):
        if match := _CLOSES.match(line):
            closing[match[1]].append(at)
    for at, line in enumerate(lines):
        if not line.strip() or not first.match(line):
            continue
        heads = range(at, min(at + _LONGEST_HEAD, len(lines))) if first is not _ANY else [at]
        opened = next((head for head in heads if _OPENS.search(lines[head])), None)
        if opened is None:
            continue
        indent = _INDENT.match(line)
        ends = closing.get(indent[0] if indent else b"", [])
        following = bisect_right(ends, opened)
        if following < len(ends):
            last = ends[following]
            end = min(offsets[last] + len(lines[last]), len(data))
            yield _Block(offsets[at], offsets[opened + 1], offsets[last], end)
