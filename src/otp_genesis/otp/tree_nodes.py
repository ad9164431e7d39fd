"""Makes nodes of child specs: what runs, how it is restarted, and what is below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import code, parse, parts
from otp_genesis.otp.tree import SUPERVISORS, Kind, Node, Site, Unsaid
from otp_genesis.otp.tree_branches import short
from otp_genesis.otp.tree_dynamic import StartChild, Starts, site
from otp_genesis.otp.tree_kinds import KINDS, kind_of, options_at, started, used
from otp_genesis.otp.tree_lists import Listing, listings
from otp_genesis.otp.tree_scope import Given, Scope, called, results
from otp_genesis.otp.tree_specs import Spec, SpecReader, gap, why
from otp_genesis.otp.tree_values import STEPS, Missing, Values

NODES = 5000
"""How many nodes a tree may have; beyond, nothing is drawn below a supervisor."""
DEEPEST = 40
"""How many modules may be above a node."""
ERLANG = ("intensity", "period")
"""What the flags of Erlang's `supervisor` call the limit of restarts and its time."""
EMPTY = parse(b"[]").root_node.named_children[0]
"""What a child is started with where only its module is given."""
NAMED_AFTER_MODULE: frozenset[Kind] = frozenset({"endpoint", "repo"})
OWN_SUPERVISORS: frozenset[Kind] = frozenset(
    {"endpoint", "repo", "pubsub", "registry", "presence", "tracker"}
)
"""Kinds that are supervisors with children of their library's."""
SETTLED: tuple[Literal["id", "restart", "shutdown"], ...] = ("id", "restart", "shutdown")
ID_IS_NAME: frozenset[Kind] = frozenset(
    {"registry", "dynamic_supervisor", "task_supervisor", "partition_supervisor"}
)


@dataclass(frozen=True)
class Run:
    """What a spec starts, once the module's own `child_spec/1` was asked."""

    module: str | None
    """The module whose start function is called."""
    function: str
    args: tuple[Given, ...]
    said: Mapping[str, Given]
    defaults: bool
    """Whether OTP's defaults hold for what is not said."""
    unsaid: tuple[Unsaid, ...]


@dataclass(frozen=True)
class Options:
    """A supervisor's options."""

    name: str | None = None
    strategy: str | None = None
    max_restarts: int | None = None
    max_seconds: int | None = None
    unsaid: tuple[Unsaid, ...] = ()


