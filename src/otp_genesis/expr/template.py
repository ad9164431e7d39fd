"""Compiled `{{ templates }}` and conditions.

A string that is one `{{ expression }}` and nothing else keeps the type of its value; any other
template gives text. (Jinja2's own native types would turn the text `5` into a number.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from otp_genesis.deferred import deferred
from otp_genesis.errors import ExpressionError
from otp_genesis.expr.bounds import MAX_TEXT

if TYPE_CHECKING:
    from jinja2 import environment as jinja
    from jinja2 import exceptions, nodes, runtime

    from otp_genesis.expr import environment as sandbox
else:
    exceptions = deferred("jinja2.exceptions")
    jinja = deferred("jinja2.environment")
    nodes = deferred("jinja2.nodes")
    runtime = deferred("jinja2.runtime")
    sandbox = deferred("otp_genesis.expr.environment")

MAX_SOURCE = 1_000_000
MAX_EXPRESSION = 20_000

_WHOLE = re.compile(r"\s*\{\{((?:(?!\}\}|\{\{|\{%).)*)\}\}\s*", re.DOTALL)
_RESULT = "result"

Names = Mapping[str, Any]


@dataclass(frozen=True)
class Reference:
    """What an expression reads: a root name, and the fields that follow it literally."""

    root: str
    path: tuple[str, ...] = ()
    call: bool = False
    """Whether it is a function that is called."""
    instead: tuple[Reference, ...] = ()
    """What it may mean instead: `a-b` is a name, or else a difference."""

    @property
    def text(self) -> str:
        """The reference as it is usually written."""
        return ".".join((self.root, *self.path))


class Note(NamedTuple):
    """What the author of an expression should know, and the part of the source that is meant."""

    message: str
    needle: str


@dataclass(frozen=True)
class Template:
    """A compiled template: `fill(names)` gives the value."""

    source: str
    references: tuple[Reference, ...]
    fill: Callable[[Names], Any]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Condition:
    """A compiled condition: `holds(names)` is true or false, and nothing else will do."""

    source: str
    references: tuple[Reference, ...]
    holds: Callable[[Names], bool]
    notes: tuple[Note, ...] = ()


@cache
def _sandbox(forgiving: bool = False) -> sandbox.Sandbox:
    return sandbox.Sandbox(runtime.ChainableUndefined if forgiving else sandbox.Missing)


def has_template(value: Any) -> bool:
    """Whether a template stands anywhere in `value`."""
    match value:
        case str():
            return "{{" in value or "{%" in value
        case dict():
            return any(has_template(item) for item in value.values())
        case list() | tuple():
            return any(has_template(item) for item in value)
    return False


@lru_cache(maxsize=4096)
def compile_template(source: str) -> Template:
    """Compile a string that holds templates; raise `ExpressionError`."""
    if whole := _WHOLE.fullmatch(source):
        inner = _expression(whole[1], source)
        return Template(source, inner.references, inner.fill)
    return _text(source, _sandbox)


def compile_forgiving(source: str) -> Template:
    """Compile a text with templates in which names that are not there are empty."""
    return _text(source, lambda: _sandbox(True))


def _text(source: str, box: Callable[[], sandbox.Sandbox]) -> Template:
    if len(source) > MAX_SOURCE:
        raise ExpressionError(source, f"a template may have {MAX_SOURCE} characters at most")
    with _Guard(source):
        environment = box()
        tree = environment.parse_bounded(source)
        references = tuple(_references(tree))
        template = _template(tree, environment)

    def fill(names: Names) -> str:
        with _Guard(source):
            context = sandbox.BoundedContext(environment, names, None, {})  # type: ignore[arg-type]
            parts: list[str] = []
            size = 0
            for part in template.root_render_func(context):
                parts.append(part)
                size += len(part)
                if size > MAX_TEXT:
                    raise exceptions.SecurityError(
                        f"the text would have more than {MAX_TEXT} characters"
                    )
            return "".join(parts)

    return Template(source, references, fill)


@lru_cache(maxsize=4096)
def compile_condition(source: str) -> Condition:
    """Compile a condition, with or without `{{ }}` around it; raise `ExpressionError`."""
    whole = _WHOLE.fullmatch(source)
    if not whole and ("{{" in source or "{%" in source):
        raise ExpressionError(source, "a condition is one expression; leave the braces out")
    inner = _expression(whole[1] if whole else source, source)

    def holds(names: Names) -> bool:
        value = inner.fill(names)
        if value is True or value is False:
            return value
        kind = type(value).__name__
        raise ExpressionError(source, f"a condition must be true or false, this one gave a {kind}")

    return Condition(source, inner.references, holds)


def fill(value: Any, names: Names) -> Any:
    """Return `value` with every template in it filled."""
    match value:
        case str():
            return compile_template(value).fill(names) if has_template(value) else value
        case dict():
            return {key: fill(item, names) for key, item in value.items()}
        case list() | tuple():
            return [fill(item, names) for item in value]
    return value


def templates_in(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Yield each string in `value` that holds a template, with the path to it."""
    match value:
        case str() if has_template(value):
            yield at, value
        case dict():
            for key, item in value.items():
                yield from templates_in(item, (*at, key))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from templates_in(item, (*at, index))


