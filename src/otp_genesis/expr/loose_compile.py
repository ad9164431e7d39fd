"""Nodes of an expression of a document that is not strict → functions of a view.

Nothing of Python can be reached: a path leads through mappings and lists only, and what can be
called stands in a table.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from otp_genesis.errors import ExpressionError
from otp_genesis.expr import loose_nodes as nodes
from otp_genesis.expr import loose_values as values
from otp_genesis.expr.loose_calls import Calls
from otp_genesis.expr.loose_functions import matches
from otp_genesis.expr.loose_grammar import Parser
from otp_genesis.expr.loose_names import View, finder
from otp_genesis.expr.loose_nodes import Node
from otp_genesis.expr.loose_pattern import automaton
from otp_genesis.expr.loose_pattern_grammar import BadPattern
from otp_genesis.expr.loose_values import ABSENT, INCOMPUTABLE
from otp_genesis.expr.template import Reference

Evaluate = Callable[[View], Any]
Relation = Callable[[Any, Any], bool]

RELATIONS: dict[str, Relation] = {
    "==": values.equal,
    "!=": lambda left, right: not values.equal(left, right),
    "<": values.less,
    "<=": values.at_most,
    ">": lambda left, right: values.less(right, left),
    ">=": lambda left, right: values.at_most(right, left),
    "contains": values.contains,
    "matches": matches,
    "in": values.within,
    "starts_with": values.starts_with,
    "ends_with": values.ends_with,
}
_SEARCHES = frozenset(("contains", "matches", "in", "==", "!="))
LENGTH = "length"
NOTHINGS = ("nil", "none", "None")
MOST_HYPHENS = 12
"""In one name."""


class Compiler(Calls):
    """Compiles one expression.

    A `condition` sees results first, its arithmetic fails where a value is no number, and 0 is true
    there; in a template variables come first, nothing counts as 0, and 0 is false. With `item`, it
    is a condition that is asked of the items of a list.
    """

    def __init__(self, source: str, *, condition: bool, item: bool = False):
        parser = Parser(source)
        self.node = parser.whole()
        self.source, self.condition, self.item = source, condition, item
        self.truthy = values.truthy if condition else values.truthy_in_text
        self.notes = parser.notes
        self.references: list[Reference] = []
        self._soft = 0
        self._makers: dict[type[Node], Callable[[Any], Evaluate]] = {
            nodes.Literal: self._literal,
            nodes.Path: self._path,
            nodes.Hyphened: self._hyphened,
            nodes.Items: self._items,
            nodes.Fields: self._fields,
            nodes.Call: self.call,
            nodes.Suffixed: self.suffixed,
            nodes.Negative: self._negative,
            nodes.Arithmetic: self._arithmetic,
            nodes.Comparison: self._comparison,
            nodes.Between: self._between,
            nodes.Exists: self._exists,
            nodes.Not: self._not,
            nodes.Chain: self._chain,
            nodes.Choice: self._choice,
        }

    def raw(self, node: Node) -> Evaluate:
        """Return how a node is evaluated; a path to nothing gives `ABSENT`."""
        return self._makers[type(node)](node)

    def value(self, node: Node) -> Evaluate:
        """Return how a node is evaluated; a path to nothing gives nothing, and is told."""
        evaluate = self.raw(node)
        if not isinstance(node, nodes.Path | nodes.Hyphened | nodes.Suffixed):
            return evaluate
        told = None if self._soft else self.source[node.start : node.end]

        def present(view: View) -> Any:
            found = evaluate(view)
            if found is not ABSENT:
                return found
            if told is not None:
                view.miss(told)
            return None

        return present

    def soft(self, node: Node) -> Evaluate:
        """Return how a node is evaluated where it is no flaw that nothing is there."""
        self._soft += 1
        evaluate = self.value(node)
        self._soft -= 1
        return evaluate

    def raw_soft(self, node: Node) -> Evaluate:
        """Return the same, where a path to nothing gives `ABSENT`."""
        self._soft += 1
        evaluate = self.raw(node)
        self._soft -= 1
        return evaluate

    def of_item(self, source: str) -> Evaluate:
        """Return how a condition is asked of an item; raise `ExpressionError`."""
        return _item_condition(source)

    def refer(self, root: str, keys: tuple[str, ...], **options: Any) -> None:
        """Note that a path is read, unless nothing need be there."""
        if not self._soft and not self.item and root != "@":
            self.references.append(Reference(root, keys, **options))

    def _literal(self, node: nodes.Literal) -> Evaluate:
        value = node.value
        written = self.source[node.start : node.end]
        if value is not None or written not in NOTHINGS:
            return lambda view: value
        # Something may have that name all the same.
        find = finder(written, (), condition=self.condition, item=self.item)

        def named(view: View) -> Any:
            found = find(view)
            return None if found is ABSENT else found

        return named

    def _path(self, node: nodes.Path) -> Evaluate:
        self.refer(node.root, node.keys)
        return self._find((node.root, *node.keys))

    def _find(self, words: tuple[str, ...]) -> Evaluate:
        """Return how a path is found; where no `length` is a key it is the size."""
        options = {"condition": self.condition, "item": self.item}
        find = finder(words[0], words[1:], **options)
        if len(words) == 1 or words[-1] != LENGTH:
            return find
        whole = finder(words[0], words[1:-1], **options)

        def length(view: View) -> Any:
            found = find(view)
            if found is ABSENT and (of := whole(view)) is not ABSENT and of is not None:
                return values.size(of)
            return found

        return length

    def _hyphened(self, node: nodes.Hyphened) -> Evaluate:
        parts, count = node.parts, len(node.parts)
        finds = {
            (first, last): self._find(_joined_words(parts[first:last]))
            for first in range(count)
            for last in range(first + 1, min(first + MOST_HYPHENS, count) + 1)
        }
        alone = tuple(Reference(p[0], p[1:]) for p in parts if _digits(p) is ABSENT)
        whole = _joined_words(parts)
        self.refer(whole[0], whole[1:], instead=alone)

        def read(view: View) -> Any:
            operands = []
            first = 0
            while first < count:
                first, value = self._longest(finds, first, count, view)
                operands.append(_digits(parts[first - 1]) if value is ABSENT else value)
            if len(operands) == 1:
                return operands[0]
            if all(value is ABSENT for value in operands):
                return ABSENT
            return self._differences(operands, view)

        return read

    def _longest(
        self, finds: dict[tuple[int, int], Evaluate], first: int, end: int, view: View
    ) -> tuple[int, Any]:
        for last in range(min(first + MOST_HYPHENS, end), first, -1):
            value = finds[first, last](view)
            if value is not ABSENT:
                return last, value
        return first + 1, ABSENT

    def _differences(self, operands: list[Any], view: View) -> Any:
        given = [None if value is ABSENT else value for value in operands]
        result = given[0]
        for value in given[1:]:
            result = self.combined("-", result, value, view, literal=False)
        return result

    def _items(self, node: nodes.Items) -> Evaluate:
        items = [self.value(item) for item in node.items]
        return lambda view: [values.settled(item(view)) for item in items]

    def _fields(self, node: nodes.Fields) -> Evaluate:
        fields = [(self.value(key), self.value(value)) for key, value in node.fields]

        def read(view: View) -> dict[str, Any]:
            return {values.text(key(view)): values.settled(value(view)) for key, value in fields}

        return read

    def operand(self, node: Node) -> Evaluate:
        """Return how an operand is evaluated: in a condition `x.length` is the size of `x`."""
        if isinstance(node, nodes.Path) and self.condition and node.keys[-1:] == (LENGTH,):
            whole = nodes.Path(node.start, node.end, node.root, node.keys[:-1])
            self.refer(node.root, node.keys[:-1])
            find = finder(whole.root, whole.keys, condition=True, item=self.item)
            return lambda view: values.size(find(view))
        return self.value(node)

    def _negative(self, node: nodes.Negative) -> Evaluate:
        value = self.operand(node.value)
        return lambda view: self.combined("-", 0, value(view), view, literal=False)

    def _arithmetic(self, node: nodes.Arithmetic) -> Evaluate:
        first = self.operand(node.first)
        rest = [(sign, self.operand(one)) for sign, one in node.rest]
        parts = (node.first, *(one for _, one in node.rest))
        literal = any(isinstance(p, nodes.Literal) and isinstance(p.value, str) for p in parts)

        def calculate(view: View) -> Any:
            result = first(view)
            for sign, value in rest:
                result = self.combined(sign, result, value(view), view, literal=literal)
            return result

        return calculate

    def combined(self, sign: str, left: Any, right: Any, view: View, *, literal: bool) -> Any:
        """Return what an operator gives; with a `literal` text, `+` makes one text of anything."""
        if sign == "~":
            result: Any = values.joined((left, right))
        else:
            result = values.computed(sign, left, right)
            if result is INCOMPUTABLE and not self.condition and (left is None or right is None):
                result = values.computed(
                    sign, 0 if left is None else left, 0 if right is None else right
                )
            if result is INCOMPUTABLE and sign == "+" and literal:
                result = values.joined((left, right))
        view.meter.spend(result)
        return result

    def _comparison(self, node: nodes.Comparison) -> Evaluate:
        pairs = zip((node.first, *(one for _, one in node.rest)), node.rest, strict=False)
        made = [self._pair(left, relation, right) for left, (relation, right) in pairs]
        if len(made) == 1:
            return made[0]
        return lambda view: all(holds(view) for holds in made)

    def _pair(self, left: Node, relation: str, right: Node) -> Evaluate:
        soft = relation in ("==", "!=") and (_is_null(left) or _is_null(right))
        self._soft += soft
        first, second = self.operand(left), self.operand(right)
        self._soft -= soft
        if relation == "matches":
            self.look_at_pattern(right)
        compare = RELATIONS[relation]
        if relation not in _SEARCHES:
            return lambda view: compare(first(view), second(view))

        def search(view: View) -> bool:
            one, other = first(view), second(view)
            if relation != "==" or isinstance(one, list | dict):
                view.meter.spend(one)
                view.meter.spend(other)
            return compare(one, other)

        return search

    def look_at_pattern(self, node: Node) -> None:
        """Say what is wrong with a pattern that stands there; raise `ExpressionError`."""
        if not isinstance(node, nodes.Literal) or not isinstance(node.value, str):
            return
        try:
            automaton(node.value)
        except BadPattern as error:
            if error.refused:
                raise ExpressionError(self.source, str(error)) from None
            self.notes.append(f"{node.value!r} is no pattern and so is never found: {error}")

    def _between(self, node: nodes.Between) -> Evaluate:
        value, low, high = (self.operand(one) for one in (node.value, node.low, node.high))
        return lambda view: values.between(value(view), low(view), high(view))

    def _exists(self, node: nodes.Exists) -> Evaluate:
        value, wanted = self.soft(node.value), node.wanted
        if node.what == "exists":
            return lambda view: (value(view) is not None) is wanted
        return lambda view: values.is_empty(value(view)) is wanted

    def _not(self, node: nodes.Not) -> Evaluate:
        value = self.value(node.value)
        truthy = self.truthy
        return lambda view: not truthy(value(view))

    def _chain(self, node: nodes.Chain) -> Evaluate:
        made = [self.value(one) for one in node.values]
        stops = node.word == "or"
        truthy = self.truthy

        def ask(view: View) -> Any:
            value: Any = None
            for one in made:
                value = one(view)
                if truthy(value) is stops:
                    break
            return value

        return ask

    def _choice(self, node: nodes.Choice) -> Evaluate:
        condition = self.value(node.condition)
        then, otherwise = self.value(node.then), self.value(node.otherwise)
        truthy = self.truthy
        return lambda view: then(view) if truthy(condition(view)) else otherwise(view)


def _is_null(node: Node) -> bool:
    return isinstance(node, nodes.Literal) and node.value is None


def _joined_words(parts: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    words = list(parts[0])
    for part in parts[1:]:
        words[-1] = f"{words[-1]}-{part[0]}"
        words += part[1:]
    return tuple(words)


def _digits(part: tuple[str, ...]) -> Any:
    found = values.number(part[0]) if len(part) == 1 else None
    return ABSENT if found is None else found


@lru_cache(maxsize=1024)
def _item_condition(source: str) -> Evaluate:
    compiler = Compiler(source, condition=True, item=True)
    value = compiler.value(compiler.node)
    return lambda view: values.truthy(value(view))
