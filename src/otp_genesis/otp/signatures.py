"""The head of one definition: its name, its patterns, its guard."""

from __future__ import annotations

from typing import NamedTuple

from tree_sitter import Node

from otp_genesis.otp.facts import Clause
from otp_genesis.otp.syntax import arguments, code, parts


class Definition(NamedTuple):
    """One `def`, by where it stands; its head is read when it is asked for."""

    start: int
    end: int
    word: bytes


class Signature(NamedTuple):
    """What the head of a definition says; the first four name the function."""

    module: str | None
    quoted: bool
    name: str
    arity: int
    defaults: int
    clause: Clause


def signature(
    data: bytes, definition: Node, module: str | None, quoted: bool, impl: bool
) -> Signature | None:
    """Return what a definition in `module` says; `None` for one without a head."""
    given = arguments(definition)
    if not given:
        return None
    head, guarded = _head(given[0])
    named, patterns = head, list[Node]()
    if head.type == "call":
        named, *others = head.children
        if others and others[0].type == "arguments":
            patterns = parts(others[0])
    # Patterns with defaults are rare, and text is searched faster than nodes.
    defaults = b"\\\\" in data[head.start_byte : head.end_byte]
    return Signature(
        module=module,
        quoted=quoted,
        name=data[named.start_byte : named.end_byte].decode(),
        arity=len(patterns),
        defaults=sum(map(_has_default, patterns)) if defaults else 0,
        clause=Clause(
            start=definition.start_byte,
            end=definition.end_byte,
            head=(definition.start_byte, given[0].end_byte),
            parameters=tuple([(one.start_byte, one.end_byte) for one in patterns]),
            guarded=guarded,
            impl=impl,
        ),
    )


def follows_impl(definition: Node) -> bool:
    """Whether `@impl` stands above a definition."""
    above = definition.prev_named_sibling
    while above is not None and above.type in ("unary_operator", "comment"):
        if code(above).startswith("@impl"):
            return True
        above = above.prev_named_sibling
    return False


def _head(given: Node) -> tuple[Node, bool]:
    """Return `name(patterns)`, and whether a guard follows."""
    if given.type != "binary_operator" or code(given.child_by_field_name("operator")) != "when":
        return given, False
    return given.child_by_field_name("left") or given, True


def _has_default(pattern: Node) -> bool:
    operator = pattern.child_by_field_name("operator")
    return pattern.type == "binary_operator" and code(operator) == "\\\\"
