"""Which calls a server runs itself, between one message and the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tree_sitter import Node

from otp_genesis.otp.callbacks import (
    CALLBACKS,
    SERVERS,
    local_calls,
    reachable,
    runs_elsewhere,
    servers,
)
from otp_genesis.otp.facts import Call, Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Evidence
from otp_genesis.otp.syntax import at, child, target


def calls_in_callbacks(
    project: Project, file: SourceFile, calls: Sequence[Call]
) -> list[tuple[Call, str]]:
    """Return those of `calls` that hold up a server, each with the callback that reaches it."""
    found = []
    for module in servers(project, file) if calls else ():
        mine = [call for call in calls if call.module == module.name]
        reached = reachable(file, module) if mine else {}
        root = file.root()
        for call in mine:
            callback = reached.get(call.function or "")
            if callback and not runs_elsewhere(file, at(root, (call.start, call.end))):
                found.append((call, callback))
    return found


def server_modules(project: Project, file: SourceFile, *labels: str) -> list[Module]:
    """Return the servers that define one of these functions, which is looked for first."""
    return [
        module
        for module in servers(project, file)
        if any(function.label in labels for function in file.functions_of(module.name))
    ]


def reached_from(file: SourceFile, call: Call, callback: str) -> Iterable[Evidence]:
    """Return the evidence that `callback` reaches a call."""
    function = file.function(call.module, callback)
    start = function.clauses[0].start if function is not None else call.start
    line = file.lines.position(start)[0]
    return [Evidence(file=file.path, line=line, note=f"{callback} reaches this")]


def served_functions(project: Project, file: SourceFile) -> set[tuple[str, str]]:
    """Return the functions that a server runs itself, one message after the other."""
    found: set[tuple[str, str]] = set()
    for module in servers(project, file):
        private = {f.label for f in file.functions_of(module.name) if f.kind == "defp"}
        reached = reachable(file, module)
        found |= {(module.name, label) for label in reached if label in private | CALLBACKS}
    return found


def below(calls: Mapping[str, frozenset[str]], label: str) -> set[str]:
    """Return what a function calls, and what that calls."""
    found: set[str] = set()
    waiting = [label]
    while waiting:
        new = calls.get(waiting.pop(), frozenset()) - found
        found |= new
        waiting += new
    return found


def calls_below(
    project: Project,
    file: SourceFile,
    calls: Sequence[Call],
    *roots: str,
    behaviours: frozenset[str] = SERVERS,
) -> list[tuple[Call, str]]:
    """Return those of `calls` that one of the functions `roots` of a server reaches, with it."""
    found = []
    for module in servers(project, file, behaviours) if calls else ():
        mine = [call for call in calls if call.module == module.name]
        local = local_calls(file, module) if mine else {}
        reached = {label: {label} | below(local, label) for label in roots if label in local}
        for call in mine:
            label = next((r for r, labels in reached.items() if call.function in labels), None)
            if label and not runs_elsewhere(file, at(file.root(), (call.start, call.end))):
                found.append((call, label))
    return found


def is_caught(node: Node) -> bool:
    """Whether a `try`, or the function around, catches what `node` raises or exits with."""
    outer = node.parent
    while outer is not None:
        block = child(outer, "do_block") if target(outer) in ("try", "def", "defp") else None
        if child(block, "catch_block") or child(block, "rescue_block"):
            return True
        outer = outer.parent
    return False