class NodeMaker:
    """Makes the nodes of one project."""

    def __init__(self, project: Project, values: Values, starts: Starts):
        self.project, self.values = project, values
        self.specs = SpecReader(project, values)
        self._under = starts.under()
        self._left = NODES

    def listed(self, listing: Listing, path: frozenset[str]) -> Node:
        """Return the node of a supervisor that code starts."""
        if listing.module is not None:
            args = (listing.options,) if listing.children is None and listing.options else ()
            spec = Spec(listing.given, listing.module, args=listing.args or args, plain=True)
            return self.node(replace(spec, conditions=listing.conditions), path)
        options = self._options(listing.options, "supervisor")
        below = self._children(listing.children, path) if listing.children is not None else ()
        return Node(
            module="Supervisor",
            kind="supervisor",
            at=(self._site(listing.given),),
            name=options.name,
            strategy=options.strategy,
            max_restarts=options.max_restarts,
            max_seconds=options.max_seconds,
            conditions=listing.conditions,
            children=(*below, *self._dynamic(options.name, path)),
            unsaid=options.unsaid,
        )

    def started(self, call: StartChild, path: frozenset[str]) -> list[Node]:
        """Return the children that a call starts."""
        under = None if call.supervisor is not None else call.written
        place = self._site(call.given)
        if call.task:
            owner = call.given.scope.module.name
            node = Node(
                owner, "task", (place,), call.function or "", dynamic=True, restart="temporary"
            )
            return [replace(node, under=under)]
        specs = self.specs.read(call.spec) if call.spec is not None else [gap(call.given)]
        nodes = [self.node(spec, path) for spec in specs]
        return [replace(node, at=(place,), dynamic=True, under=under) for node in nodes]

    def node(self, spec: Spec, path: frozenset[str]) -> Node:
        """Return the node of a child spec, `path` being the modules above it."""
        self._left -= 1
        run = self._run(spec)
        known = self.project.modules.get(spec.module or "")
        by = self._foreign(run)
        kind = self._kind(run, known) if by is None else KINDS.get(by, "unknown")
        name, unsaid = self._name(run, kind)
        options = Options()
        below: tuple[Node, ...] = ()
        label = f"{run.module}.{run.function}"
        here = path | {label} if known else path
        if label in path and known is not None:
            unsaid += (Unsaid("children", "it is below itself", spec.module or ""),)
        elif self._left < 0 or len(path) > DEEPEST:
            unsaid += (Unsaid("children", "the tree is too large", spec.module or ""),)
        else:
            options, below = self._below(run, kind, here)
            below += self._dynamic(name or options.name, here)
        node = Node(
            module=spec.module,
            kind=kind,
            at=(self._site(spec.given),),
            started_by=run.function if by is not None else None,
            name=name or options.name,
            strategy=options.strategy,
            max_restarts=options.max_restarts,
            max_seconds=options.max_seconds,
            defined=_defined(known),
            conditions=spec.conditions,
            repeated=spec.repeated,
            children=below,
            unsaid=(*spec.unsaid, *run.unsaid, *unsaid, *options.unsaid),
        )
        return self._settled(node, run)

    def _run(self, spec: Spec, steps: int = STEPS) -> Run:
        """Return what a spec starts; modules that take each other's specs are left off."""
        known = self.project.modules.get(spec.module or "")
        args = spec.args or (() if spec.plain else (Given(EMPTY, spec.given.scope),))
        run = Run(spec.module, spec.function, args, spec.said, spec.plain, ())
        if known is None:
            return run
        file, module = known
        function = file.function(module.name, "child_spec/1")
        if spec.plain or function is None or steps == 0:
            inherits = not spec.plain or spec.inherits
            said = {**used(self.project, file, module), **spec.said} if inherits else spec.said
            return replace(run, said=said, defaults=spec.plain and not spec.inherits)
        made = [
            found
            for one in results(Scope(file, module), function, list(args))
            for found in self.specs.read(one.given)
        ]
        if len(made) != 1 or made[0].unsaid:
            reason = "child_spec/1 has several results" if len(made) > 1 else "it is computed"
            return replace(run, unsaid=(Unsaid("spec", reason, f"{spec.module}.child_spec/1"),))
        inner = made[0]
        own = inner.module == spec.module
        inner = inner if inner.plain or not own else replace(inner, plain=True)
        deep = self._run(inner, steps - 1)
        return replace(deep, said={**deep.said, **spec.said})

    def _foreign(self, run: Run) -> str | None:
        """Return the module that a start function of another name starts, if not its own.

        It is empty where the function starts nothing that is known.
        """
        impl = self.project.modules.get(run.module or "")
        if impl is None or run.function in ("start_link", ""):
            return None
        for module, call in started(self.project, Scope(*impl), run.function, run.args):
            values = called(call.node)[1]
            first = Given(values[0], call.scope) if values else None
            if module == run.module or self.values.static(first) == run.module:
                return None
            return module
        return ""

    def _kind(self, run: Run, known: tuple[SourceFile, Module] | None) -> Kind:
        impl = self.project.modules.get(run.module or "")
        if impl is not None:
            return kind_of(self.project, *impl)
        if run.module in KINDS:
            return KINDS[run.module or ""]
        return "library" if run.module and known is None else "unknown"

    def _name(self, run: Run, kind: Kind) -> tuple[str | None, tuple[Unsaid, ...]]:
        impl = self.project.modules.get(run.module or "")
        if impl is None:
            found = self.values.key(run.args[-1], "name") if run.args else None
            return self._told(found)
        if kind in NAMED_AFTER_MODULE:
            return run.module, ()
        for module, call in started(self.project, Scope(*impl), run.function, run.args):
            values = [replace(call, node=value) for value in called(call.node)[1]]
            at = options_at(module, len(values))
            if at is None:
                return self._local(values)
            if values and (values[0].node.type == "alias" or code(values[0].node) == "__MODULE__"):
                at = 2
            if 0 <= at < len(values):
                return self._told(self.values.key(values[at], "name"), values[at])
            return None, ()
        return None, ()

    def _local(self, values: list[Given]) -> tuple[str | None, tuple[Unsaid, ...]]:
        """Return the name that Erlang's `{:local, name}` gives."""
        first = parts(values[0].node) if values and values[0].node.type == "tuple" else []
        if len(first) == 2 and code(first[0]) == ":local":
            return self._told(replace(values[0], node=first[1]))
        return None, ()

    def _told(
        self, found: Given | Missing | None, options: Given | None = None
    ) -> tuple[str | None, tuple[Unsaid, ...]]:
        """Return a name, or what is unsaid of it."""
        if isinstance(found, Missing):
            return None, ()
        if found is None:
            if options is None or options.node.type not in ("identifier", "call"):
                return None, ()
            return None, (Unsaid("name", why(options), short(options.node)),)
        name = self.values.static(found)
        if name is None:
            return None, (Unsaid("name", why(found), short(found.node)),)
        return (name, ()) if name != "nil" else (None, ())

    def _below(
        self, run: Run, kind: Kind, path: frozenset[str]
    ) -> tuple[Options, tuple[Node, ...]]:
        """Return a supervisor's options and its children."""
        if kind not in SUPERVISORS:
            return Options(), ()
        known = self.project.modules.get(run.module or "")
        if known is not None:
            return self._of_module(known, run, kind, path)
        options = self._options(run.args[-1] if run.args else None, kind)
        if kind == "supervisor" and len(run.args) > 1:
            return options, self._children(run.args[0], path)
        if kind == "partition_supervisor" and run.args:
            each = self.values.key(run.args[-1], "child_spec")
            if isinstance(each, Given):
                found = self._children(each, path)
                return options, tuple(replace(node, repeated="its partitions") for node in found)
        return options, ()

    def _of_module(
        self, known: tuple[SourceFile, Module], run: Run, kind: Kind, path: frozenset[str]
    ) -> tuple[Options, tuple[Node, ...]]:
        """Return what `init/1`, else the start function, of a supervisor's module says."""
        file, module = known
        functions = file.functions_of(module.name)
        foreign = self._foreign(run) is not None
        initial = [(f, ()) for f in functions if f.label == "init/1" and not foreign]
        starting = [(f, run.args) for f in functions if f.name == run.function]
        found: list[Listing] = []
        for function, args in (*initial, *starting):
            found = found or [
                one
                for one in listings(self.project, Scope(file, module), function, args)
                if one.module is None or one.module in KINDS
            ]
        if not found:
            unsaid = (Unsaid("children", "no child list was found", module.name),)
            return Options(unsaid=unsaid if kind == "supervisor" else ()), ()
        below: list[Node] = []
        for one in found:
            nodes = self._children(one.children, path) if one.children is not None else ()
            # Where there is one list, its conditions are those of the supervisor as a whole.
            outer = one.conditions if len(found) > 1 else ()
            below += [replace(node, conditions=(*outer, *node.conditions)) for node in nodes]
        every = [self._options(one.options, kind) for one in found]
        if any(replace(one, unsaid=()) != replace(every[0], unsaid=()) for one in every):
            return Options(unsaid=(Unsaid("strategy", "it depends", module.name),)), tuple(below)
        # A start function's own options name the process; `_name` has read them.
        return replace(every[0], name=None), tuple(below)

    def _children(self, given: Given, path: frozenset[str]) -> tuple[Node, ...]:
        return tuple(self.node(spec, path) for spec in self.specs.read(given))

    def _dynamic(self, name: str | None, path: frozenset[str]) -> tuple[Node, ...]:
        """Return the children that code starts under the supervisor of that name."""
        calls = self._under.get(name or "", [])
        return grouped(node for call in calls for node in self.started(call, path))

    def _options(self, given: Given | None, kind: Kind) -> Options:
        if given is None:
            return Options()
        if given.node.type == "tuple":
            flags = [self.values.static(replace(given, node=part)) for part in parts(given.node)]
            flags = [*flags, None, None, None]
            return Options(None, _plain(flags[0]), _number(flags[1]), _number(flags[2]))
        unsaid: list[Unsaid] = []
        found: dict[str, str | None] = {}
        default = "one_for_one" if kind == "dynamic_supervisor" else None
        erlang = given.node.type == "map"
        restarts_key, seconds_key = ERLANG if erlang else ("max_restarts", "max_seconds")
        defaults = {"strategy": default, restarts_key: "3", seconds_key: "5", "name": None}
        if erlang:
            defaults |= {"strategy": "one_for_one", restarts_key: "1"}
        for key in defaults:
            value = self.values.key(given, key)
            found[key] = defaults[key]
            if not isinstance(value, Missing):
                found[key] = self.values.static(value)
        if found["strategy"] is None and kind == "supervisor":
            unsaid.append(Unsaid("strategy", why(given), short(given.node)))
        if kind == "task_supervisor":
            found["strategy"] = None
        restarts, seconds = _number(found[restarts_key]), _number(found[seconds_key])
        name = found["name"]
        return Options(name, _plain(found["strategy"]), restarts, seconds, tuple(unsaid))

    def _settled(self, node: Node, run: Run) -> Node:
        """Return the node with its id, restart and shutdown: what is said, else OTP's defaults."""
        values: dict[str, str | None] = {}
        unsaid: list[Unsaid] = []
        if (kind := run.said.get("type")) is not None:
            values["type"] = self.values.static(kind)
        for key in SETTLED:
            if (given := run.said.get(key)) is not None:
                values[key] = self.values.static(given)
                if values[key] is None:
                    unsaid.append(Unsaid(key, why(given), short(given.node)))
        known = run.defaults or node.kind not in ("library", "unknown")
        computed = any(one.what == "spec" for one in node.unsaid)
        if known and not computed and node.module is not None:
            values = {**_defaults(node, values, run), **values}
        return replace(
            node,
            id=values.get("id"),
            restart=_plain(values.get("restart")),
            shutdown=_plain(values.get("shutdown")),
            unsaid=(*node.unsaid, *unsaid),
        )

    def _site(self, given: Given) -> Site:
        return site(given.scope.file, given.node.start_byte)


