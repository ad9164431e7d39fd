"""What names in Elixir code stand for: variables, attributes, parameters, local functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from otp_genesis.otp.facts import Clause, Function, Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import arguments, at, body, code, parts, target, walk
from otp_genesis.otp.tree_branches import around, short

BLOCKS = frozenset({"do_block", "else_block", "body", "block", "after_block", "rescue_block"})
DEFINES = frozenset({"def", "defp", "defmacro", "defmacrop"})
DEPTH = 12
"""How many functions and names are followed, one inside the other."""
VISITS = 8
"""How often one question enters the same function."""


@dataclass(frozen=True)
class Scope:
    """Where code stands: its module, what its function was called with, who called it."""

    file: SourceFile
    module: Module
    bindings: Mapping[str, Given] = field(default_factory=dict)
    callers: frozenset[str] = frozenset()
    visits: Counter[str] | None = None
    """How often each function was entered, where one question leads through many."""

    def expand(self, node: Node) -> str:
        """Return the full name of the module written as `node`."""
        return self.file.expand(code(node), node.start_byte)


@dataclass(frozen=True)
class Given:
    """An expression and where it stands."""

    node: Node
    scope: Scope


@dataclass(frozen=True)
class Returned:
    """What one clause of a function returns, and when it is that clause."""

    given: Given
    when: tuple[str, ...]


def operator(node: Node | None) -> str:
    """Return the operator of an expression, empty where it has none."""
    return code(node.child_by_field_name("operator")) if node is not None else ""


def operands(node: Node) -> tuple[Node | None, Node | None]:
    """Return both sides of a binary operator."""
    return node.child_by_field_name("left"), node.child_by_field_name("right")


def called(node: Node) -> tuple[str, list[Node]]:
    """Return what a call calls, as written, and its arguments, a piped one first."""
    if operator(node) == "|>" and node.type == "binary_operator":
        left, right = operands(node)
        name, given = called(right) if right is not None else ("", [])
        return name, ([left, *given] if left is not None else given)
    return target(node), arguments(node)


def meaning(given: Given) -> Given | None:
    """Return what a variable or an attribute stands for, `None` where the source does not say."""
    node, scope = given.node, given.scope
    if node.type == "unary_operator" and operator(node) == "@":
        return _attribute(scope, code(node.child_by_field_name("operand")))
    return _bound(node, scope)[1] if node.type == "identifier" else None


def _attribute(scope: Scope, name: str) -> Given | None:
    for found in reversed(scope.module.attributes):
        if found.name == name and found.value:
            attribute = at(scope.file.root(), (found.start, found.end))
            operand = attribute.child_by_field_name("operand")
            values = arguments(operand) if operand is not None else []
            return Given(values[0], scope) if values else None
    return None


def _bound(node: Node, scope: Scope) -> tuple[bool, Given | None]:
    """Return whether a variable of that name is in scope, and what it stands for."""
    name, inner, around = code(node), node, node.parent
    while around is not None:
        if around.type in BLOCKS and (found := _assigned(around, inner, name)) is not None:
            lefts, value = _matched(found)
            whole = any(code(left) == name for left in lefts)
            return True, Given(value, scope) if whole else None
        if target(around) in DEFINES:
            given = scope.bindings.get(name)
            return given is not None or _is_parameter(around, name), given
        if _introduces(around, name):
            return True, None
        inner, around = around, around.parent
    return False, None


def _assigned(block: Node, before: Node, name: str) -> Node | None:
    """Return the last match before `before` in a block that binds `name`."""
    for statement in reversed(block.named_children):
        if statement.start_byte >= before.start_byte or operator(statement) != "=":
            continue
        if any(_mentions(left, name) for left in _matched(statement)[0]):
            return statement
    return None


def _matched(match: Node) -> tuple[list[Node], Node]:
    """Return the patterns of `a = b = value`, and the value."""
    lefts: list[Node] = []
    value = match
    while operator(value) == "=":
        left, right = operands(value)
        if left is None or right is None:
            break
        lefts.append(left)
        value = right
    return lefts, value


def _is_parameter(definition: Node, name: str) -> bool:
    given = arguments(definition)
    return bool(given) and any(_mentions(part, name) for part in arguments(_head(given[0])))


def _head(head: Node) -> Node:
    left = operands(head)[0] if operator(head) == "when" else None
    return left if left is not None else head


def _mentions(pattern: Node, name: str) -> bool:
    return any(found.type == "identifier" and code(found) == name for found in walk(pattern))


def _introduces(around: Node, name: str) -> bool:
    """Whether a clause, or the generators of `for` and `with`, bind `name`."""
    if around.type == "stab_clause":
        left = around.child_by_field_name("left")
        return left is not None and _mentions(left, name)
    if target(around) in ("for", "with"):
        lefts = [operands(a)[0] for a in arguments(around) if operator(a) in ("<-", "=")]
        return any(left is not None and _mentions(left, name) for left in lefts)
    return False


def is_variable(given: Given) -> bool:
    """Whether an expression is a variable, and no call of a function without parentheses."""
    return given.node.type == "identifier" and _bound(given.node, given.scope)[0]


def returned(project: Project, given: Given) -> list[Returned] | None:
    """Return what a call of a function of the project returns, by clause; `None` for no such."""
    name, values = called(given.node)
    if given.node.type == "identifier":
        if is_variable(given):
            return None
        name, values = code(given.node), []
    module, _, function_name = name.rpartition(".")
    scope = replace(given.scope, visits=None)
    if module:
        known = project.modules.get(scope.file.expand(module, given.node.start_byte))
        if known is None:
            return None
        scope = replace(scope, file=known[0], module=known[1])
    function = function_of(scope, function_name, len(values))
    if function is None:
        return None
    return list(results(scope, function, [Given(value, given.scope) for value in values]))


def function_of(scope: Scope, name: str, arity: int) -> Function | None:
    """Return the function that a call with so many arguments means."""
    functions = scope.file.functions_of(scope.module.name)
    found = (f for f in functions if f.name == name and arity in f.arities)
    return next((f for f in found if f.kind in ("def", "defp")), None)


def results(scope: Scope, function: Function, values: list[Given]) -> Iterator[Returned]:
    """Yield the last expression of each clause, its parameters bound to `values`."""
    for clause, inner in entered(scope, function, values):
        found = body(at(scope.file.root(), (clause.start, clause.end)))
        if found:
            yield Returned(Given(found[-1], inner), _when(scope, function, clause))


def _when(scope: Scope, function: Function, clause: Clause) -> tuple[str, ...]:
    """Return when a clause holds: where its definition stands, else what it is called with."""
    node = at(scope.file.root(), (clause.start, clause.end))
    outer = around(node, scope.module.start)
    if outer or len(function.clauses) == 1:
        return outer
    head = " ".join(scope.file.slice(clause.head).split()[1:])
    return (f"when called as {short(head)}",)


def entered(
    scope: Scope, function: Function, values: list[Given]
) -> Iterator[tuple[Clause, Scope]]:
    """Yield each clause of a function with the scope inside; none where it is entered already."""
    label = f"{scope.module.name}.{function.label}"
    if label in scope.callers or len(scope.callers) >= DEPTH:
        return
    if scope.visits is not None:
        scope.visits[label] += 1
        if scope.visits[label] > VISITS:
            return
    root = scope.file.root()
    for clause in function.clauses:
        patterns = [at(root, parameter) for parameter in clause.parameters]
        outer = replace(scope, bindings={}, callers=scope.callers | {label})
        yield clause, replace(outer, bindings=_parameters(patterns, values, outer))


def _parameters(patterns: list[Node], values: list[Given], outer: Scope) -> dict[str, Given]:
    bound: dict[str, Given] = {}
    lacking = len(patterns) - len(values)
    waiting = list(values)
    for pattern in patterns:
        left, right = operands(pattern)
        if operator(pattern) == "\\\\" and left is not None and right is not None:
            if lacking > 0:
                lacking -= 1
                bound[code(left)] = Given(right, outer)
                continue
            pattern = left
        if waiting:
            value = waiting.pop(0)
            for name in _names(pattern):
                bound[name] = value
    return bound


def _names(pattern: Node) -> list[str]:
    """Return the names that stand for a whole argument."""
    if pattern.type == "identifier":
        return [code(pattern)]
    if operator(pattern) == "=":
        return [code(side) for side in parts(pattern) if side.type == "identifier"]
    return []
