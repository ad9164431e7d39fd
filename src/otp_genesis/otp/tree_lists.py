"""Where a module says which children a supervisor has, and with what options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tree_sitter import Node

from otp_genesis.otp.facts import Function
from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import at, body, code, parts
from otp_genesis.otp.tree_branches import around, last
from otp_genesis.otp.tree_kinds import SUPERVISING, calls, kind_of
from otp_genesis.otp.tree_scope import Given, Scope, called, entered, function_of

LISTS = frozenset({"Supervisor.start_link", "Supervisor.init", "Supervisor.Spec.supervise"})
DYNAMIC = frozenset({"DynamicSupervisor", "Horde.DynamicSupervisor", "Task.Supervisor"})
BY_HAND = frozenset({"start_link", "start"})


@dataclass(frozen=True)
class Listing:
    """The start of one supervisor: its children and options, or the module that knows them."""

    given: Given
    children: Given | None = None
    options: Given | None = None
    module: str | None = None
    """The module that is started, where it has callbacks of its own."""
    args: tuple[Given, ...] = ()
    conditions: tuple[str, ...] = ()


def listings(
    project: Project, scope: Scope, function: Function, args: tuple[Given, ...] = ()
) -> Iterator[Listing]:
    """Yield the supervisors that a function starts or describes, through functions it calls."""
    if scope.visits is None:
        scope = replace(scope, visits=Counter())
    for clause, inner in entered(scope, function, list(args)):
        root = at(inner.file.root(), (clause.start, clause.end))
        for call in calls(root):
            outer = around(call, clause.start)
            for found in _of_call(project, Given(call, inner)):
                yield _when(found, outer)
        yield from _erlang(root, inner)


def _when(found: Listing, outer: tuple[str, ...]) -> Listing:
    if not outer:
        return found
    conditions = (*outer, *found.conditions)
    return Listing(found.given, found.children, found.options, found.module, found.args, conditions)


def _of_call(project: Project, given: Given) -> Iterator[Listing]:
    name, values = called(given.node)
    module, _, function = name.rpartition(".")
    scope = given.scope
    found = [Given(value, scope) for value in values]
    full = scope.file.expand(module, given.node.start_byte) if module else ""
    if f"{full}.{function}" in LISTS and found:
        first = found[0].node
        callback = first.type == "alias" or code(first) == "__MODULE__"
        if callback and function == "start_link":
            options = found[2] if len(found) > 2 else None
            module = scope.expand(first)
            yield Listing(given, options=options, module=module, args=tuple(found[1:2]))
        else:
            yield Listing(given, found[0], found[1] if len(found) > 1 else None)
    elif full in DYNAMIC and function in ("init", "start_link"):
        yield Listing(given, None, found[0] if found else None, module=_own(found, scope, full))
    elif module and function in BY_HAND and _supervises(project, full):
        yield Listing(given, module=full, args=tuple(found))
    elif not module:
        yield from _local(project, given, function, found)


def _own(found: list[Given], scope: Scope, full: str) -> str:
    """Return the callback module of a dynamic supervisor, or the library's own."""
    first = found[0].node if found else None
    if first is not None and (first.type == "alias" or code(first) == "__MODULE__"):
        return scope.expand(first)
    return full


def _local(project: Project, given: Given, name: str, values: list[Given]) -> Iterator[Listing]:
    function = function_of(given.scope, name, len(values))
    if function is not None:
        yield from listings(project, given.scope, function, tuple(values))
    elif name == "supervise" and len(values) == 2:
        yield Listing(given, values[0], values[1])


def _supervises(project: Project, name: str) -> bool:
    known = project.modules.get(name)
    if known is None:
        return False
    return kind_of(project, *known) in SUPERVISING


def _erlang(clause: Node, scope: Scope) -> Iterator[Listing]:
    """`{:ok, {flags, children}}`, as a callback of Erlang's `supervisor` returns it."""
    found = body(clause)
    result = last(found[-1]) if found else None
    outer = parts(result) if result is not None and result.type == "tuple" else []
    inner = parts(outer[1]) if len(outer) == 2 and outer[1].type == "tuple" else []
    if outer and code(outer[0]) == ":ok" and len(inner) == 2:
        flags = inner[0].type in ("map", "tuple") and result is not None
        if flags and result is not None and _is_flags(inner[0]):
            yield Listing(Given(result, scope), Given(inner[1], scope), Given(inner[0], scope))


def _is_flags(node: Node) -> bool:
    return any(word in code(node) for word in ("one_for_", "rest_for_one", "strategy"))
