"""Whether an expression means the same in both languages: of strict documents, and of the others.

Alike are two that give the same wherever all that they name is there. Where something is not, the
strict one fails, and the other makes do with nothing, or with what it finds below a key `result`.
What is not known to be alike is said to differ. Numbers with an exponent are written otherwise in
text (`1e-07`, `1.0e-7`); that is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from otp_genesis.deferred import deferred
from otp_genesis.errors import ExpressionError

if TYPE_CHECKING:
    from jinja2 import exceptions
    from jinja2 import nodes as strict

    from otp_genesis.expr import environment as sandbox
    from otp_genesis.expr import loose_grammar as grammar
    from otp_genesis.expr import loose_nodes as loose
    from otp_genesis.expr import loose_split as split
else:
    exceptions = deferred("jinja2.exceptions")
    strict = deferred("jinja2.nodes")
    sandbox = deferred("otp_genesis.expr.environment")
    grammar = deferred("otp_genesis.expr.loose_grammar")
    loose = deferred("otp_genesis.expr.loose_nodes")
    split = deferred("otp_genesis.expr.loose_split")

_OPERATORS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "lteq", ">": "gt", ">=": "gteq", "in": "in"}
_WHOLE = re.compile(r"\s*\{\{((?:(?!\}\}|\{\{|\{%).)*)\}\}\s*", re.DOTALL)
COMPARED = "a strict document compares true as 1, and fails where values cannot be put in order"
BARE = "in a strict document only true and false can be asked so"
RESULT = (
    "a step's 'result' is all of its result unless it has one; if it is strict, it must have one"
)
LENGTH = "'length' of a mapping is its size; if it is strict, it must be a field"
UNPROVED = "a strict document may give another result"


class Differs(Exception):
    """The two are not known to be alike; it holds why."""


def difference(source: str, *, condition: bool = False) -> str | None:
    """Return why a template (or a condition) may give something else in a strict document."""
    try:
        if condition:
            _condition(source)
        elif "{%" not in source:
            _template(source)
    except Differs as found:
        return str(found)
    except ExpressionError as error:
        return f"only a strict document can read it: {error.reason}"
    except exceptions.TemplateSyntaxError as error:
        return f"a strict document cannot read it: {error.message}"
    except RecursionError:
        return "it is too deeply nested"
    return None


def roots(source: str, *, condition: bool = False) -> set[str]:
    """Return the names that an expression begins its references with; none if it is unreadable."""
    try:
        tree = sandbox.Sandbox().parse(_braced(source) if condition else source)
    except (exceptions.TemplateSyntaxError, RecursionError):
        return set()
    return {name.name for name in tree.find_all(strict.Name)}


def _braced(source: str) -> str:
    return source if "{{" in source else "{{" + source + "}}"


def _condition(source: str) -> None:
    whole = _WHOLE.fullmatch(source)
    text = whole[1] if whole else source
    _truth(*_both(text))


def _template(source: str) -> None:
    if "{#" in source:
        raise Differs("only a strict document leaves out what stands between {# and #}")
    found = split.pieces(source)
    inside = [one.expression for one in found if one.expression is not None]
    if len(inside) == 1 and len(found) > 1 and not "".join(_around(found)).strip():
        raise Differs("only a strict document leaves out the blanks around a template")
    if len(inside) == 1 and len(found) == 1 and not _WHOLE.fullmatch(source):
        raise Differs(UNPROVED)
    for expression in inside:
        if expression[:1] in ("-", "+") or expression[-1:] in ("-", "+"):
            raise Differs("'{{-' takes blanks away in a strict document only")
        _value(*_both(expression))
    _same_pieces(source, list(_around(found)), len(inside))


def _around(found: list[split.Piece]) -> Iterator[str]:
    for one in found:
        if one.expression is None:
            yield one.text


def _same_pieces(source: str, texts: list[str], count: int) -> None:
    """Raise where Jinja does not divide the text as the other language does."""
    output = sandbox.Sandbox().parse(source.replace("\r\n", "\n").replace("\r", "\n")).body
    parts = [node for one in output for node in getattr(one, "nodes", (one,))]
    plain = "".join(node.data for node in parts if isinstance(node, strict.TemplateData))
    expressions = [node for node in parts if not isinstance(node, strict.TemplateData)]
    if "\r" in source or plain != "".join(texts) or len(expressions) != count:
        raise Differs(UNPROVED)


def _both(text: str) -> tuple[loose.Node, strict.Node]:
    """Return an expression as each language reads it."""
    parser = grammar.Parser(text)
    older = parser.whole()
    if parser.notes:
        raise Differs(parser.notes[0])
    output = sandbox.Sandbox().parse("{{" + text + "}}").body
    nodes: list[Any] = getattr(output[0], "nodes", []) if len(output) == 1 else []
    if len(nodes) != 1:
        raise Differs(UNPROVED)
    return older, nodes[0]


def _value(older: Any, new: Any) -> None:
    """Raise unless both give the same value."""
    match older:
        case loose.Literal():
            same = isinstance(new, strict.Const) and _same(older.value, new.value)
            _require(same or _negated(older.value, new))
        case loose.Path():
            _require(_words(new) == (older.root, *older.keys))
            _path(older)
        case loose.Suffixed():
            _keyed(older, new)
        case loose.Items():
            _require(isinstance(new, strict.List) and len(new.items) == len(older.items))
            for pair in zip(older.items, new.items, strict=True):
                _value(*pair)
        case loose.Fields():
            _require(isinstance(new, strict.Dict) and len(new.items) == len(older.fields))
            for (key, value), item in zip(older.fields, new.items, strict=True):
                _require(_is_text(key))
                _value(key, item.key)
                _value(value, item.value)
        case _:
            _truth(older, new)


def _keyed(older: loose.Suffixed, new: Any) -> None:
    """Raise unless both read fields of a mapping: `a['b'].c`."""
    for suffix in reversed(older.suffixes):
        if isinstance(suffix, loose.Field):
            key = new.attr if isinstance(new, strict.Getattr) else None
            _require(suffix.key == key != "length")
        elif isinstance(suffix, loose.Index) and isinstance(new, strict.Getitem):
            _require(_is_text(suffix.key))
            _value(suffix.key, new.arg)
        else:
            raise Differs(UNPROVED)
        new = new.node
    _require(isinstance(older.base, loose.Path))
    _value(older.base, new)


def _path(older: loose.Path) -> None:
    if "result" in (older.keys[0:1] if older.root != "steps" else older.keys[1:2]):
        raise Differs(RESULT)
    if older.keys[-1:] == ("length",):
        raise Differs(LENGTH)


def _truth(older: Any, new: Any) -> None:
    """Raise unless both give the same, which is true or false."""
    match older:
        case loose.Literal() if isinstance(older.value, bool):
            _value(older, new)
        case loose.Not():
            if not isinstance(new, strict.Not):
                raise Differs(UNPROVED)
            _truth(older.value, new.node)
        case loose.Chain():
            for pair in _chained(older, new):
                _truth(*pair)
        case loose.Comparison():
            _compared(older, new)
        case loose.Path():
            raise Differs(BARE)
        case loose.Arithmetic() | loose.Negative():
            raise Differs("arithmetic takes texts and nothing for numbers outside strict documents")
        case loose.Exists() | loose.Between() | loose.Choice():
            raise Differs("a strict document says that in other words")
        case _:
            raise Differs(UNPROVED)


def _chained(older: Any, new: Any) -> list[tuple[Any, Any]]:
    """Return the parts of `a and b and c` in pairs."""
    kind = strict.And if older.word == "and" else strict.Or
    parts = list(_links(new, kind))
    _require(len(parts) == len(older.values))
    return list(zip(older.values, parts, strict=True))


def _links(node: Any, kind: type[strict.BinExpr]) -> Iterator[Any]:
    """Yield what is joined; Jinja joins from the left."""
    parts = []
    while isinstance(node, kind):
        parts.append(node.right)
        node = node.left
    yield node
    yield from reversed(parts)


def _compared(older: Any, new: Any) -> None:
    _require(isinstance(new, strict.Compare) and len(new.ops) == len(older.rest))
    left, left_new = older.first, new.expr
    for (relation, right), operand in zip(older.rest, new.ops, strict=True):
        if _OPERATORS.get(relation) != operand.op:
            raise Differs(
                f"a strict document has no {relation!r}" if relation.isalpha() else UNPROVED
            )
        if not _comparable(left, relation, right):
            raise Differs(COMPARED)
        _value(left, left_new)
        _value(right, operand.expr)
        left, left_new = right, operand.expr


def _comparable(left: Any, relation: str, right: Any) -> bool:
    """Whether a comparison cannot mix truth values and numbers, nor fail."""
    if relation == "in":
        return isinstance(right, loose.Items) and all(map(_is_text, right.items))
    equal = relation in ("==", "!=")
    return equal and any(_is_text(one) or _is_nothing(one) for one in (left, right))


def _is_text(node: Any) -> bool:
    return isinstance(node, loose.Literal) and isinstance(node.value, str)


def _is_nothing(node: Any) -> bool:
    return isinstance(node, loose.Literal) and node.value is None


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _negated(value: Any, new: Any) -> bool:
    inner = new.node if isinstance(new, strict.Neg) else None
    return isinstance(inner, strict.Const) and _same(value, -inner.value)


def _words(node: Any) -> tuple[str, ...]:
    words: list[str] = []
    while isinstance(node, strict.Getattr):
        words.append(node.attr)
        node = node.node
    return (node.name, *reversed(words)) if isinstance(node, strict.Name) else ()


def _require(alike: bool) -> None:
    if not alike:
        raise Differs(UNPROVED)
