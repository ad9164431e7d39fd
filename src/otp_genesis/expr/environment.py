"""The one evaluator: a Jinja2 sandbox that is strict, typed and bounded.

Jinja2's stock sandbox keeps code in but not cost: `'a' * 10**9`, `'%1000000000d' % 1` or
`'x'.ljust(10**9)` take memory and minutes. Here text cannot be multiplied or formatted, what grows
is measured before it is made, loops share one budget, and only the filters named below exist.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from otp_genesis.errors import did_you_mean

MAX_TEXT = 10_000_000
"""Characters that an expression may build, and a template may put out."""
MAX_ITERATIONS = 100_000
"""Turns of all `{% for %}` loops of one rendering together."""
MAX_INT_BITS = 4096

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
    nodes.CallBlock, nodes.FilterBlock, nodes.ScopedEvalContextModifier, nodes.EvalContextModifier,
)  # fmt: skip
ANSWER_KEYS = frozenset(("text", "data", "provider"))
"""The keys by which a model's answer is known: its text where text is expected, its data where a
field is asked for."""


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
        if owner is None or type(owner).__name__ in ("MissingType", "_MissingType"):
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

    def __init__(self) -> None:
        super().__init__(
            undefined=Missing, cache_size=0, finalize=as_text, keep_trailing_newline=True
        )
        self.globals.clear()
        allowed = {name: self.filters[name] for name in FILTERS}
        self.filters.clear()
        self.filters.update(allowed)
        self.filters.update(join=_join, replace=_replace, tojson=_tojson, fromjson=_fromjson)
        self.filters.update(__turns=_turns, __concat=_concat)
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
        _replace_concat(tree)
        return tree


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
            return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _replace_concat(node: nodes.Node) -> None:
    """Let `a ~ b` be measured like everything else that grows."""
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            _replace_concat(value)
            if isinstance(value, nodes.Concat):
                setattr(node, name, _measured(value))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, nodes.Node):
                    _replace_concat(item)
                if isinstance(item, nodes.Concat):
                    value[index] = _measured(item)


def _measured(node: nodes.Concat) -> nodes.Filter:
    return nodes.Filter(nodes.List(node.nodes), "__concat", [], [], None, None, lineno=node.lineno)


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
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
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
