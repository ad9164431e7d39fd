"""Names of expressions, changed in their text: what is around them stays to the character."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from otp_genesis.deferred import deferred
from otp_genesis.errors import ExpressionError

if TYPE_CHECKING:
    from jinja2 import exceptions, nodes

    from otp_genesis.expr import environment as sandbox
else:
    exceptions = deferred("jinja2.exceptions")
    nodes = deferred("jinja2.nodes")
    sandbox = deferred("otp_genesis.expr.environment")

Place = tuple[int, str, str]
"""Where a name stands in the text, the name, and what is to stand there."""
_Token = tuple[int, str, str]


def renamed(source: str, names: Mapping[str, str], *, bare: bool = False) -> str:
    """Return `source` with the roots of its references replaced: `a.b` by `steps.a.b`.

    `source` holds templates, or, where it is `bare`, is one expression; a value of `names` is a
    dotted name. Fields, filters, tests, keyword arguments, texts in quotes, comments and names
    that the template itself binds anywhere are left as they are. Raises `ExpressionError` where it
    cannot be read.
    """
    parts, end = [], 0
    for start, name, new in rename_places(source, names, bare=bare):
        parts += [source[end:start], new]
        end = start + len(name)
    return "".join((*parts, source[end:]))


def rename_places(source: str, names: Mapping[str, str], *, bare: bool = False) -> list[Place]:
    """Return the places that `renamed` changes, in order; raise as it does."""
    text = f"{{{{{source}}}}}" if bare else source
    # As Jinja reads line ends, without changing any place.
    text = text.replace("\r\n", " \n").replace("\r", "\n")
    try:
        environment = sandbox.Sandbox()
        before = environment.parse(text)
        wanted = {old: new for old, new in names.items() if old not in _bound(before)}
        places = [
            (at, value, wanted[value])
            for at, value in _roots(_tokens(environment, text))
            if value in wanted
        ]
        after = environment.parse(_replaced(text, places))
        _put_in(before, {old: _dotted(new) for old, new in wanted.items()})
        same = before == after
    except exceptions.TemplateSyntaxError as error:
        raise ExpressionError(source, error.message or "wrong") from None
    except RecursionError:
        raise ExpressionError(source, "too deeply nested") from None
    if bare and [len(getattr(one, "nodes", ())) for one in after.body] != [1]:
        raise ExpressionError(source, "this is not one expression")
    if not same:
        raise ExpressionError(source, f"cannot replace {', '.join(sorted(wanted))} in it")
    return [(at - 2 if bare else at, name, new) for at, name, new in places]


def _replaced(text: str, places: list[Place]) -> str:
    for at, name, new in reversed(places):
        text = f"{text[:at]}{new}{text[at + len(name) :]}"
    return text


def _bound(tree: nodes.Template) -> set[str]:
    """Return the names that `{% for %}`, `{% set %}` and `{% with %}` bind."""
    names = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    return names | ({"loop"} if next(tree.find_all(nodes.For), None) else set())


def _tokens(environment: sandbox.Sandbox, text: str) -> Iterator[_Token]:
    """Yield what stands in templates, with its place: the lexer leaves out what `-` strips."""
    end = 0
    for _, kind, value in environment.lex(text):
        start = text.index(value, end)
        end = start + len(value)
        if kind not in ("whitespace", "data", "comment", "raw_begin", "raw_end"):
            yield start, kind, value


def _roots(tokens: Iterator[_Token]) -> Iterator[tuple[int, str]]:
    """Yield each name that stands where a reference can begin, with its place."""
    listed = list(tokens)
    for index, (start, kind, value) in enumerate(listed):
        if kind != "name":
            continue
        before = [token[2] for token in listed[max(0, index - 2) : index]]
        after = listed[index + 1][2] if index + 1 < len(listed) else ""
        is_test = before[-1:] == ["is"] or before == ["is", "not"]
        is_keyword = after == "=" and before[-1:] in (["("], [","])
        if before[-1:] not in (["."], ["|"]) and not is_test and not is_keyword:
            yield start, value


def _dotted(text: str) -> nodes.Expr:
    root, *fields = text.split(".")
    node: nodes.Expr = nodes.Name(root, "load")
    for one in fields:
        node = nodes.Getattr(node, one, "load")
    return node


def _put_in(node: nodes.Node, names: Mapping[str, nodes.Expr]) -> None:
    """Replace every name that is read below `node`."""

    def new(value: object) -> object:
        if isinstance(value, nodes.Name) and value.ctx == "load" and value.name in names:
            return names[value.name]
        if isinstance(value, nodes.Node):
            _put_in(value, names)
        return value

    for name, value in list(node.iter_fields()):
        if isinstance(value, list):
            value[:] = map(new, value)
        elif isinstance(value, nodes.Node):
            setattr(node, name, new(value))
