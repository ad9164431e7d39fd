"""Expressions over one row of data: `item.score > 90 ? 'high' : 'normal'`, `{"id": item.id}`.

They are those of documents that are not strict. A row's own fields come first, then the names that
it has here, then the fields of the mapping that its list is in, then what conditions see elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from otp_genesis.errors import ExpressionError
from otp_genesis.expr import loose_nodes as nodes
from otp_genesis.expr import loose_values as values
from otp_genesis.expr.loose import told
from otp_genesis.expr.loose_compile import Compiler, Evaluate
from otp_genesis.expr.loose_names import View
from otp_genesis.expr.loose_nodes import Node
from otp_genesis.expr.scope import Names
from otp_genesis.expr.template import MAX_SOURCE

ITEM_NAMES = ("item", "record")
_ITSELF = "@item"
"""No key of any data can be meant by it, so that `item.x` is not a field of the field `item`."""


class Row(Mapping[str, Any]):
    """The names that an expression sees for one row."""

    __slots__ = ("around", "item", "value")

    def __init__(self, item: Any, value: Any = None, around: Mapping[str, Any] | None = None):
        self.item = item
        self.value = item if value is None else value
        self.around = around or {}

    def __getitem__(self, name: str) -> Any:
        if name == _ITSELF:
            return self.item
        if isinstance(self.item, Mapping) and name in self.item:
            return self.item[name]
        if name in ITEM_NAMES:
            return self.item
        return self.value if name == "value" else self.around[name]

    def __contains__(self, name: object) -> bool:
        known = name in (_ITSELF, *ITEM_NAMES, "value")
        return (
            known or name in self.around or (isinstance(self.item, Mapping) and name in self.item)
        )

    def __iter__(self) -> Iterator[str]:
        own = self.item if isinstance(self.item, Mapping) else ()
        return iter({*own, *ITEM_NAMES, "value", *self.around})

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Compiler(Compiler):
    """Compiles an expression of rows: bare words before a colon are keys, `item` is the row."""

    def __init__(self, source: str, *, asked: bool):
        super().__init__(source, condition=True, item=True)
        # A value that is made counts 0 as false, as templates do; a condition does not.
        self.truthy = values.truthy if asked else values.truthy_in_text

    def operand(self, node: Node) -> Evaluate:
        """Return how an operand is evaluated."""
        if isinstance(node, nodes.Path) and node.root == "@":
            node = replace(node, root=_ITSELF)
        return super().operand(node)

    def _find(self, words: tuple[str, ...]) -> Evaluate:
        first = words[0]
        if first == "@" or (first in ITEM_NAMES and len(words) > 1):
            words = (_ITSELF, *words[1:])
        return super()._find(words)

    def _fields(self, node: nodes.Fields) -> Evaluate:
        return super()._fields(replace(node, fields=tuple(map(_keyed, node.fields))))


def _keyed(field: tuple[Node, Node]) -> tuple[Node, Node]:
    key, value = field
    if isinstance(key, nodes.Path) and not key.keys:
        key = nodes.Literal(key.start, key.end, key.root)
    return key, value


class RowExpression:
    """An expression that can be evaluated for any row."""

    def __init__(self, source: str, *, asked: bool):
        self.source = source
        if len(source) > MAX_SOURCE:
            raise ExpressionError(source, f"an expression may have {MAX_SOURCE} characters at most")
        try:
            compiler = _Compiler(source, asked=asked)
            self._evaluate = compiler.value(compiler.node)
        except Exception as error:
            raise told(source, error) from None

    def value(self, row: Row, names: Names) -> Any:
        """Return what it gives as data; raise `ExpressionError`."""
        view = View(names)
        view.missed = None
        view.item = row
        try:
            return values.settled(self._evaluate(view))
        except Exception as error:
            raise told(self.source, error) from None

    def holds(self, row: Row, names: Names) -> bool:
        """Whether it gives what counts as true; raise `ExpressionError`."""
        return values.truthy(self.value(row, names))


@lru_cache(maxsize=1024)
def row_expression(source: str, *, asked: bool = False) -> RowExpression:
    """Return a compiled expression, a condition where it is `asked`; raise `ExpressionError`."""
    return RowExpression(source, asked=asked)
