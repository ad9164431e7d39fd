"""Where code stands in an ExUnit file: in the process of a test, or in one that it starts."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis.model.change import Edit
from otp_genesis.otp.facts import Call, Kind, SourceFile
from otp_genesis.otp.supervision import WIDTH
from otp_genesis.otp.syntax import at, target

TESTS: frozenset[Kind] = frozenset({"test"})
SETUPS = ("setup", "setup_all")
BLOCKS = frozenset({"test", *SETUPS, "property"})
"""What ExUnit and its extensions run in the process of a test."""
ELSEWHERE = frozenset({"def", "defp", "defmacro", "defmacrop", "defmodule", "quote", "on_exit"})


def is_test_file(file: SourceFile) -> bool:
    """Whether the file holds tests, and not what tests are helped by."""
    return file.kind == "test" and file.path.endswith("_test.exs")


def block_of(node: Node, *, through: bool = False) -> Node | None:
    """Return the `test` or `setup` whose own process runs `node`.

    A function literal in between may be run by somebody else, or again and again: it ends the
    search unless `through`.
    """
    outer = node.parent
    while outer is not None:
        name = target(outer)
        if name in BLOCKS:
            return outer
        if name in ELSEWHERE or (outer.type == "anonymous_function" and not through):
            return None
        outer = outer.parent
    return None


def calls_in_tests(
    file: SourceFile, *targets: str, through: bool = False
) -> list[tuple[Call, Node]]:
    """Return the calls of `targets` that stand in a test or a setup, each with that block."""
    if not is_test_file(file):
        return []
    found = []
    for call in file.calls_to(*targets):
        if call.function is None and call.arguments:
            block = block_of(at(file.root(), (call.start, call.end)), through=through)
            if block is not None:
                found.append((call, block))
    return found


def fits(file: SourceFile, edit: Edit) -> bool:
    """Whether an edit within one line leaves it as short as `mix format` wants it."""
    start = file.text.rfind(b"\n", 0, edit.start) + 1
    end = file.text.find(b"\n", edit.end)
    before, after = file.text[start : edit.start], file.text[edit.end : end if end >= 0 else None]
    replaced = file.text[edit.start : edit.end]
    width = len((before + after).decode().rstrip("\r")) + len(edit.text)
    return b"\n" not in replaced and width <= WIDTH
