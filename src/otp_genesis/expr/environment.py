"""The one evaluator: a Jinja2 sandbox that is strict, typed and bounded.

Jinja2's stock sandbox keeps code in but not cost: `'a' * 10**9`, `'%1000000000d' % 1` or
`'x'.ljust(10**9)` take memory and minutes. Here text cannot be multiplied or formatted, what grows
is measured before it is made, loops share one budget, and only the filters named below exist.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import nodes, pass_context, pass_environment
from jinja2.exceptions import SecurityError
from jinja2.filters import do_batch, do_round, do_sum
from jinja2.runtime import Context, LoopContext, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from otp_genesis.errors import did_you_mean
from otp_genesis.expr.bounds import ANSWER_KEYS, MAX_INT_BITS, MAX_TEXT

MAX_ITERATIONS = 100_000
"""Turns of all `{% for %}` loops of one rendering together."""
MAX_BATCH = 10_000
ITEM_WEIGHT = 16
"""What a value within another counts for, beside its characters."""
MAX_PRECISION = 100

FILTERS = (
    "abs", "batch", "capitalize", "d", "default", "dictsort", "first", "float", "groupby", "int",
    "items", "last", "length", "count", "list", "lower", "map", "max", "min", "reject",
    "rejectattr", "reverse", "round", "select", "selectattr", "sort", "string", "sum", "title",
    "tojson", "trim", "truncate", "unique", "upper", "wordcount",
)  # fmt: skip
TEXT_METHODS = frozenset(
    ("upper", "lower", "strip", "startswith", "endswith", "split", "splitlines", "title")
)
LOOP_FIELDS = frozenset(("index", "index0", "first", "last", "length", "previtem", "nextitem"))
_FORBIDDEN = (
    nodes.Macro, nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends, nodes.Block,
    nodes.CallBlock, nodes.FilterBlock, nodes.AssignBlock, nodes.ScopedEvalContextModifier,
    nodes.EvalContextModifier,
)  # fmt: skip


class Missing(StrictUndefined):
    """A name that is not there; every use says so, with the nearest one that is."""

    @property
    def _undefined_message(self) -> str:
        name, owner = self._undefined_name, self._undefined_obj
        if self._undefined_hint:
            return self._undefined_hint
        if isinstance(owner, Mapping):
            known = [key for key in owner if isinstance(key, str)]
            return f"there is no {name!r} here{did_you_mean(str(name), known)}"
        if isinstance(owner, Sequence) and not isinstance(owner, str):
            return f"a list of {len(owner)} has no {name!r}"
        if owner is missing:
            return f"{name!r} is not defined"
        return f"{_kind(owner)} has no {name!r}"


class BoundedContext(Context):
    """A rendering's names, and what it has spent."""

    turns = 0

    def spend(self, turns: int = 1) -> None:
        """Count turns of a loop; raise where there have been too many."""
        self.turns += turns
        if self.turns > MAX_ITERATIONS:
            raise SecurityError(f"more than {MAX_ITERATIONS} turns of loops")


class Sandbox(ImmutableSandboxedEnvironment):
    """Evaluates expressions and templates over plain data."""

    intercepted_binops = frozenset(("*", "**", "%", "+"))
    context_class = BoundedContext

    def __init__(self, undefined: type[Undefined] = Missing) -> None:
        super().__init__(
            undefined=undefined, cache_size=0, finalize=as_text, keep_trailing_newline=True
        )
        self.globals.clear()
        allowed = {name: self.filters[name] for name in FILTERS}
        self.filters.clear()
        self.filters.update(allowed)
        self.filters.update(join=_join, replace=_replace, tojson=_tojson, fromjson=_fromjson)
        self.filters.update(batch=_batch, round=_round, sum=_sum)
        self.filters.update(__turns=_turns, __concat=_concat, __weighed=_weighed)
        self.filters["string"] = as_text

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse what could build something huge."""
        if operator == "**":
            raise SecurityError("'**' is not available")
        if operator == "+" and not _numbers(left, right):
            _measure(_size(left) + _size(right))
        elif not _numbers(left, right):
            raise SecurityError(f"{operator!r} works on numbers only, not on {_kind(left)}")
        elif operator == "*" and _bits(left) + _bits(right) > MAX_INT_BITS:
            raise SecurityError("the product is too large")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Data first: `steps.a.items` is the key `items`, whatever methods a dict has."""
        if isinstance(obj, Mapping):
            return self._field(obj, attribute)
        if isinstance(obj, Undefined):
            return super().getattr(obj, attribute)
        if isinstance(obj, str) and attribute in TEXT_METHODS:
            return super().getattr(obj, attribute)
        if attribute == "length" and isinstance(obj, Sequence):
            return len(obj)
        if isinstance(obj, LoopContext) and attribute in LOOP_FIELDS:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`x['key']` and `x[0]`; nothing else of an object can be reached."""
        if isinstance(obj, Mapping) and isinstance(argument, str):
            return self._field(obj, argument)
        if isinstance(obj, Undefined):
            return super().getitem(obj, argument)
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)

    def _field(self, obj: Mapping[str, Any], name: str) -> Any:
        if name in obj:
            return obj[name]
        data = obj.get("data") if is_answer(obj) else None
        if isinstance(data, Mapping) and name in data:
            return data[name]
        return self.undefined(obj=obj, name=name)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Of all methods only some of text can be called."""
        return isinstance(obj, str) and attr in TEXT_METHODS

    def parse_bounded(self, source: str) -> nodes.Template:
        """Parse, refuse what has no bound, and put the measuring in."""
        tree = self.parse(source)
        for node in tree.find_all(_FORBIDDEN):
            raise SecurityError(f"{{% {type(node).__name__.lower()} %}} is not available")
        for loop in tree.find_all(nodes.For):
            if loop.recursive:
                raise SecurityError("recursive loops are not available")
            loop.iter = nodes.Filter(loop.iter, "__turns", [], [], None, None)
        _rewrite(tree, nodes.Concat, _measured)
        if next(tree.find_all(nodes.Assign), None):
            # `{% set a = [a, a] %}` a few times over is more than any machine holds.
            _rewrite(tree, (nodes.List, nodes.Tuple, nodes.Dict), _held)
        return tree


