"""Which variables of a function hold what one call returned, or something made of it."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis.otp.callbacks import identifiers
from otp_genesis.otp.facts import Call
from otp_genesis.otp.syntax import code, parts, span, target, walk


def derived(function: Node, read: Call) -> set[str]:
    """Return the variables whose value depends on what `read` returned."""
    tainted: set[str] = set()
    for node in walk(function):
        if node.type == "binary_operator" and code(node.child_by_field_name("operator")) in (
            "=",
            "<-",
        ):
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is not None and right is not None and _depends(right, read, tainted):
                tainted |= _bound(left)
        elif target(node) == "case" and _depends(node.named_children[1], read, tainted):
            for clause in walk(node):
                if clause.type == "stab_clause" and (left := clause.child_by_field_name("left")):
                    tainted |= _bound(left)
    return tainted


def _depends(value: Node, read: Call, tainted: set[str]) -> bool:
    start, end = span(value)
    return start <= read.start < end or bool(identifiers([value]) & tainted)


def _bound(pattern: Node) -> set[str]:
    """Return the variables that a pattern binds; pinned ones it only compares."""
    pinned = {
        code(parts(node)[0])
        for node in walk(pattern)
        if node.type == "unary_operator" and code(node).startswith("^") and parts(node)
    }
    return {name for name in identifiers([pattern]) if not name.startswith("_")} - pinned
