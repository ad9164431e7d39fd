"""Clauses of `rescue` and `catch` that take everything and tell nobody."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from otp_genesis.otp.facts import Function, SourceFile
from otp_genesis.otp.syntax import code, parts, statements, walk

QUIET = frozenset({"nil", "true", "false", ":ok", ":noreply", ":ignore", ":cont"})
EMPTY = frozenset({"[]", "%{}", "{}", '""'})
CLEANING = re.compile(
    r"terminate|stop|close|clean|shut_?down|detach|unsubscribe|disconnect|cancel|flush|safe|try_"
    r"|telemetry|emit|log|trace"
)
"""Functions whose name says that they do what can still be done, or only tell of something."""


@dataclass(frozen=True)
class Swallowing:
    """A clause that takes what was raised, thrown or exited with, and what it returns instead."""

    clause: Node
    tried: tuple[Node, ...]
    value: str
    function: Function


def swallowing(file: SourceFile, arrows: Iterable[int]) -> Iterator[Swallowing]:
    """Yield the clauses of production code whose arrows stand at `arrows`.

    Not those that a comment explains, nor those that return what tells of a failure.
    """
    for arrow in arrows:
        found = _swallowing(file, arrow)
        if found is not None:
            yield found


def arrows(file: SourceFile, word: bytes, pattern: re.Pattern[bytes]) -> Iterator[int]:
    """Yield the arrows of what `pattern` matches below each line that is `word` alone."""
    place = file.text.find(word) if file.kind == "lib" else -1
    while place >= 0:
        line = file.text.rfind(b"\n", 0, place) + 1
        indent = file.text[line:place]
        if not indent.strip() and file.text[place + len(word) : place + len(word) + 1].isspace():
            end = file.text.find(b"\n" + indent + b"end", place)
            for match in pattern.finditer(file.text, place, end if end >= 0 else sys.maxsize):
                yield match.end() - len(b"->")
        place = file.text.find(word, place + len(word))


def _swallowing(file: SourceFile, arrow: int) -> Swallowing | None:
    node = file.root().descendant_for_byte_range(arrow, arrow)
    clause = node.parent if node is not None else None
    block = clause.parent if clause is not None else None
    if clause is None or block is None or block.type not in ("rescue_block", "catch_block"):
        return None
    value = _quiet_value(clause)
    function = _function(file, clause.start_byte)
    if value is None or function is None or _is_explained(clause) or block.parent is None:
        return None
    if value in ("true", "false") and function.name.endswith("?"):
        return None
    tried = tuple(statements(block.parent))
    return Swallowing(clause, tried, value, function)


def _function(file: SourceFile, offset: int) -> Function | None:
    """Return the production function around `offset`, unless its name says that it may fail."""
    for function in file.functions:
        if any(clause.start <= offset < clause.end for clause in function.clauses):
            running = function.kind in ("def", "defp") and not function.quoted
            tool = file.is_tool(function.module)
            return function if running and not tool and not CLEANING.search(function.name) else None
    return None


def _is_explained(clause: Node) -> bool:
    """Whether a comment stands in the block of the clause, or above its `rescue`."""
    block = clause.parent
    near: list[Node | None] = [*walk(clause)]
    if block is not None:
        near += [*block.children, block.prev_named_sibling]
    return any(node is not None and node.type == "comment" for node in near)


def _quiet_value(clause: Node) -> str | None:
    right = clause.child_by_field_name("right")
    found = statements(right) if right is not None else []
    return code(found[0]) if len(found) == 1 and _is_quiet(found[0]) else None


def _is_quiet(node: Node) -> bool:
    """Whether a value says nothing of a failure: `nil`, `:ok`, empty, zero, or a variable."""
    text = code(node)
    if text in QUIET | EMPTY or node.type in ("integer", "float"):
        return True
    if node.type == "identifier":
        return "error" not in text and not text.startswith("__")
    return node.type == "tuple" and all(_is_quiet(part) for part in parts(node))


def is_narrow(found: Swallowing) -> bool:
    """Whether one expression is tried that has no blocks of its own."""
    return len(found.tried) == 1 and not any(
        node.type == "do_block" for node in walk(found.tried[0])
    )
