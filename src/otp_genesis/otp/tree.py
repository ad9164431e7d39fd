"""What a supervision tree consists of, as far as the source says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from otp_genesis.otp.project import Unparsed
from otp_genesis.otp.rule import Finding

Kind = Literal[
    "application",
    "supervisor",
    "dynamic_supervisor",
    "task_supervisor",
    "partition_supervisor",
    "registry",
    "genserver",
    "agent",
    "genstage",
    "statem",
    "event_manager",
    "task",
    "pubsub",
    "endpoint",
    "repo",
    "presence",
    "tracker",
    "library",
    "unknown",
]
"""`library`: a module that is not the project's; `unknown`: the source does not say."""

SUPERVISORS: frozenset[Kind] = frozenset(
    {"supervisor", "dynamic_supervisor", "task_supervisor", "partition_supervisor"}
)


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A place in the source. Line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Unsaid:
    """What the source does not say of a node, with the code that would decide it."""

    what: Literal["children", "module", "name", "id", "restart", "shutdown", "strategy", "spec"]
    why: str
    code: str


@dataclass(frozen=True, slots=True)
class Node:
    """A process that a supervisor starts, or what stands in its place where that is not said.

    A value that is `None` is not given by the source; what the source computes is in `unsaid`.
    """

    module: str | None
    kind: Kind
    at: tuple[Site, ...]
    """Where it is declared; for a dynamic child each place that starts it."""
    function: str | None = None
    """For a task that code starts: the function with that code."""
    started_by: str | None = None
    """The function of the module that starts it, where what runs is not the module itself."""
    name: str | None = None
    id: str | None = None
    strategy: str | None = None
    max_restarts: int | None = None
    max_seconds: int | None = None
    restart: str | None = None
    shutdown: str | None = None
    defined: Site | None = None
    """The module's definition, where it is the project's."""
    conditions: tuple[str, ...] = ()
    """What must hold for it to be started, outermost first."""
    repeated: str | None = None
    """What it is started once for each of."""
    dynamic: bool = False
    under: str | None = None
    """For a dynamic child whose supervisor is in no tree: how the code names that supervisor."""
    children: tuple[Node, ...] = ()
    unsaid: tuple[Unsaid, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def is_code(self) -> bool:
        """Whether it is a task whose module is only where its code stands."""
        return self.function is not None

    @property
    def label(self) -> str:
        """How a person would call it: by its registered name, else by its module."""
        if self.is_code or self.started_by:
            return f"{self.module}.{self.function or self.started_by}"
        own = self.kind in SUPERVISORS or self.kind == "registry"
        plain = self.module is None or (self.defined is None and own)
        if self.name and (plain or self.kind in ("pubsub", "agent")):
            return self.name
        if self.module is None:
            return self.unsaid[0].code if self.unsaid else "?"
        return self.module

    def walk(self) -> Iterator[Node]:
        """Yield the node and all below it, each before its children."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


@dataclass(frozen=True, slots=True)
class App:
    """One application of the project: its tree, and the processes that are in no tree."""

    folder: str
    """`apps/web/` in an umbrella, or empty."""
    root: Node | None
    note: str | None
    """Why there is no tree, or what is uncertain about its root."""
    unplaced: tuple[Node, ...] = ()
    """Children that code starts under a supervisor that no tree holds."""
    outside: tuple[Outside, ...] = ()
    elsewhere: tuple[Finding, ...] = ()
    """Findings in modules that are on no node."""

    def nodes(self) -> Iterator[Node]:
        """Yield every node of the application, the tree's first."""
        roots = [self.root] if self.root else []
        for root in (*roots, *self.unplaced, *(one.node for one in self.outside)):
            yield from root.walk()


@dataclass(frozen=True, slots=True)
class Outside:
    """A process that no supervisor of the source starts, with the places that start it by hand."""

    node: Node
    started: tuple[Site, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """The supervision trees of a project."""

    apps: tuple[App, ...]
    unparsed: tuple[Unparsed, ...]
