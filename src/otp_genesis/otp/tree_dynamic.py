"""Calls that start processes while the system runs: under a supervisor, or by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node, Query, QueryCursor

from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import LANGUAGE, code, inside, parts
from otp_genesis.otp.tree import Site
from otp_genesis.otp.tree_branches import short
from otp_genesis.otp.tree_scope import Given, Scope, called, meaning
from otp_genesis.otp.tree_values import Values

QUERY = Query(LANGUAGE, "(call target: (dot right: (identifier) @name))")
UNDER = frozenset({"Supervisor", "DynamicSupervisor", "Horde.DynamicSupervisor"})
TASKS = frozenset({"start_child", "async", "async_nolink", "async_stream", "async_stream_nolink"})
NAMES = frozenset({*(name.encode() for name in TASKS), b"start", b"start_link", b"start_monitor"})
OTHERS = frozenset({"GenServer", ":gen_server", ":gen_statem", "GenStage", "Supervisor"})
"""Modules whose `start_link` takes the module of the process as its first argument."""


@dataclass(frozen=True)
class StartChild:
    """A call that starts a child under a supervisor."""

    given: Given
    supervisor: str | None
    """The supervisor's name, `None` where the code computes it."""
    written: str
    """The supervisor as the code names it."""
    task: bool
    spec: Given | None
    function: str | None
    """The function that the call is in."""


@dataclass
class Starts:
    """All such calls of a project, by file and offset."""

    children: list[StartChild] = field(default_factory=list)
    by_hand: dict[str, list[Site]] = field(default_factory=dict)
    """Where modules are started without a supervisor."""

    def under(self) -> Mapping[str, list[StartChild]]:
        """Return the calls by the name of their supervisor."""
        found: dict[str, list[StartChild]] = {}
        for one in self.children:
            if one.supervisor is not None:
                found.setdefault(one.supervisor, []).append(one)
        return found


def site(file: SourceFile, offset: int) -> Site:
    """Return the place of a byte offset."""
    return Site(file.path, *file.lines.position(offset))


def starts(project: Project, values: Values) -> Starts:
    """Return the calls of production code that start processes."""
    found = Starts()
    for path in sorted(project.files):
        file = project.files[path]
        if file.kind == "lib" and any(name in file.text for name in (b"start", b"async")):
            for given in _calls(file):
                _sort(given, values, found)
    return found


def _calls(file: SourceFile) -> Iterator[Given]:
    names = QueryCursor(QUERY).captures(file.root()).get("name", [])
    for name in sorted(names, key=lambda node: node.start_byte):
        call = name.parent.parent if name.text in NAMES and name.parent is not None else None
        module = file.module_at(call.start_byte) if call is not None else None
        if call is None or module is None or module.quoted or file.is_tool(module.name):
            continue
        if not _is_quoted(call) and inside(call, "unary_operator") is None:
            pipe = call.parent
            piped = pipe is not None and pipe.child_by_field_name("right") == call
            whole = pipe if piped and pipe is not None and called(pipe)[0] else call
            yield Given(whole, Scope(file, module))


def _is_quoted(node: Node) -> bool:
    outer = inside(node, "call")
    while outer is not None:
        if code(outer.child_by_field_name("target")) == "quote":
            return True
        outer = inside(outer, "call")
    return False


def _sort(given: Given, values: Values, found: Starts) -> None:
    name, arguments = called(given.node)
    module, _, function = name.rpartition(".")
    scope = given.scope
    full = scope.file.expand(module, given.node.start_byte)
    args = [Given(argument, scope) for argument in arguments]
    task = full == "Task.Supervisor" and function in TASKS
    if args and (task or (full in UNDER and function == "start_child")):
        found.children.append(
            StartChild(
                given,
                _supervisor(args[0], values),
                short(args[0].node),
                task,
                args[1] if len(args) > 1 else None,
                _function(given),
            )
        )
    elif function in ("start", "start_link", "start_monitor"):
        started = full
        if full in OTHERS and args:
            started = values.static(args[0]) or ""
        if started != scope.module.name and started in values.project.modules:
            place = site(scope.file, given.node.start_byte)
            found.by_hand.setdefault(started, []).append(place)


def _supervisor(given: Given, values: Values) -> str | None:
    """Return the supervisor's name; one of a `PartitionSupervisor` is named by it."""
    name = values.static(given)
    meant: Given | None = given
    while meant is not None and meant.node.type in ("identifier", "unary_operator"):
        meant = meaning(meant)
    if name is not None or meant is None:
        return name
    tuple_ = parts(meant.node) if meant.node.type == "tuple" else []
    if len(tuple_) != 3 or code(tuple_[0]) != ":via":
        return None
    held = parts(tuple_[2]) if tuple_[2].type == "tuple" else []
    if code(tuple_[1]) != "PartitionSupervisor" or not held:
        return None
    return values.static(Given(held[0], meant.scope))


def _function(given: Given) -> str | None:
    start = given.node.start_byte
    for function in given.scope.file.functions_of(given.scope.module.name):
        if any(clause.start <= start < clause.end for clause in function.clauses):
            return function.label
    return None
