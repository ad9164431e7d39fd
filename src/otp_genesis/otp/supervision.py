"""The application's supervision tree as the source shows it, and adding a child to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from otp_genesis.model.change import Edit, FileChange
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Declined
from otp_genesis.otp.syntax import (
    arguments,
    at,
    body,
    code,
    inside,
    keyword,
    parts,
    span,
    target,
    walk,
)

WIDTH = 98
"""The line length that `mix format` keeps by default."""
STEPS = 12
"""How many names and functions are followed to a list; functions may call each other in circles."""


@dataclass(frozen=True)
class Children:
    """The child lists of one supervisor; `first` is `None` where the code computes the list."""

    file: SourceFile
    module: Module
    first: Node | None
    lists: tuple[Node, ...]


@dataclass(frozen=True)
class TaskSupervisor:
    """A `Task.Supervisor` of the application, with the change that starts it, if one is needed."""

    name: str
    change: FileChange | None


def application(project: Project, app: str) -> tuple[SourceFile, Module] | None:
    """Return the application callback module of the app in folder `app` (empty for the root)."""
    mix = project.files.get(f"{app}mix.exs")
    if mix is not None:
        for node in walk(mix.root()):
            if node.type == "keywords" and (mod := keyword(node, "mod")) is not None:
                named = parts(mod)[0] if mod.type == "tuple" and parts(mod) else mod
                return project.modules.get(mix.expand(code(named), named.start_byte))
    found = [
        (file, module)
        for file, module in project.modules.values()
        if "Application" in module.uses and file.kind == "lib" and project.app_of(file.path) == app
    ]
    return found[0] if len(found) == 1 else None


def tree(project: Project, app: str) -> tuple[Children, ...]:
    """Return the application's supervisors that the source names, the top one first."""
    top = application(project, app)
    if top is None:
        return ()
    found: dict[str, Children] = {}
    seen: set[str] = set()
    waiting = [top]
    while waiting:
        file, module = waiting.pop(0)
        if module.name in seen:
            continue
        seen.add(module.name)
        children = _children(project, file, module)
        if children is None:
            waiting += _started(project, file, module)
            continue
        found[children.module.name] = children
        waiting += [
            known
            for name in _named(children)
            if (known := project.modules.get(name)) and "Supervisor" in known[1].uses
        ]
    return tuple(found.values())


def task_supervisor(project: Project, path: str) -> TaskSupervisor | Declined:
    """Return the `Task.Supervisor` for code in `path`: the one there is, or a new first child."""
    app = project.app_of(path)
    supervisors = tree(project, app)
    for children in supervisors:
        for name in _task_supervisors(children):
            return TaskSupervisor(name, None)
    if not supervisors:
        return Declined(
            "the application's supervision tree was not found: no `mod:` in mix.exs whose start/2"
            " gives its children to Supervisor.start_link; start a Task.Supervisor by hand"
        )
    top = supervisors[0]
    if top.first is None:
        return Declined(
            f"{top.module.name} computes its children, so a Task.Supervisor cannot be added by"
            " rule; add one to them by hand"
        )
    name = f"{_base(application(project, app), top.module)}.TaskSupervisor"
    if name in project.modules or _mentioned(project, app, name):
        return Declined(f"{name} is in use already, outside the child lists that can be read")
    return TaskSupervisor(name, _first_child(top, top.first, name))


def _base(top: tuple[SourceFile, Module] | None, fallback: Module) -> str:
    name = (top[1] if top else fallback).name
    return name.removesuffix(".Application").removesuffix(".App")


def _mentioned(project: Project, app: str, name: str) -> bool:
    return any(
        f"name: {name}".encode() in file.text
        for file in project.files.values()
        if file.kind == "lib" and project.app_of(file.path) == app
    )


def _children(project: Project, file: SourceFile, module: Module) -> Children | None:
    """Return the children of the supervisor that `module` starts or is."""
    starts = [
        call
        for call in file.calls_to("Supervisor.start_link/2", "Supervisor.init/2")
        if call.module == module.name
    ]
    if len(starts) != 1:
        return None
    root = file.root()
    given = at(root, starts[0].arguments[0])
    lists = tuple(_lists(file, module, given, starts[0].start))
    first = lists[0] if lists and _leftmost(file, module, given, starts[0].start) else None
    return Children(file, module, first, lists)


def _started(
    project: Project, file: SourceFile, module: Module
) -> Iterator[tuple[SourceFile, Module]]:
    """Yield the supervisor modules that an application's callback module starts itself."""
    for node in walk(at(file.root(), (module.start, module.end))):
        called = target(node)
        if not called.endswith(".start_link"):
            continue
        name = called.removesuffix(".start_link")
        if file.expand(name, node.start_byte) == "Supervisor" and arguments(node):
            name = code(arguments(node)[0])
        known = project.modules.get(file.expand(name, node.start_byte))
        if known is not None and "Supervisor" in known[1].uses:
            yield known


