"""What becomes of an expression's value, as far as the syntax proves it."""

from __future__ import annotations

from collections.abc import Callable

from tree_sitter import Node

from otp_genesis.otp.facts import Use
from otp_genesis.otp.syntax import Span, arguments, code, is_last, keyword, span, target

Expand = Callable[[str, int], str]
"""The full name of a module written at an offset."""

BRANCHES = {"if", "unless", "case", "cond", "with", "receive", "try"}
DISCARDS = {
    "Enum.each",
    "Task.start",
    "Task.start_link",
    "Task.Supervisor.start_child",
    "Process.spawn",
    "Kernel.spawn",
    "Kernel.spawn_link",
    ":erlang.spawn",
    "spawn",
    "spawn_link",
}
"""Functions that throw away what the function they are given returns."""


def use_of(node: Node, expand: Expand) -> tuple[Use, Span | None]:
    """Return what becomes of the value of `node`, and the variable that it is bound to."""
    name = _binding(node)
    if name is None:
        return _use(node, expand), None
    outer = _use(name.parent or name, expand)
    if outer != "dropped":
        return "used", None
    return ("dropped", None) if code(name) == "_" else ("bound", span(name))


def _binding(node: Node) -> Node | None:
    match = node.parent
    if match is None or match.type != "binary_operator" or _operator(match) != "=":
        return None
    left = match.child_by_field_name("left")
    return left if left is not None and left.type == "identifier" and left != node else None


def _operator(node: Node) -> str:
    return code(node.child_by_field_name("operator"))


def _use(node: Node, expand: Expand) -> Use:
    found: Node | Use = node
    while isinstance(found, Node):
        found = _outward(found, expand)
    return found


def _outward(node: Node, expand: Expand) -> Node | Use:
    """Return the expression whose value is that of `node`, or what becomes of it."""
    parent = node.parent
    if parent is None or parent.type == "source":
        return "returned"
    if parent.type in _CONTAINERS:
        return _in_block(node, parent, expand)
    if parent.type == "pair":
        return _in_pair(parent)
    if parent.type == "binary_operator":
        return _in_operator(node, parent)
    if parent.type == "unary_operator":
        return "captured" if _operator(parent) == "&" else "used"
    return "argument" if parent.type == "arguments" else "used"


_CONTAINERS = {
    "do_block",
    "else_block",
    "rescue_block",
    "catch_block",
    "after_block",
    "body",
    "block",
}


def _in_block(node: Node, block: Node, expand: Expand) -> Node | Use:
    if not is_last(node):
        return "dropped"
    if block.type == "block":
        return block
    owner = block.parent
    if block.type == "after_block":
        return "dropped"
    if block.type == "body" and owner is not None:
        owner = owner.parent
        if owner is not None and owner.type == "anonymous_function":
            return _of_closure(owner, expand)
    while owner is not None and owner.type != "call":
        owner = owner.parent
    return _of_owner(owner)


def _in_pair(pair: Node) -> Node | Use:
    key = code(pair.child_by_field_name("key")).strip()
    outer = pair.parent.parent if pair.parent else None
    if key not in ("do:", "else:") or outer is None or outer.type != "arguments":
        return "argument"
    return _of_owner(outer.parent)


def _in_operator(node: Node, operation: Node) -> Node | Use:
    right = operation.child_by_field_name("right")
    match _operator(operation):
        case "|>":
            return "piped" if right != node else "used"
        case "&&" | "||" | "and" | "or" if right == node:
            return operation
        case _:
            return "used"


def _of_owner(call: Node | None) -> Node | Use:
    if call is None:
        return "used"
    name = target(call)
    if name in BRANCHES:
        return call
    if name in ("def", "defp"):
        return "returned"
    collects = any(
        keyword(argument, key) is not None
        for argument in arguments(call)
        for key in ("into", "reduce")
    )
    return call if name == "for" and not collects else "used"


def _of_closure(function: Node, expand: Expand) -> Use:
    call = function.parent.parent if function.parent else None
    if call is None or call.type != "call":
        return "returned"
    module, dot, name = target(call).rpartition(".")
    full = f"{expand(module, call.start_byte)}.{name}" if dot else name
    return "dropped" if full in DISCARDS else "returned"
