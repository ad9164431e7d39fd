"""Reads the supervision trees of a project: one an application, and what is in none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from otp_genesis.otp.callbacks import module_node
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.supervision import application
from otp_genesis.otp.syntax import code, keyword, parts, walk
from otp_genesis.otp.tree import SUPERVISORS, App, Node, Outside, Tree, Unsaid
from otp_genesis.otp.tree_dynamic import Starts, site, starts
from otp_genesis.otp.tree_kinds import KINDS, kind_of
from otp_genesis.otp.tree_lists import listings
from otp_genesis.otp.tree_nodes import NodeMaker, grouped
from otp_genesis.otp.tree_scope import Given, Scope
from otp_genesis.otp.tree_specs import Spec
from otp_genesis.otp.tree_values import Values


def supervision_tree(project: Project) -> Tree:
    """Return the trees of a project's applications, without findings."""
    values = Values(project)
    calls = starts(project, values)
    maker = NodeMaker(project, values, calls)
    roots = {folder: _root(project, maker, folder) for folder in _folders(project)}
    inside = _modules(root for root, _ in roots.values() if root is not None)
    alone = {
        module.name: maker.node(Spec(_whole(file, module), module.name), frozenset())
        for file, module in _processes(project)
        if module.name not in inside
    }
    drawn = [root for root, _ in roots.values() if root is not None]
    names = {node.name for root in (*drawn, *alone.values()) for node in root.walk()}
    loose = {folder: _unplaced(project, maker, calls, folder, names) for folder in roots}
    inside |= _modules(node for nodes in loose.values() for node in nodes)
    outside = _outside({name: node for name, node in alone.items() if name not in inside}, calls)
    apps = [
        App(
            folder,
            root,
            note,
            loose[folder],
            tuple(one for one in outside if project.app_of(one.node.at[0].file) == folder),
        )
        for folder, (root, note) in roots.items()
    ]
    umbrella = len(apps) > 1
    shown = [app for app in apps if app.folder or not umbrella or app.root or app.outside]
    return Tree(tuple(shown), project.unparsed)


def _folders(project: Project) -> list[str]:
    """Return the folders with a mix.exs, the root's first."""
    files = (path for path in project.files if path.rpartition("/")[2] == "mix.exs")
    return sorted({"", *(path.removesuffix("mix.exs") for path in files)})


def _root(project: Project, maker: NodeMaker, folder: str) -> tuple[Node | None, str | None]:
    named = _named(project, folder)
    found = application(project, folder)
    if found is None:
        return None, _missing(project, folder, named)
    file, module = found
    note = None
    if named is None:
        note = (
            f"{folder}mix.exs names no `mod:` that can be read; {module.name} is the only module"
            " that uses Application"
        )
    start = file.function(module.name, "start/2")
    scope = Scope(file, module)
    path = frozenset({module.name})
    below: list[Node] = []
    if start is not None:
        below = [maker.listed(one, path) for one in listings(project, scope, start)]
    unsaid = (Unsaid("children", "start/2 starts no supervisor that can be read", module.name),)
    place = site(file, module.start)
    root = Node(
        module=module.name,
        kind="application",
        at=(place,),
        defined=place,
        children=tuple(below),
        unsaid=() if below else unsaid,
    )
    return root, note


def _named(project: Project, folder: str) -> str | None:
    """Return the module that `mod:` of a mix.exs names."""
    mix = project.files.get(f"{folder}mix.exs")
    for node in walk(mix.root()) if mix is not None else ():
        mod = keyword(node, "mod") if node.type == "keywords" else None
        if mod is not None and mix is not None:
            named = parts(mod)[0] if mod.type == "tuple" and parts(mod) else mod
            return mix.expand(code(named), named.start_byte)
    return None


def _missing(project: Project, folder: str, named: str | None) -> str:
    mix = f"{folder}mix.exs"
    lost = next((one for one in project.unparsed if one.file == mix), None)
    if lost is not None:
        return f"{mix} was not read: {lost.reason}"
    if named is None:
        return f"no application callback: {mix} has no `mod:`, so nothing is started with it"
    return f"{mix} names {named} as `mod:`, and no file that could be read defines it"


def _modules(roots: Iterable[Node]) -> set[str]:
    return {
        node.module for root in roots for node in root.walk() if node.module and not node.is_code
    }


def _whole(file: SourceFile, module: Module) -> Given:
    return Given(module_node(file, module), Scope(file, module))


def _processes(project: Project) -> Iterator[tuple[SourceFile, Module]]:
    """Yield the modules of production code that are processes."""
    for path in sorted(project.files):
        file = project.files[path]
        for module in file.modules if file.kind == "lib" else ():
            named = module.name.rpartition(".")[2][:1].isupper()
            if module.quoted or not named or file.is_tool(module.name):
                continue
            if project.behaviours(module) & KINDS.keys() or _supervises(project, file, module):
                yield file, module


def _supervises(project: Project, file: SourceFile, module: Module) -> bool:
    """Whether a module without behaviours starts a supervisor as if it were one."""
    starts_something = any(f.name == "start_link" for f in file.functions_of(module.name))
    return starts_something and kind_of(project, file, module) in SUPERVISORS


def _unplaced(
    project: Project, maker: NodeMaker, calls: Starts, folder: str, names: set[str | None]
) -> tuple[Node, ...]:
    """Return what the code of an application starts under supervisors that nobody is called."""
    nodes = (
        replace(node, under=call.written)
        for call in calls.children
        if project.app_of(call.given.scope.file.path) == folder
        and (call.supervisor is None or call.supervisor not in names)
        for node in maker.started(call, frozenset())
    )
    return grouped(nodes)


def _outside(nodes: Mapping[str, Node], calls: Starts) -> list[Outside]:
    """Return the processes that no supervisor starts; a supervisor stands for those below it."""
    below = {name: _modules([node]) & nodes.keys() - {name} for name, node in nodes.items()}
    held = {name for names in below.values() for name in names}
    found: list[Outside] = []
    shown: set[str] = set()
    # Supervisors that hold each other have none above them all; the first one stands for them.
    for name in sorted(nodes, key=lambda one: (one in held, nodes[one].at)):
        if name not in shown:
            shown |= {name, *below[name]}
            hand = calls.by_hand.get(name, [])
            found.append(Outside(nodes[name], tuple(sorted(set(hand)))))
    return sorted(found, key=lambda one: one.node.at)
