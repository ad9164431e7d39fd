"""Functions, filters, tests and indexes of expressions of documents that are not strict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from otp_genesis.deferred import deferred
from otp_genesis.errors import ExpressionError, did_you_mean
from otp_genesis.expr import loose_nodes as nodes
from otp_genesis.expr import loose_values as values
from otp_genesis.expr.loose_functions import FUNCTIONS, OF_ITEMS, OF_MOMENTS, Known
from otp_genesis.expr.loose_names import View, walk
from otp_genesis.expr.loose_nodes import Node
from otp_genesis.expr.loose_values import ABSENT, settled, truthy

if TYPE_CHECKING:
    from jinja2 import runtime

    from otp_genesis.expr import environment as sandbox
else:
    runtime = deferred("jinja2.runtime")
    sandbox = deferred("otp_genesis.expr.environment")

MAX_FILTERS = 50
"""Filters and tests of one expression."""
Evaluate = Callable[[View], Any]
Change = Callable[[View, Any], Any]

_DEFAULTS = ("default", "d")
_STATES = ("defined", "undefined", "none")
_OF_NOTHING: dict[str, Any] = {
    "length": 0, "count": 0, "wordcount": 0, "list": [], "join": "", "string": "", "sum": 0,
    "tojson": "null", "trim": "",
}  # fmt: skip
"""What filters make of nothing; the others make nothing of it."""


@cache
def _sandbox() -> sandbox.Sandbox:
    return sandbox.Sandbox()


class Calls(ABC):
    """The part of a compiler that knows what can be called."""

    source: str
    condition: bool
    item: bool
    notes: list[str]
    filters = 0

    @abstractmethod
    def raw(self, node: Node) -> Evaluate:
        """Return how a node is evaluated; a path to nothing gives `ABSENT`."""

    @abstractmethod
    def value(self, node: Node) -> Evaluate:
        """Return how a node is evaluated; a path to nothing gives nothing, and is told."""

    @abstractmethod
    def soft(self, node: Node) -> Evaluate:
        """Return how a node is evaluated where it is no flaw that nothing is there."""

    @abstractmethod
    def raw_soft(self, node: Node) -> Evaluate:
        """Return the same, where a path to nothing gives `ABSENT`."""

    @abstractmethod
    def of_item(self, source: str) -> Evaluate:
        """Return how a condition is asked of an item; raise `ExpressionError`."""

    @abstractmethod
    def refer(self, root: str, keys: tuple[str, ...], **options: Any) -> None:
        """Note that a path is read."""

    @abstractmethod
    def look_at_pattern(self, node: Node) -> None:
        """Say what is wrong with a pattern that stands there."""

    def call(self, node: nodes.Call) -> Evaluate:
        """Return how a call is evaluated; raise `ExpressionError`."""
        known = FUNCTIONS.get(node.name) or OF_ITEMS.get(node.name)
        count = len(node.arguments)
        if node.name == "exists" and count == 1:
            return self.raw(nodes.Exists(node.start, node.end, node.arguments[0], "exists", True))
        if known is None:
            return self._stranger(node)
        if not known.takes(count) or node.named:
            one = "" if known.arguments == "1" else "s"
            message = f"{node.name}() takes {known.arguments} argument{one}, not {count}"
            if self.condition:
                raise ExpressionError(self.source, message)
            self.notes.append(message)
            return self._as_text(node)
        if node.name in OF_ITEMS and count == 2:
            return self._of_items(node)
        return self._function(node, known)

    def _function(self, node: nodes.Call, known: Known) -> Evaluate:
        if node.name in OF_ITEMS:
            chosen: Callable[..., Any] = _PLAIN[node.name]
        else:
            chosen = known.call
        if node.name == "matches":
            self.look_at_pattern(node.arguments[1])
        read = self.soft if chosen is values.is_empty else self.value
        given = [read(one) for one in node.arguments]
        moments = node.name in OF_MOMENTS

        def run(view: View) -> Any:
            arguments = [one(view) for one in given]
            if not moments:
                arguments = [settled(value) for value in arguments]
            for value in arguments:
                view.meter.spend(value)
            result = chosen(*arguments)
            view.meter.spend(result)
            return result

        return run

    def _stranger(self, node: nodes.Call) -> Evaluate:
        """Return how a plugin's function is called; in a template an unknown one is text."""
        self.refer(node.name, (), call=True)
        given = [self.value(one) for one in node.arguments]
        named = [(key, self.value(one)) for key, one in node.named]
        as_text = None if self.condition else self._as_text(node)
        name, source = node.name, self.source

        def run(view: View) -> Any:
            function = view.scope.functions.get(name)
            if function is None:
                if as_text is not None:
                    return as_text(view)
                known = {*FUNCTIONS, *OF_ITEMS}
                raise ExpressionError(source, f"no function {name!r}{did_you_mean(name, known)}")
            arguments = [settled(one(view)) for one in given]
            return function(*arguments, **{key: settled(one(view)) for key, one in named})

        return run

    def _as_text(self, node: nodes.Call) -> Evaluate:
        """Return how a call that is none is rendered: with the values of what it was given."""
        named = (("", one) for one in node.arguments)
        given = [
            (key, one, self.source[one.start : one.end], self.soft(one))
            for key, one in (*named, *((f"{key}=", one) for key, one in node.named))
        ]

        def render(view: View) -> str:
            texts = []
            for key, one, written, value in given:
                found = None if isinstance(one, nodes.Literal) else value(view)
                texts.append(key + (written if found is None else values.text(found)))
            return f"{node.name}({', '.join(texts)})"

        return render

    def _of_items(self, node: nodes.Call) -> Evaluate:
        """Return how the items of a list are asked a condition."""
        items, asked = self.value(node.arguments[0]), node.arguments[1]
        text = asked.value if isinstance(asked, nodes.Literal) else None
        fixed = self.of_item(text) if isinstance(text, str) else None
        given = self.value(asked)
        gather = _GATHER[node.name]

        def run(view: View) -> Any:
            found = items(view)
            if not isinstance(found, list):
                return gather([], [])
            ask = fixed or self.of_item(values.text(given(view)))
            answers = []
            for one in found:
                view.meter.turn()
                answers.append(ask(view.of(one)))
            return gather(found, answers)

        return run

    def suffixed(self, node: nodes.Suffixed) -> Evaluate:
        """Return how a value is found to which something is done in turn."""
        first = node.suffixes[0]
        may_lack = (isinstance(first, nodes.Filter) and first.name in _DEFAULTS) or (
            isinstance(first, nodes.Test) and first.name in _STATES
        )
        base = self.raw_soft(node.base) if may_lack else self.raw(node.base)
        changes = [self._change(suffix) for suffix in node.suffixes]

        def run(view: View) -> Any:
            value = base(view)
            for change in changes:
                value = change(view, value)
            return value

        return run

    def _change(self, suffix: nodes.Suffix) -> Change:
        match suffix:
            case nodes.Field(key):
                return lambda view, value: _field(value, key)
            case nodes.Index(key_node):
                found = self.value(key_node)
                return lambda view, value: _element(value, found(view))
            case nodes.Slice(first, last):
                start = None if first is None else self.value(first)
                end = None if last is None else self.value(last)
                return lambda view, value: _sliced(value, start and start(view), end and end(view))
            case nodes.Method(name, arguments):
                return self._method(name, [self.value(one) for one in arguments])
            case nodes.Filter():
                return self._filter(suffix)
            case nodes.Test():
                return self._test(suffix)

    def _method(self, name: str, given: Sequence[Evaluate]) -> Change:
        def run(view: View, value: Any) -> Any:
            if not isinstance(value, str) or name not in sandbox.TEXT_METHODS:
                return ABSENT
            view.meter.spend(value)
            result = getattr(value, name)(*(settled(one(view)) for one in given))
            view.meter.spend(result)
            return result

        return run

    def _count_filter(self) -> None:
        self.filters += 1
        if self.filters > MAX_FILTERS:
            raise ExpressionError(self.source, f"an expression may have {MAX_FILTERS} filters")

    def _filter(self, suffix: nodes.Filter) -> Change:
        self._count_filter()
        name = suffix.name
        if name not in _sandbox().filters or name.startswith("_"):
            known = [one for one in _sandbox().filters if not one.startswith("_")]
            raise ExpressionError(self.source, f"no filter {name!r}{did_you_mean(name, known)}")
        given = [self.value(one) for one in suffix.arguments]
        named = [(key, self.value(one)) for key, one in suffix.named]

        def run(view: View, value: Any) -> Any:
            arguments = [settled(one(view)) for one in given]
            if value is None or value is ABSENT:
                if name in _DEFAULTS:
                    return arguments[0] if arguments else ""
                return _OF_NOTHING.get(name)
            context = sandbox.BoundedContext(_sandbox(), {}, None, {})
            keywords = {key: settled(one(view)) for key, one in named}
            result = _sandbox().call_filter(
                name, settled(value), arguments, keywords, context=context
            )
            if isinstance(result, runtime.Undefined):
                return None
            made = sandbox.plain(result)
            _spend_all(view, made)
            return made

        return run

    def _test(self, suffix: nodes.Test) -> Change:
        self._count_filter()
        name, wanted = suffix.name, suffix.wanted
        given = [self.value(one) for one in suffix.arguments]
        match name:
            case "defined":
                return lambda view, value: (value is not ABSENT) is wanted
            case "undefined":
                return lambda view, value: (value is ABSENT) is wanted
            case "none":
                return lambda view, value: (value is ABSENT or value is None) is wanted
        if name not in _sandbox().tests:
            near = did_you_mean(name, _sandbox().tests)
            raise ExpressionError(self.source, f"no test {name!r}{near}")

        def run(view: View, value: Any) -> Any:
            arguments = [settled(one(view)) for one in given]
            held = _sandbox().call_test(name, settled(value), arguments)
            return bool(held) is wanted

        return run


