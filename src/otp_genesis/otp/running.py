"""Whether code runs at once and each time, in the process of the function that it stands in."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis.otp.callbacks import runs_elsewhere
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.syntax import code, target

RUNNERS = ("Enum.", "Map.", "Keyword.", "Stream.")
"""Modules whose functions run the function that they are given at once, in their caller."""
CHOICES = frozenset({"if", "unless", "case", "cond", "with", "for", "try", "receive", "quote"})
"""What runs the code in it only sometimes."""


def runs_here(file: SourceFile, node: Node) -> bool:
    """Whether code runs in the process and at the time of the function that it stands in."""
    if runs_elsewhere(file, node):
        return False
    outer = node.parent
    while outer is not None:
        if target(outer) == "quote":
            return False
        call = outer.parent.parent if outer.parent is not None else None
        if outer.type == "anonymous_function" and call is not None:
            module, _, name = target(call).rpartition(".")
            full = f"{file.expand(module, call.start_byte)}.{name}" if module else name
            if not full.startswith(RUNNERS):
                return False
        outer = outer.parent
    return True


def runs_always(file: SourceFile, node: Node, clause_start: int) -> bool:
    """Whether code runs each time that the clause which starts at `clause_start` does."""
    outer = node.parent
    while outer is not None and outer.start_byte > clause_start:
        sign = code(outer.child_by_field_name("operator"))
        if target(outer) in CHOICES or sign in ("&&", "||", "and", "or"):
            return False
        if outer.type in ("stab_clause", "rescue_block"):
            return False
        outer = outer.parent
    return runs_here(file, node)
