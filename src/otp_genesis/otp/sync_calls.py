"""Which server waits for which: calls that a callback makes, by itself or by a client function."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node, Query, QueryCursor

from otp_genesis.otp.callbacks import module_node, reachable
from otp_genesis.otp.conversations import Conversations, Sent, Server, conversations
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.messages import Shape
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.running import runs_here
from otp_genesis.otp.syntax import LANGUAGE, Span, arguments, at, code, span, target

WORD = re.compile(rb"[A-Z]\w*")
RENAMED = b" as: "
REMOTE = Query(LANGUAGE, "(call target: (dot left: (alias) right: (identifier))) @call")


@dataclass(frozen=True)
class Asked:
    """A place where a server waits for the answer of another one."""

    by: Server
    to: Server
    where: Span
    function: str
    callback: str
    """The callback that reaches it."""
    message: Shape


def clients(known: Conversations, name: str) -> Mapping[str, Sent]:
    """Return the functions of a server's module that call the server itself, with the message."""
    return {
        sent.call.function: sent
        for sent in known.to.get(name, ())
        if sent.manner == "call"
        and not sent.itself
        and sent.call.module == name
        and sent.call.function
    }


@once
def mentioned(project: Project) -> Mapping[str, frozenset[str]]:
    """Return the servers that each server's text may call, as far as names and functions tell."""
    known = conversations(project)
    called = {
        name: _asking(known, name)
        for name in known.servers
        if any(sent.manner == "call" for sent in known.to.get(name, ()))
    }
    found: dict[str, frozenset[str]] = {}
    for name, server in known.servers.items():
        text = server.file.text[server.module.start : server.module.end]
        words = set(WORD.findall(text))
        direct = {sent.to for sent in known.by_file.get(server.file.path, ())}
        found[name] = frozenset(
            other
            for other, asking in called.items()
            if other != name
            and other.rpartition(".")[2].encode() in words
            and (other in direct or RENAMED in text or any(one in text for one in asking))
        )
    return found


def _asking(known: Conversations, name: str) -> list[bytes]:
    """Return how calls of a server's client functions begin."""
    short = name.rpartition(".")[2]
    names = {label.partition("/")[0] for label in clients(known, name)}
    return [f"{short}.{function}".encode() for function in sorted(names)]


def asked(project: Project, name: str) -> tuple[Asked, ...]:
    """Return where the callbacks of a server wait for other servers of the project."""
    kept: dict[str, tuple[Asked, ...]] = _kept(project)
    if name not in kept:
        others = mentioned(project).get(name)
        kept[name] = tuple(_asked(conversations(project), name)) if others else ()
    return kept[name]


@once
def _kept(project: Project) -> dict[str, tuple[Asked, ...]]:
    return {}


def _asked(known: Conversations, name: str) -> Iterator[Asked]:
    server = known.servers[name]
    file = server.file
    reached = reachable(file, server.module)
    for where, function, to, message in sorted(_places(known, server), key=lambda one: one[0]):
        callback = reached.get(function)
        node = at(file.root(), where)
        if callback is not None and runs_here(file, node):
            yield Asked(server, known.servers[to], where, function, callback, message)


def _places(known: Conversations, server: Server) -> Iterator[tuple[Span, str, str, Shape]]:
    """Yield each call of another server, wherever it stands in the module."""
    name, file = server.module.name, server.file
    for sent in known.by_file.get(file.path, ()):
        call = sent.call
        other = sent.to if sent.to != name else None
        if call.module == name and sent.manner == "call" and other and call.function:
            yield (call.start, call.end), call.function, other, sent.message
    functions = {
        (other, label.partition("/")[0]): (label, sent)
        for other in known.servers
        if other != name
        for label, sent in clients(known, other).items()
    }
    for node in QueryCursor(REMOTE).captures(module_node(file, server.module)).get("call", ()):
        module, _, called = target(node).rpartition(".")
        found = functions.get((file.expand(module, node.start_byte), called))
        place = _function(file, name, node) if found is not None else None
        if found is not None and place is not None and _fits(known, found, node):
            yield span(node), place, found[1].to or "", found[1].message


def _fits(known: Conversations, found: tuple[str, Sent], node: Node) -> bool:
    """Whether a call has as many arguments as the client function takes."""
    label, sent = found
    function = sent.file.function(sent.call.module, label)
    pipe = node.parent
    piped = (
        pipe is not None
        and code(pipe.child_by_field_name("operator")) == "|>"
        and pipe.child_by_field_name("right") == node
    )
    return function is not None and len(arguments(node)) + piped in function.arities


def _function(file: SourceFile, module: str, node: Node) -> str | None:
    for function in file.functions_of(module):
        if any(clause.start <= node.start_byte < clause.end for clause in function.clauses):
            return function.label
    return None
