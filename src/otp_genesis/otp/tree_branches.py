"""Branches of `if`, `case` and their kin, each with what must hold for it to be taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from otp_genesis.otp.syntax import arguments, child, code, keyword, statements, target

SHOWN = 60
"""How many characters of code are shown in one line."""
BRANCHING = frozenset({"if", "unless", "case", "cond", "with", "try"})


@dataclass(frozen=True)
class Branch:
    """The code of one branch; `when` is empty where it is always taken."""

    when: str
    block: Node


def short(node: Node | str | None) -> str:
    """Return code in one line of at most `SHOWN` characters."""
    text = " ".join((node if isinstance(node, str) else code(node)).split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def branches(call: Node) -> list[Branch]:
    """Return the branches of a call, empty where it has none."""
    name = target(call)
    if name in ("if", "unless"):
        return list(_two(call, name))
    if name in ("case", "cond"):
        return list(_many(call, name))
    if name in ("with", "try"):
        return list(_attempt(call, name))
    return []


def is_exhaustive(call: Node, taken: list[Branch]) -> bool:
    """Whether one of the branches is taken, or the code crashes."""
    return target(call) in ("case", "cond") or (target(call) in ("if", "unless") and len(taken) > 1)


def _blocks(call: Node) -> Iterator[tuple[str, Node]]:
    """Yield `do` and `else` with their code, as a block or as keywords."""
    block = child(call, "do_block")
    if block is not None:
        yield "do", block
        if (other := child(block, "else_block")) is not None:
            yield "else", other
        return
    for argument in arguments(call):
        for name in ("do", "else"):
            if (value := keyword(argument, name)) is not None:
                yield name, value


def _two(call: Node, name: str) -> Iterator[Branch]:
    given = arguments(call)
    opposite = {"if": "unless", "unless": "if"}[name]
    for part, block in _blocks(call):
        yield Branch(f"{name if part == 'do' else opposite} {short(given[0])}", block)


def _many(call: Node, name: str) -> Iterator[Branch]:
    subject = f"case {short(arguments(call)[0])}:" if name == "case" else "if"
    for _, block in _blocks(call):
        yield from _clauses(block, subject)


def _clauses(block: Node, subject: str) -> Iterator[Branch]:
    for clause in block.named_children:
        right = clause.child_by_field_name("right") if clause.type == "stab_clause" else None
        if right is not None:
            left = short(clause.child_by_field_name("left"))
            when = "otherwise" if (subject, left) == ("if", "true") else f"{subject} {left}"
            yield Branch(when, right)


def _attempt(call: Node, name: str) -> Iterator[Branch]:
    """`with` and `try`: the code itself, and what stands for it where it does not match."""
    for part, block in _blocks(call):
        if part == "do" and name == "try":
            yield Branch("", block)
        elif part == "do":
            yield Branch(f"with {short(', '.join(map(code, arguments(call))))}", block)
        elif child(block, "stab_clause") is not None:
            yield from _clauses(block, "else")
        else:
            yield Branch("else", block)


def last(block: Node) -> Node | None:
    """Return the expression whose value a block has."""
    if block.type not in ("do_block", "else_block", "body", "block"):
        return block
    found = statements(block)
    return found[-1] if found else None


def around(node: Node, start: int) -> tuple[str, ...]:
    """Return the conditions that `node` stands under, outermost first, within code at `start`."""
    found: list[str] = []
    outer = node.parent
    while outer is not None and outer.start_byte >= start:
        if target(outer) in BRANCHING:
            mine = [b for b in branches(outer) if _covers(b.block, node)]
            if mine:
                found.append(min(mine, key=lambda b: b.block.end_byte - b.block.start_byte).when)
        elif target(outer) == "for" and arguments(outer):
            found.append(f"for {short(arguments(outer)[0])}")
        outer = outer.parent
    return tuple(when for when in reversed(found) if when)


def _covers(block: Node, node: Node) -> bool:
    return block.start_byte <= node.start_byte and node.end_byte <= block.end_byte