def conditions_in(written: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Yield each condition in text within a condition, with the path to it."""
    match written:
        case str():
            yield at, written
        case list():
            for index, one in enumerate(written):
                yield from conditions_in(one, (*at, index))
        case dict():
            for key in ("and", "or", "not"):
                if key in written:
                    yield from conditions_in(written[key], (*at, key))
                    break


def _expression(text: str, source: str) -> Template:
    """Compile one expression to a function that keeps the type of its value."""
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(source, f"an expression may have {MAX_EXPRESSION} characters at most")
    if not text.strip():
        raise ExpressionError(source, "an expression is missing")
    with _Guard(source):
        tree = _sandbox().parse_bounded("{{" + text + "}}")
        output = tree.body[0] if len(tree.body) == 1 else None
        if not isinstance(output, nodes.Output) or len(output.nodes) != 1:
            raise exceptions.SecurityError("this is not one expression")
        value = output.nodes[0]
        references = tuple(_references(tree))
        # What only looks something up gives data that is there already.
        direct = _looks_up(value)
        target = nodes.Name(_RESULT, "store", lineno=1)
        assign = nodes.Assign(target, value, lineno=1)
        template = _template(nodes.Template([assign], lineno=1), _sandbox())

    def evaluate(names: Names) -> Any:
        with _Guard(source):
            context = sandbox.BoundedContext(_sandbox(), names, None, {})  # type: ignore[arg-type]
            for _ in template.root_render_func(context):
                pass
            result = context.vars[_RESULT]
            if isinstance(result, runtime.Undefined):
                result._fail_with_undefined_error()
            if direct and not callable(result):
                return result
            return sandbox.plain(result)

    return Template(source, references, evaluate)


def _looks_up(node: nodes.Node) -> bool:
    while isinstance(node, nodes.Getattr):
        node = node.node
    return isinstance(node, nodes.Name) and node.name != "self"


def _template(tree: nodes.Template, environment: sandbox.Sandbox) -> jinja.Template:
    tree.set_environment(environment)
    code = environment.compile(tree, "<template>", "<template>")
    return jinja.Template.from_code(environment, code, {}, None)


def _references(tree: nodes.Template) -> Iterator[Reference]:
    """Yield what the tree reads from outside, longest literal path first seen."""
    bound = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")} | (
        {"loop"} if next(tree.find_all(nodes.For), None) else set()
    )
    seen: set[int] = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Name)):
        if id(node) in seen:
            continue
        path: list[str] = []
        inner: nodes.Node = node
        while isinstance(inner, nodes.Getattr | nodes.Getitem):
            seen.add(id(inner))
            key = _literal_key(inner)
            path = [] if key is None else [key, *path]
            inner = inner.node
        seen.add(id(inner))
        if isinstance(inner, nodes.Name) and inner.ctx == "load" and inner.name not in bound:
            yield Reference(inner.name, tuple(path))


def _literal_key(node: nodes.Getattr | nodes.Getitem) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    argument = node.arg
    if isinstance(argument, nodes.Const) and isinstance(argument.value, str):
        return argument.value
    return None


class _Guard:
    """Turns whatever an evaluation raises into `ExpressionError`."""

    __slots__ = ("source",)

    def __init__(self, source: str):
        self.source = source

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, ExpressionError):
            return
        if isinstance(error, RecursionError):
            raise ExpressionError(self.source, "too deeply nested") from None
        if isinstance(error, MemoryError):
            raise ExpressionError(self.source, "takes too much memory") from None
        if isinstance(error, exceptions.TemplateSyntaxError):
            line = max(0, error.lineno - 1)
            raise ExpressionError(self.source, error.message or "wrong", line=line) from None
        if isinstance(
            error, exceptions.UndefinedError | exceptions.SecurityError | exceptions.TemplateError
        ):
            message = error.message or str(error)
            raise ExpressionError(self.source, message) from None
        if isinstance(error, Exception):
            message = f"{error}" or type(error).__name__
            raise ExpressionError(self.source, message) from None
