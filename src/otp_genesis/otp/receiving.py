"""Where production code reads its mailbox itself."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.syntax import arguments, at, child, keyword, statements, target


def receives(file: SourceFile) -> Iterator[tuple[Call, Node]]:
    """Yield each `receive` that has clauses, with its tree.

    An imported function of that name is none, nor is a `receive` that only waits for its `after`.
    """
    for call in file.production_calls("Kernel.receive/1"):
        node = at(file.root(), (call.start, call.end))
        if target(node) == "receive" and _has_clauses(node):
            yield call, node


def _has_clauses(receive: Node) -> bool:
    block = child(receive, "do_block")
    if block is not None:
        return bool(statements(block))
    given = arguments(receive)
    return bool(given) and keyword(given[-1], "do") is not None
