"""A document that is being changed, place by place, each change proved by reading it again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from otp_genesis.errors import InvalidDocument
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import Document, Path, Span, is_json, read_document

Part = tuple[int, int, str]
"""The characters from one place to another, and what is to stand there."""
Becomes = Callable[[Any], Any]


@dataclass(frozen=True)
class Edit:
    """One change: characters that are replaced, and what that makes of the data."""

    what: str
    parts: tuple[Part, ...]
    places: tuple[Path, ...]
    """Whose data becomes another; several where an anchor is repeated."""
    becomes: Becomes

    @property
    def start(self) -> int:
        """Where it begins."""
        return self.parts[0][0]


@dataclass(frozen=True)
class _Moved:
    """What one batch of edits did to places: `now[i]` is where `then[i]` went."""

    now: tuple[int, ...]
    then: tuple[int, ...]
    new: tuple[bool, ...]
    """Whether what begins there was not there before."""

    def back(self, at: int) -> int:
        index = bisect_right(self.now, at) - 1
        return self.then[index] + (0 if self.new[index] else at - self.now[index])


class Draft:
    """A document's text, as far as it is changed. Raises `InvalidDocument` if it cannot be read."""

    def __init__(self, text: str, file: str):
        self.original = read_document(text, file)
        self.document = self.original
        self._moves: list[_Moved] = []
        self._json = _is_json(text)

    @property
    def text(self) -> str:
        """The text as it is now."""
        return self.document.text

    def apply(self, edits: Sequence[Edit]) -> list[Edit]:
        """Make the edits that leave all other data as it is; return the others, in order."""
        good = self._good(sorted(edits, key=lambda edit: edit.start))
        read = self._read(good)
        if read is None:
            return list(edits)
        self._moves.append(_moved(_parts(good)))
        self.document = read
        return [edit for edit in edits if edit not in good]

    def fork(self) -> Draft:
        """Return a copy that can be tried."""
        other = copy(self)
        other._moves = list(self._moves)
        return other

    def _good(self, edits: list[Edit]) -> list[Edit]:
        if not edits or self._read(edits) is not None:
            return edits
        if len(edits) == 1:
            return []
        half = len(edits) // 2
        return self._good(edits[:half]) + self._good(edits[half:])

    def _read(self, edits: Sequence[Edit]) -> Document | None:
        """Return the document with the edits made, if it says what they mean and nothing else."""
        text, end = [], 0
        for start, stop, new in _parts(edits):
            if start < end:
                return None
            text += [self.text[end:start], new]
            end = stop
        whole = "".join((*text, self.text[end:]))
        try:
            read = read_document(whole, self.document.file)
        except InvalidDocument:
            return None
        kept = len(read.complaints) == len(self.document.complaints)
        if not kept or (self._json and not _is_json(whole)):
            return None
        return read if read.data == _expected(self.document.data, edits) else None

    def first_place(self, start: int) -> Span:
        """Return where in the first text that stood which is now at `start`."""
        for moved in reversed(self._moves):
            start = moved.back(start)
        return _span(self.original.text, start)

    def first_told(self, complaints: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Return complaints about the text as it is now with their places in the first one."""
        if not self._moves:
            return list(complaints)
        starts = list(accumulate((len(line) + 1 for line in self.text.split("\n")), initial=0))
        return [self._first(one, starts) for one in complaints]

    def _first(self, one: Diagnostic, starts: list[int]) -> Diagnostic:
        if one.file != self.original.file:
            return one
        line = min(one.line, len(starts)) - 1
        span = self.first_place(min(starts[line] + one.column - 1, len(self.text)))
        shown = self.original.diagnose(span, one.code, one.message)
        return replace(one, line=span.line, column=span.column, source_line=shown.source_line)


def same_spans(spans: Mapping[Path, Span]) -> dict[tuple[int, int], list[Path]]:
    """Return the paths that lead to each place: several where an anchor is repeated."""
    found: dict[tuple[int, int], list[Path]] = {}
    for path, span in spans.items():
        found.setdefault((span.start, span.end), []).append(path)
    return found


def _parts(edits: Iterable[Edit]) -> list[Part]:
    return sorted(part for edit in edits for part in edit.parts)


def _moved(parts: list[Part]) -> _Moved:
    rows = [(0, 0, False)]
    shift = 0
    for start, end, new in parts:
        rows.append((start + shift, start, True))
        shift += len(new) - (end - start)
        rows.append((end + shift, end, False))
    now, then, fresh = zip(*rows, strict=True)
    return _Moved(now, then, fresh)


def _expected(data: Any, edits: Iterable[Edit]) -> Any:
    data = deepcopy(data)
    for edit in edits:
        for path in edit.places:
            if not path:
                data = edit.becomes(data)
                continue
            node = data
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = edit.becomes(node[path[-1]])
    return data


def _span(text: str, start: int) -> Span:
    line = text.count("\n", 0, start) + 1
    return Span(line, start - text.rfind("\n", 0, start), start, start)


def _is_json(text: str) -> bool:
    return text.lstrip().startswith(("{", "[")) and is_json(text)