def _lists(
    file: SourceFile, module: Module, node: Node, before: int, steps: int = STEPS
) -> Iterator[Node]:
    """Yield the list literals that an expression joins, from left to right."""
    if node.type == "list":
        yield node
    elif node.type == "binary_operator" and code(node.child_by_field_name("operator")) == "++":
        for side in ("left", "right"):
            if (operand := node.child_by_field_name(side)) is not None:
                yield from _lists(file, module, operand, before, steps)
    elif steps and (meant := _meaning(file, module, node, before)) is not None:
        yield from _lists(file, module, meant, meant.start_byte, steps - 1)


def _leftmost(
    file: SourceFile, module: Module, node: Node, before: int, steps: int = STEPS
) -> bool:
    """Whether the expression begins with a list literal."""
    if node.type == "list":
        return True
    if node.type == "binary_operator" and code(node.child_by_field_name("operator")) == "++":
        left = node.child_by_field_name("left")
        return left is not None and _leftmost(file, module, left, before, steps)
    meant = _meaning(file, module, node, before) if steps else None
    return meant is not None and _leftmost(file, module, meant, meant.start_byte, steps - 1)


def _meaning(file: SourceFile, module: Module, node: Node, before: int) -> Node | None:
    """Return what a variable was bound to, or what a function of one clause returns."""
    if node.type == "identifier":
        clause = inside(node, "do_block", "pair")
        bound = [
            found
            for found in (walk(clause) if clause is not None else ())
            if found.type == "binary_operator"
            and code(found.child_by_field_name("operator")) == "="
            and found.end_byte <= before
            and code(found.child_by_field_name("left")) == code(node)
        ]
        if bound:
            same_block = clause is not None and bound[-1].parent == clause
            return bound[-1].child_by_field_name("right") if same_block else None
    if node.type not in ("call", "identifier") or "." in (target(node) or ""):
        return None
    label = f"{target(node) or code(node)}/{len(arguments(node))}"
    function = file.function(module.name, label)
    if function is None or len(function.clauses) != 1:
        return None
    root = node
    while root.parent is not None:
        root = root.parent
    only = function.clauses[0]
    returned = body(at(root, (only.start, only.end)))
    return returned[-1] if returned else None


def _elements(children: Children) -> Iterator[Node]:
    for found in children.lists:
        yield from parts(found)


def _named(children: Children) -> Iterator[str]:
    """Yield the modules that the children name."""
    for element in _elements(children):
        named = parts(element)[0] if element.type == "tuple" and parts(element) else element
        if named.type == "alias":
            yield children.file.expand(code(named), named.start_byte)


def _task_supervisors(children: Children) -> Iterator[str]:
    """Yield the static names of the `Task.Supervisor` children."""
    for element in _elements(children):
        tuples = [element] if element.type == "tuple" else arguments(element)[:1]
        for found in tuples:
            given = parts(found)
            if found.type != "tuple" or len(given) != 2:
                continue
            module = children.file.expand(code(given[0]), found.start_byte)
            name = keyword(given[1], "name")
            static = name is not None and name.type in ("alias", "atom")
            if module == "Task.Supervisor" and name is not None and static:
                yield children.file.expand(code(name), name.start_byte)


def _first_child(children: Children, found: Node, name: str) -> FileChange:
    file, offset = children.file, found.start_byte
    module = file.reference("Task.Supervisor", offset)
    child = f"{{{module}, name: {file.reference(name, offset)}}}"
    elements = parts(found)
    if "\n" not in code(found):
        line = file.text[: found.end_byte].rsplit(b"\n", 1)[-1].decode()
        rest = file.text[found.end_byte :].split(b"\n", 1)[0].decode().rstrip()
        joined = f"[{', '.join([child, *map(code, elements)])}]"
        if len(line) - len(code(found)) + len(joined) + len(rest) > WIDTH:
            indent = file.lines.indent(offset)
            rows = ",".join(f"\n{indent}  {row}" for row in [child, *map(code, elements)])
            joined = f"[{rows}\n{indent}]"
        return file.change(Edit(start=span(found)[0], end=span(found)[1], text=joined))
    inner = found.named_children[0]
    indent = file.lines.indent(inner.start_byte)
    comma = "," if elements else ""
    place = offset + 1
    return file.change(Edit(start=place, end=place, text=f"\n{indent}{child}{comma}"))
