"""What kind of process a module is, and what `use` says of its child spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from tree_sitter import Node

from otp_genesis.otp.callbacks import module_node
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import arguments, at, keyword, target, walk
from otp_genesis.otp.tree import Kind
from otp_genesis.otp.tree_scope import Given, Scope, called, entered

KINDS: Mapping[str, Kind] = {
    "Supervisor": "supervisor",
    ":supervisor": "supervisor",
    "Phoenix.Endpoint": "endpoint",
    "Ecto.Repo": "repo",
    "Phoenix.Presence": "presence",
    "Phoenix.Tracker": "tracker",
    "DynamicSupervisor": "dynamic_supervisor",
    "Horde.DynamicSupervisor": "dynamic_supervisor",
    "ConsumerSupervisor": "dynamic_supervisor",
    "Task.Supervisor": "task_supervisor",
    "PartitionSupervisor": "partition_supervisor",
    "Registry": "registry",
    "Horde.Registry": "registry",
    "Phoenix.PubSub": "pubsub",
    "GenStage": "genstage",
    "GenStateMachine": "statem",
    ":gen_statem": "statem",
    ":gen_event": "event_manager",
    "GenServer": "genserver",
    ":gen_server": "genserver",
    "Agent": "agent",
    "Task": "task",
}
"""By the module that is used, or whose `start_link` is called; the first that holds is taken."""
SUPERVISING = frozenset({"supervisor", "dynamic_supervisor", "partition_supervisor"})
STARTS = frozenset({"start_link", "start", "start_monitor", "start_child"})
SETTINGS = ("id", "restart", "shutdown", "type")


def options_at(module: str, given: int) -> int | None:
    """Return which argument of a module's `start_link` are its options, `None` for Erlang's.

    -1 stands for none.
    """
    if module.startswith(":"):
        return None
    if module == "Task":
        return -1
    if module in ("Supervisor", "Agent"):
        return given - 1 if given > 1 else -1
    if KINDS.get(module) in ("genserver", "genstage", "statem"):
        return 2
    return given - 1


def kind_of(project: Project, file: SourceFile, module: Module) -> Kind:
    """Return the kind that a module's behaviours or its start function give it."""
    behaviours = project.behaviours(module)
    for name, kind in KINDS.items():
        if name in behaviours:
            return kind
    for called_module, _ in started(project, Scope(file, module), "start_link", ()):
        if called_module in KINDS:
            return KINDS[called_module]
    return "unknown"


def started(
    project: Project, scope: Scope, name: str, args: tuple[Given, ...]
) -> Iterator[tuple[str, Given]]:
    """Yield each `Module.start_link` that a start function calls, the module's name first.

    Functions of the same module that it calls are looked into.
    """
    scope = replace(scope, visits=Counter())
    functions = [
        function
        for function in scope.file.functions_of(scope.module.name)
        if function.name == name and (not args or len(args) in function.arities)
    ]
    for function in functions:
        for clause, inner in entered(scope, function, list(args)):
            root = at(scope.file.root(), (clause.start, clause.end))
            for call in calls(root):
                yield from _call(project, Given(call, inner))


def _call(project: Project, given: Given) -> Iterator[tuple[str, Given]]:
    name, values = called(given.node)
    module, _, function = name.rpartition(".")
    if module and function in STARTS:
        yield given.scope.file.expand(module, given.node.start_byte), given
    elif not module:
        own = [Given(value, given.scope) for value in values]
        for found in given.scope.file.functions_of(given.scope.module.name):
            if found.name == function and len(own) in found.arities:
                for clause, inner in entered(given.scope, found, own):
                    root = at(given.scope.file.root(), (clause.start, clause.end))
                    for call in calls(root):
                        yield from _call(project, Given(call, inner))


def calls(node: Node) -> Iterator[Node]:
    """Yield the calls below a definition, each with the pipe that leads into it."""
    for found in walk(node):
        if found.type == "call" and found != node:
            pipe = found.parent
            piped = pipe is not None and called(pipe)[0] == target(found)
            if piped and pipe is not None and pipe.child_by_field_name("right") == found:
                yield pipe
            else:
                yield found


def used(project: Project, file: SourceFile, module: Module) -> dict[str, Given]:
    """Return what the options of `use GenServer, …` say of the child spec."""
    said: dict[str, Given] = {}
    scope = Scope(file, module)
    root = module_node(file, module)
    for directive in file.directives:
        mine = module.start <= directive.start < module.end and not directive.quoted
        if not mine or directive.kind != "use" or file.module_at(directive.start) != module:
            continue
        given = arguments(at(root, (directive.start, directive.end)))
        for name in SETTINGS:
            value = keyword(given[1], name) if len(given) > 1 else None
            if value is not None:
                said[name] = Given(value, scope)
    return said
