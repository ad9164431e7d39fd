"""The expressions that a function clause may return: the last of each of its branches."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.otp.syntax import arguments, body, child, code, keyword, parts, statements, target

BRANCHES = frozenset({"if", "unless", "case", "cond", "with", "receive", "try"})
BLOCKS = ("else_block", "rescue_block", "catch_block")


def returned(clause: Node) -> Iterator[Node]:
    """Yield each expression whose value the clause of a function may return, in file order."""
    found = child(clause, "do_block")
    if found is None:
        yield from _last(body(clause))
    else:
        yield from _of_block(found)
        for kind in ("rescue_block", "catch_block"):
            yield from _of_block(child(found, kind))


def replies(clause: Node, *tags: str) -> Iterator[Node]:
    """Yield the tuples among them whose first element is one of `tags`, as `:noreply`."""
    for node in returned(clause):
        given = parts(node) if node.type == "tuple" else []
        if given and code(given[0]) in tags:
            yield node


def _last(found: list[Node]) -> Iterator[Node]:
    if not found:
        return
    if found[-1].type == "stab_clause":
        for clause in found:
            right = clause.child_by_field_name("right")
            yield from _last(statements(right) if right is not None else [])
    elif target(found[-1]) in BRANCHES:
        yield from _of_branches(found[-1])
    elif found[-1].type == "block":
        yield from _last(statements(found[-1]))
    else:
        yield found[-1]


def _of_block(block: Node | None) -> Iterator[Node]:
    if block is not None:
        yield from _last(statements(block))


def _of_branches(call: Node) -> Iterator[Node]:
    block = child(call, "do_block")
    yield from _of_block(block) if block is not None else _last(body(call))
    kinds = BLOCKS if target(call) != "receive" else ("after_block",)
    for kind in kinds:
        yield from _of_block(child(block, kind))
    for argument in arguments(call):
        if (value := keyword(argument, "else")) is not None:
            yield from _last([value])
