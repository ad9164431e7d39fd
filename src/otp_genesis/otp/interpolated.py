"""What a text is put together from, where it is no literal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.otp.syntax import code, parts, walk

FIXED = re.compile(r'@\w+|__MODULE__|node\(\)|System\.pid\(\)|\d[\d_]*|:\w+|"[^"#]*"')
"""Expressions whose value the code, or the node that runs it, settles."""


def inserted(node: Node) -> Iterator[Node]:
    """Yield the expressions in the interpolations below `node`, and what `<>` joins to a text.

    Those that are settled by the code, as attributes, are left out.
    """
    for found in walk(node):
        given: list[Node] = []
        if found.type == "interpolation":
            given = parts(found)
        elif code(found.child_by_field_name("operator")) == "<>":
            sides = (found.child_by_field_name("left"), found.child_by_field_name("right"))
            given = [side for side in sides if side is not None and not _is_text(side)]
        yield from (one for one in given if not FIXED.fullmatch(code(one)))


def _is_text(node: Node) -> bool:
    """Whether a side of `<>` is a text itself, whose own parts are looked at."""
    joins = code(node.child_by_field_name("operator")) == "<>"
    return joins or node.type in ("string", "charlist", "sigil", "quoted_atom")


def bound_to(clause: Node, name: str, before: int) -> Node | None:
    """Return the last value that a clause binds to a variable above the offset `before`."""
    last = None
    for found in walk(clause):
        if found.start_byte >= before:
            break
        if code(found.child_by_field_name("operator")) == "=":
            left = found.child_by_field_name("left")
            if left is not None and left.type == "identifier" and code(left) == name:
                last = found.child_by_field_name("right")
    return last