def _plain_any(items: Any) -> bool:
    return isinstance(items, list) and any(map(truthy, items))


def _plain_all(items: Any) -> bool:
    return isinstance(items, list) and all(map(truthy, items))


def _chosen(items: list[Any], answers: list[bool]) -> list[Any]:
    return [item for item, answer in zip(items, answers, strict=False) if answer]


_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "any": _plain_any, "all": _plain_all, "count": values.size,
}  # fmt: skip
_GATHER: Mapping[str, Callable[[list[Any], list[bool]], Any]] = {
    "any": lambda items, answers: any(answers),
    "all": lambda items, answers: all(answers),
    "count": lambda items, answers: sum(answers),
    "filter": _chosen,
}


def _field(value: Any, key: str) -> Any:
    found = walk(value, (key,))
    if found is ABSENT and key == "length" and isinstance(value, str | list | Mapping):
        return len(value)
    return found


def _element(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        return walk(value, (values.text(key),))
    if isinstance(value, str | list) and isinstance(key, int) and key is not True:
        return value[key] if -len(value) <= key < len(value) else ABSENT
    return ABSENT


def _sliced(value: Any, start: Any, end: Any) -> Any:
    if not isinstance(value, str | list):
        return ABSENT
    first, last = (one if isinstance(one, int) else None for one in (start, end))
    return value[first:last]


def _spend_all(view: View, value: Any) -> None:
    """Count all that is in a value."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        view.meter.spend(one)
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
