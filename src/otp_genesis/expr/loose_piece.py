"""One `{{ template }}` of a document that is not strict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from otp_genesis.errors import ExpressionError
from otp_genesis.expr import loose_nodes as nodes
from otp_genesis.expr import loose_values as values
from otp_genesis.expr.loose_compile import Compiler, Evaluate
from otp_genesis.expr.loose_names import KEPT, View
from otp_genesis.expr.loose_nodes import Node
from otp_genesis.expr.loose_split import Piece
from otp_genesis.expr.loose_values import ABSENT, INCOMPUTABLE, Marker
from otp_genesis.expr.template import Note, Reference

LACKING: Any = Marker("lacking")
"""What a template gives whose name is not there."""


class CompiledPiece:
    """A template of which the value can be read."""

    def __init__(self, piece: Piece):
        self.references: tuple[Reference, ...] = ()
        self.notes: tuple[Note, ...] = ()
        self._written = piece.text
        self._expression = (piece.expression or "").strip()
        self._kept = self._expression.startswith(tuple(f"{root}." for root in KEPT))
        self._operands: list[tuple[Node, Evaluate]] = []
        self._evaluate = self._compiled()

    def _compiled(self) -> Evaluate:
        try:
            compiler = Compiler(self._expression, condition=False)
            evaluate = compiler.raw(compiler.node)
            for node in _operands(compiler.node):
                self._operands.append((node, compiler.soft(node)))
        except ExpressionError as error:
            message = f"it leaves nothing in its place: {error.reason}"
            self.notes = (Note(message, self._written),)
            self._kept = False
            return lambda view: ABSENT
        self.references = tuple(compiler.references)
        self.notes = tuple(Note(message, self._written) for message in compiler.notes)
        return evaluate

    def read(self, view: View) -> Any:
        """Return its value; its own text, or `LACKING`, where its name is not there."""
        value = self._evaluate(view)
        if value is INCOMPUTABLE:
            return self._substituted(view)
        if value is not ABSENT:
            return value
        view.miss(self._expression)
        return self._written if self._kept else LACKING

    def _substituted(self, view: View) -> str:
        """Return the expression as it is written, with values in the place of names."""
        of_state = "state." in self._expression
        parts: list[str] = []
        at = 0
        for node, evaluate in self._operands:
            value = evaluate(view)
            written = self._expression[node.start : node.end]
            if value is None:
                bare = isinstance(node, nodes.Path) and node.root != "state"
                text = written if of_state and bare else "0"
            else:
                text = values.text(value)
            parts += self._expression[at : node.start], text
            at = node.end
        return "".join((*parts, self._expression[at:]))


def _operands(node: Node) -> Iterator[Node]:
    """Yield the names in a calculation, in order."""
    match node:
        case nodes.Arithmetic(first=first, rest=rest):
            yield from _operands(first)
            for _, one in rest:
                yield from _operands(one)
        case nodes.Negative(value=value):
            yield from _operands(value)
        case nodes.Path() | nodes.Hyphened() | nodes.Suffixed() | nodes.Call():
            yield node
