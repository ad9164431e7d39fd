"""Elixir source as a tree-sitter tree: parsing, positions, and small questions about nodes.

Offsets are bytes, as tree-sitter gives them; lines and columns count from 1, columns in characters.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

import tree_sitter_elixir
from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree

Span = tuple[int, int]
"""Start and end as byte offsets; the end is exclusive."""

LANGUAGE = Language(tree_sitter_elixir.language())
BOM = b"\xef\xbb\xbf"


def parse(data: bytes) -> Tree:
    """Return the tree of `data`; a byte order mark counts as blanks, so that offsets stay."""
    return Parser(LANGUAGE).parse(b"   " + data[3:] if data.startswith(BOM) else data)


def captures(query: str, node: Node) -> dict[str, list[Node]]:
    """Run a tree-sitter query below `node`: its captures by name, in file order."""
    return QueryCursor(Query(LANGUAGE, query)).captures(node)


def first_error(node: Node) -> Node | None:
    """Return the first node that tree-sitter could not make sense of."""
    return next((found for found in walk(node) if found.is_error or found.is_missing), None)


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and all below it, in file order."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(reversed(found.children))


def span(node: Node) -> Span:
    """Return where `node` stands."""
    return node.start_byte, node.end_byte


def code(node: Node | None) -> str:
    """Return the source of `node` (empty for none)."""
    return (node.text or b"").decode() if node is not None else ""


def parts(node: Node) -> list[Node]:
    """Return the named children without comments."""
    return [child for child in node.named_children if child.type != "comment"]


def child(node: Node | None, kind: str) -> Node | None:
    """Return the first direct child of type `kind`."""
    if node is not None:
        for found in node.children:
            if found.type == kind:
                return found
    return None


def arguments(call: Node) -> list[Node]:
    """Return the arguments as written; trailing keywords are one node."""
    found = child(call, "arguments")
    return parts(found) if found else []


def target(node: Node) -> str:
    """Return what a call calls, as written: `spawn`, `Task.start`; empty for anything else."""
    return code(node.child_by_field_name("target")) if node.type == "call" else ""


def keyword(node: Node | None, name: str) -> Node | None:
    """Return the value of `name:` in a `keywords` node, or in the one inside a list."""
    if node is not None and node.type == "list":
        node = child(node, "keywords")
    if node is None or node.type != "keywords":
        return None
    for pair in parts(node):
        if code(pair.child_by_field_name("key")).rstrip().rstrip(":") == name:
            return pair.child_by_field_name("value")
    return None


_CLAUSES = frozenset({"after_block", "else_block", "rescue_block", "catch_block"})


def statements(node: Node) -> list[Node]:
    """Return the expressions of a `do_block`, `body`, `block` or whole source, in order."""
    return [found for found in parts(node) if found.type not in _CLAUSES]


def is_last(node: Node) -> bool:
    """Whether no expression follows in the block that `node` is a statement of."""
    following = node.next_named_sibling
    while following is not None and (following.type == "comment" or following.type in _CLAUSES):
        following = following.next_named_sibling
    return following is None


def body(call: Node) -> list[Node]:
    """Return the expressions of the `do` block, or of `do:`, of a call."""
    if block := child(call, "do_block"):
        return statements(block)
    for argument in reversed(arguments(call)):
        value = keyword(argument, "do")
        if value is not None:
            return statements(value) if value.type == "block" else [value]
    return []


def at(root: Node, where: Span) -> Node:
    """Return the outermost node that covers exactly `where`, or the smallest around it."""
    found = root.descendant_for_byte_range(*where) or root
    while found.parent is not None and span(found.parent) == span(found):
        found = found.parent
    return found


def inside(node: Node, *kinds: str) -> Node | None:
    """Return the nearest node around `node` that is of one of `kinds`."""
    found = node.parent
    while found is not None and found.type not in kinds:
        found = found.parent
    return found


def call_at(root: Node, where: Span) -> Node | None:
    """Return the call, with or without a module, whose function's name stands at `where`."""
    name = root.descendant_for_byte_range(*where)
    if name is None or name.type != "identifier" or span(name) != where:
        return None
    named = name.parent
    if named is not None and named.type == "dot":
        name, named = named, named.parent
    if named is None or named.type != "call" or named.child_by_field_name("target") != name:
        return None
    return named


def call_named_at(root: Node, where: Span) -> Node | None:
    """Return the call without a module whose name stands at `where`."""
    call = call_at(root, where)
    return call if call is not None and span(call.children[0]) == where else None


class Lines:
    """Converts byte offsets of one text to lines and columns and back."""

    def __init__(self, data: bytes):
        self._data = data
        lengths = (len(line) for line in data.split(b"\n"))
        self._starts = [0, *accumulate(length + 1 for length in lengths)][:-1]
        if data.startswith(BOM):
            self._starts[0] = 3

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column of a byte offset."""
        line = max(1, bisect_right(self._starts, offset))
        before = self._data[self._starts[line - 1] : offset]
        return line, len(before.decode(errors="replace")) + 1

    def offset(self, line: int, column: int) -> int:
        """Return the byte offset of a line and column."""
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self._data)
        text = self._data[start:end].decode(errors="replace")
        return start + len(text[: column - 1].encode())

    def indent(self, offset: int) -> str:
        """Return the blanks that the line of `offset` begins with."""
        start = self._starts[self.position(offset)[0] - 1]
        line = self._data[start:].split(b"\n", 1)[0]
        return line[: len(line) - len(line.lstrip(b" \t"))].decode()