def _defaults(node: Node, values: Mapping[str, str | None], run: Run) -> dict[str, str | None]:
    supervises = node.kind in (SUPERVISORS | OWN_SUPERVISORS)
    if run.defaults and "start" in run.said:
        supervises = False
    if "type" in values:
        supervises = values["type"] == ":supervisor"
    name = node.name if node.kind in ID_IS_NAME and node.defined is None else None
    return {
        "id": name or node.module,
        "restart": "temporary" if node.kind == "task" else "permanent",
        "shutdown": "infinity" if supervises else "5000",
    }


def _defined(known: tuple[SourceFile, Module] | None) -> Site | None:
    return site(known[0], known[1].start) if known is not None else None


def _plain(value: str | None) -> str | None:
    return value.lstrip(":") if value is not None else None


def _number(value: str | None) -> int | None:
    digits = (value or "").replace("_", "")
    return int(digits) if digits.isdigit() else None


def grouped(nodes: Iterator[Node]) -> tuple[Node, ...]:
    """Return the nodes, those that are alike but for their place as one with all places."""
    found: dict[Node, list[Site]] = {}
    for node in nodes:
        found.setdefault(replace(node, at=()), []).extend(node.at)
    return tuple(replace(node, at=tuple(sorted(set(at)))) for node, at in found.items())