NO_DATA = "this gives no data: a function must be called, a loop has fields"


def is_answer(value: Any) -> bool:
    """Whether `value` is a model's answer."""
    return isinstance(value, Mapping) and value.keys() >= ANSWER_KEYS


def as_text(value: Any) -> str:
    """Return `value` as it stands in text: data as JSON, a model's answer as its text."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Undefined():
            return str(value)
        case Mapping() if is_answer(value):
            return str(value["text"])
        case Mapping() | list() | tuple():
            return json.dumps(plain(value), ensure_ascii=False)
        case Iterator() if not isinstance(value, LoopContext):
            return as_text(list(value))
        case int() | float():
            return str(value)
    raise SecurityError(NO_DATA)


def plain(value: Any) -> Any:
    """Return `value` as data that JSON can hold, measured; raise where it is no data."""
    return _plain(value, [MAX_TEXT])


def _plain(value: Any, room: list[int]) -> Any:
    room[0] -= ITEM_WEIGHT + (len(value) if isinstance(value, str) else 0)
    if room[0] < 0:
        _measure(MAX_TEXT + 1)
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            if value.bit_length() > MAX_INT_BITS:
                raise SecurityError("the number is too large")
            return value
        case Undefined():
            return str(value)
        case Mapping():
            return {as_text(key): _plain(item, room) for key, item in value.items()}
        case list() | tuple() | Iterator() if not isinstance(value, LoopContext):
            return [_plain(item, room) for item in value]
    raise SecurityError(NO_DATA)


def _rewrite(node: nodes.Node, kind: Any, rewritten: Callable[[Any], nodes.Node | None]) -> None:
    """Replace every node of a kind below `node`, the inner ones first."""
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            _rewrite(value, kind, rewritten)
            if isinstance(value, kind):
                setattr(node, name, rewritten(value) or value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, nodes.Node):
                    _rewrite(item, kind, rewritten)
                if isinstance(item, kind):
                    value[index] = rewritten(item) or item


def _measured(node: nodes.Concat) -> nodes.Node:
    """Let `a ~ b` be measured like everything else that grows."""
    return nodes.Filter(nodes.List(node.nodes), "__concat", [], [], None, None, lineno=node.lineno)


def _held(node: nodes.Expr) -> nodes.Node | None:
    if isinstance(node, nodes.Tuple) and node.ctx != "load":
        return None
    return nodes.Filter(node, "__weighed", [], [], None, None, lineno=node.lineno)


def _weighed(value: Any) -> Any:
    """Return `value`, which may hold one list many times over, unless it is too much."""
    room = MAX_TEXT
    waiting = [value]
    while waiting:
        one = waiting.pop()
        room -= ITEM_WEIGHT
        if room < 0:
            _measure(MAX_TEXT + 1)
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
    return value


@pass_environment
def _sum(environment: Sandbox, items: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    if not _numbers(start):
        raise SecurityError("sum adds numbers only")
    return do_sum(environment, items, attribute, start)


def _round(value: Any, precision: int = 0, method: Any = "common") -> float:
    if not _numbers(value, precision) or abs(precision) > MAX_PRECISION:
        raise SecurityError(f"round takes a number and at most {MAX_PRECISION} digits")
    return do_round(value, precision, method)


def _batch(items: Iterable[Any], size: int, fill_with: Any = None) -> Iterator[Any]:
    if not 0 < size <= MAX_BATCH:
        raise SecurityError(f"batch makes rows of 1 to {MAX_BATCH}")
    return do_batch(items, size, fill_with)


def _concat(parts: Sequence[Any]) -> str:
    texts = [as_text(part) for part in parts]
    _measure(sum(map(len, texts)))
    return "".join(texts)


@pass_context
def _turns(context: BoundedContext, items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        context.spend()
        yield item


def _join(items: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    chosen = [item.get(attribute) if attribute else item for item in items]
    texts = [as_text(item) for item in chosen]
    _measure(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _replace(value: Any, old: str, new: str) -> str:
    text = as_text(value)
    if not old:
        raise SecurityError("replace needs a text to look for")
    _measure(len(text) + (text.count(old) * max(0, len(new) - len(old))))
    return text.replace(old, new)


def _tojson(value: Any, indent: int | None = None) -> str:
    if indent is not None and not 0 <= indent <= 8:
        raise SecurityError("indent must be 0 to 8")
    text = json.dumps(plain(value), ensure_ascii=False, indent=indent)
    _measure(len(text))
    return text


def _fromjson(text: str) -> Any:
    return json.loads(as_text(text))


def _measure(size: int) -> None:
    if size > MAX_TEXT:
        raise SecurityError(f"the result would have more than {MAX_TEXT} characters or items")


def _numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _bits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0


def _kind(value: Any) -> str:
    names = {str: "text", bool: "true/false", int: "a number", float: "a number", list: "a list"}
    if value is None:
        return "nothing"
    return names.get(type(value), "a mapping" if isinstance(value, Mapping) else "this value")
