"""A file's tree as a row of captured nodes in file order; the trees themselves are not kept."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from otp_genesis.deferred import deferred
from otp_genesis.languages.facts import Reference

if TYPE_CHECKING:
    import tree_sitter
    from tree_sitter import Node
else:
    tree_sitter = deferred("tree_sitter")

MAX_SIGNATURE = 300
"""Characters of a signature that are kept."""
_BLANKS = re.compile(r"\s+")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Grammar:
    """A tree-sitter grammar and the one query that finds all that is looked at."""

    module: str
    query: str
    names: frozenset[str]
    """The types of nodes that hold a name."""
    function: str = "language"

    def scan(self, text: str) -> Scan:
        """Return what the query finds in a text."""
        language, query = _compiled(self)
        data = text.encode(errors="replace")
        # A byte order mark counts as blanks, so that offsets stay.
        data = b"   " + data[3:] if data.startswith(_BOM) else data
        root = tree_sitter.Parser(language).parse(data).root_node
        found = tree_sitter.QueryCursor(query).captures(root)
        nodes = [
            (node.start_byte, -node.end_byte, name, node)
            for name, captured in found.items()
            for node in captured
        ]
        nodes.sort(key=lambda row: row[:3])
        return Scan(data, root, [(name, node) for _, _, name, node in nodes], self.names)


@cache
def _compiled(grammar: Grammar) -> tuple[tree_sitter.Language, tree_sitter.Query]:
    language = tree_sitter.Language(getattr(import_module(grammar.module), grammar.function)())
    return language, tree_sitter.Query(language, grammar.query)


@dataclass
class Scan:
    """One parsed text."""

    data: bytes
    root: Node
    nodes: list[tuple[str, Node]]
    """Captures with their names, by start, the outer before the inner."""
    _names: frozenset[str]
    _marks: list[tuple[int, int, str]] = field(default_factory=list)

    def text(self, node: Node | None) -> str:
        """Return the source of a node (empty for none)."""
        if node is None:
            return ""
        return self.data[node.start_byte : node.end_byte].decode(errors="replace")

    def line(self, node: Node) -> int:
        """Return the line that a node begins in, from 1."""
        return int(node.start_point[0]) + 1

    def last_line(self, node: Node) -> int:
        """Return the line that a node ends in, from 1."""
        return int(node.end_point[0]) + 1

    def signature(self, start: int, end: int) -> str:
        """Return the source between two offsets in one line, not longer than may be."""
        one = _BLANKS.sub(" ", self.data[start:end].decode(errors="replace")).strip()
        return one if len(one) <= MAX_SIGNATURE else f"{one[: MAX_SIGNATURE - 1]}…"

    def mark(self, node: Node, name: str) -> None:
        """Keep a decorator or attribute; they come in file order."""
        self._marks.append((node.start_byte, node.end_byte, name))

    def marks(self, anchor: int, gap: re.Pattern[bytes]) -> tuple[str, ...]:
        """Return the marks before an offset, with nothing but `gap` in between."""
        found: list[str] = []
        index = bisect_right(self._marks, anchor, key=lambda mark: mark[1]) - 1
        while index >= 0:
            start, end, name = self._marks[index]
            if not gap.fullmatch(self.data, end, anchor):
                break
            found.append(name)
            anchor, index = start, index - 1
        return tuple(reversed(found))

    def problem(self) -> str:
        """Return what is wrong with the text, as far as the grammar can tell; empty if nothing."""
        if not self.root.has_error:
            return ""
        node = self.root
        while not (node.is_error or node.is_missing):
            inner = next((one for one in node.children if one.has_error or one.is_missing), None)
            if inner is None:
                break
            node = inner
        if node.parent is None or self.root.is_error:
            return "the grammar makes no sense of the file; what it holds may be missing"
        return f"the grammar makes no sense of line {self.line(node)}; more may be missing"

    def references(self, names: frozenset[str]) -> tuple[Reference, ...]:
        """Return where names stand in code: not in comments and not in strings."""
        if not names:
            return ()
        words = sorted((name.encode() for name in names), key=len, reverse=True)
        wanted = re.compile(rb"(?<![\w])(?:" + b"|".join(map(re.escape, words)) + rb")(?![\w])")
        found = []
        for hit in wanted.finditer(self.data):
            node = self.root.descendant_for_byte_range(*hit.span())
            # An Elixir alias is one node with all its parts: its end is what is named.
            if node is not None and node.type in self._names and node.end_byte == hit.end():
                found.append(self._reference(hit))
        return tuple(found)

    def _reference(self, hit: re.Match[bytes]) -> Reference:
        start = self.data.rfind(b"\n", 0, hit.start()) + 1
        end = self.data.find(b"\n", hit.start())
        line = self.data[start : end if end >= 0 else len(self.data)].decode(errors="replace")
        column = len(self.data[start : hit.start()].decode(errors="replace")) + 1
        number = self.data.count(b"\n", 0, hit.start()) + 1
        return Reference(hit[0].decode(), number, column, line.strip()[:MAX_SIGNATURE])


def named(node: Node | None) -> list[Node]:
    """Return the named children without comments."""
    if node is None:
        return []
    return [one for one in node.named_children if "comment" not in one.type]


def child(node: Node, *kinds: str) -> Node | None:
    """Return the first direct child of one of `kinds`."""
    return next((one for one in node.children if one.type in kinds), None)


def literal(text: str) -> str:
    """Return what a plain quoted text says."""
    return text.strip().strip("\"'`")


@dataclass
class Frame:
    """Something that other things stand in, while a file is read through."""

    kind: str
    name: str
    end: int
    public: bool = True
    aliases: dict[str, str] = field(default_factory=dict)


class Frames:
    """What the place that is being read is in, the outermost first."""

    def __init__(self) -> None:
        self.open: list[Frame] = [Frame("file", "", 1 << 62)]

    def at(self, start: int) -> None:
        """Leave what ends before an offset."""
        while self.open[-1].end <= start:
            self.open.pop()

    def enter(self, kind: str, name: str, end: int, *, public: bool = True) -> None:
        """Enter something that ends at an offset."""
        self.open.append(Frame(kind, name, end, public))

    @property
    def owner(self) -> str:
        """The names of what is open, with dots."""
        return ".".join(frame.name for frame in self.open if frame.name)

    @property
    def nearest(self) -> str:
        """The kind of the innermost."""
        return self.open[-1].kind

    @property
    def public(self) -> bool:
        """Whether all that is open is public."""
        return all(frame.public for frame in self.open)
