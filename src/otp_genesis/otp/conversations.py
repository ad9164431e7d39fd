"""Who talks to whom: the servers of a project, what they take, and what is sent to them.

What the code computes is said to be unknown, and nothing is concluded from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from otp_genesis.otp.callbacks import SERVERS
from otp_genesis.otp.facts import Call, Clause, Function, Module, SourceFile
from otp_genesis.otp.messages import Shape, may_match, pattern, term
from otp_genesis.otp.modules import by_name
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.sending import SENDS

Manner = Literal["call", "cast", "info"]

HANDLERS: Mapping[str, Manner] = {
    "handle_call/3": "call",
    "handle_cast/2": "cast",
    "handle_info/2": "info",
}
CALLS = ("GenServer.call/2", "GenServer.call/3", ":gen_server.call/2", ":gen_server.call/3")
CASTS = ("GenServer.cast/2", ":gen_server.cast/2")
TIMERS = ("Process.send_after/3", "Process.send_after/4")
INTERVALS = (":timer.send_interval/2", ":timer.send_after/2")
TIMED_SENDS = (":timer.send_interval/3", ":timer.send_after/3")
STARTS = ("GenServer.start_link/3", "GenServer.start/3", "GenStage.start_link/3")
SENDING: Mapping[str, tuple[Manner, int, int]] = {
    **{label: ("call", 0, 1) for label in CALLS},
    **{label: ("cast", 0, 1) for label in CASTS},
    **{label: ("info", 0, 1) for label in (*SENDS, *TIMERS)},
    **{label: ("info", -1, 1) for label in INTERVALS},
    **{label: ("info", 1, 2) for label in TIMED_SENDS},
}
"""By call: its manner, which argument is the receiver (-1: the caller itself), which the message.
"""
WATCHED = tuple(SENDING)
"""The calls that files have to be read for."""
PLAIN = SERVERS | {"Logger", "Supervisor", "DynamicSupervisor", "Agent", "Application", "Bitwise"}
"""What a server may use without getting further clauses by it."""
NAME = re.compile(r"\bname:\s*(__MODULE__|:\w+|@\w+|[A-Z][\w.]*)\s*(?=[,\]})]|$)")
VARIABLE = re.compile(r"[a-z]\w*")
DEFAULT = re.compile(r"(\w+)\s*\\\\\s*(__MODULE__|:\w+|@\w+|[A-Z][\w.]*)")


@dataclass(frozen=True, slots=True)
class Handler:
    """One clause of a callback and the messages it takes."""

    takes: Shape
    guarded: bool
    clause: Clause


@dataclass(frozen=True)
class Server:
    """A module whose processes wait for messages."""

    file: SourceFile
    module: Module
    handlers: Mapping[Manner, tuple[Handler, ...]]
    names: frozenset[str]
    """What its processes are registered as where it starts them, as far as that is written out."""
    closed: bool
    """Whether all clauses stand in the module: nothing it uses may bring more."""

    def handler(self, manner: Manner, message: Shape) -> Handler | None:
        """Return the first clause that may take a message."""
        return next((h for h in self.handlers[manner] if may_match(h.takes, message)), None)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that code sends; `to` is the server's module where the code names it."""

    manner: Manner
    file: SourceFile
    call: Call
    receiver: str
    """The module or atom that the receiver is named by, empty where the code computes it."""
    to: str | None
    message: Shape
    itself: bool
    """Whether the receiver is the process that sends."""


@dataclass(frozen=True)
class Conversations:
    """The servers of a project's production code and the messages that it sends."""

    servers: Mapping[str, Server]
    sent: tuple[Sent, ...]

    @cached_property
    def by_file(self) -> Mapping[str, tuple[Sent, ...]]:
        """The messages by the path of the file that sends them."""
        found: dict[str, list[Sent]] = {}
        for one in self.sent:
            found.setdefault(one.file.path, []).append(one)
        return {path: tuple(each) for path, each in found.items()}

    @cached_property
    def to(self) -> Mapping[str, tuple[Sent, ...]]:
        """The messages by the module of the server that they are for."""
        found: dict[str, list[Sent]] = {}
        for one in self.sent:
            if one.to is not None:
                found.setdefault(one.to, []).append(one)
        return {name: tuple(each) for name, each in found.items()}


@once
def conversations(project: Project) -> Conversations:
    """Return what is said in a project; computed once."""
    files = [file for file in project.files.values() if file.kind == "lib"]
    each = [spoken(project, file) for file in files]
    servers = {name: server for one in each for name, server in one.servers.items()}
    named = {name: one.module.name for one in servers.values() for name in one.names}
    sent = (_resolved(message, servers, named) for one in each for message in one.sent)
    return Conversations(servers, tuple(sent))


def spoken(project: Project, file: SourceFile) -> Conversations:
    """Return what is said in one production file, as far as the file alone tells it."""
    kept = _kept(project)
    if file.path not in kept:
        servers = {one.module.name: one for one in _servers(project, file)}
        named = {name: one.module.name for one in servers.values() for name in one.names}
        sent = (_resolved(one, servers, named) for one in _sent(file, servers))
        kept[file.path] = Conversations(servers, tuple(sent))
    return kept[file.path]


@once
def _kept(project: Project) -> dict[str, Conversations]:
    return {}


def _resolved(sent: Sent, servers: Mapping[str, Server], named: Mapping[str, str]) -> Sent:
    """Return a message with the server that its receiver's name stands for."""
    name = sent.receiver
    to = name if name in servers else named.get(name)
    return sent if to is None or to == sent.to else replace(sent, to=to)


def told(found: Conversations) -> dict[str, Any]:
    """Return the conversations as values that JSON knows; what the code does not say is null."""
    return {
        "servers": [
            {
                "module": one.module.name,
                "file": one.file.path,
                "names": sorted(one.names),
                "closed": one.closed,
                "takes": {
                    manner: [str(handler.takes) for handler in handlers]
                    for manner, handlers in one.handlers.items()
                },
            }
            for one in found.servers.values()
        ],
        "sent": [
            {
                "manner": one.manner,
                "file": one.file.path,
                "line": one.file.lines.position(one.call.start)[0],
                "from": one.call.module,
                "function": one.call.function,
                "to": one.to,
                "message": None if one.message.kind == "unknown" else str(one.message),
            }
            for one in found.sent
        ],
    }


@once
def production_modules(project: Project) -> Mapping[str, tuple[SourceFile, Module]]:
    """Return the modules of `lib` by name: tests, which are many, need not be read for them."""
    return by_name(file for file in project.files.values() if file.kind == "lib")


def named_module(file: SourceFile, text: str, offset: int) -> str:
    """Return the module or atom that a name stands for: written out, or kept in an attribute."""
    module = file.module_at(offset)
    if text.startswith("@") and module is not None:
        values = [one.value for one in module.attributes if one.name == text[1:]]
        text = values[-1].strip() if values else ""
    if text == "__MODULE__" or text[:1].isupper():
        return file.expand(text, offset) if re.fullmatch(r"[\w.]+", text) else ""
    return text if re.fullmatch(r":\w+", text) else ""


def _servers(project: Project, file: SourceFile) -> Iterator[Server]:
    for module in file.modules:
        if module.quoted or not (module.uses or module.behaviours):
            continue
        behaviours = project.behaviours(module)
        if not behaviours.isdisjoint(SERVERS) and not file.is_tool(module.name):
            yield Server(
                file,
                module,
                _handlers(file, file.functions_of(module.name)),
                _names(file, module),
                _is_closed(project, file, module, behaviours),
            )


def _handlers(
    file: SourceFile, functions: Iterable[Function]
) -> Mapping[Manner, tuple[Handler, ...]]:
    found: dict[Manner, tuple[Handler, ...]] = {"call": (), "cast": (), "info": ()}
    for function in functions:
        manner = HANDLERS.get(function.label)
        if manner is not None:
            found[manner] = tuple(
                Handler(pattern(file.slice(clause.parameters[0])), clause.guarded, clause)
                for clause in function.clauses
            )
    return found


def _names(file: SourceFile, module: Module) -> frozenset[str]:
    found: set[str] = set()
    for call in file.calls_to(*STARTS):
        if call.module == module.name and len(call.arguments) == 3:
            match = NAME.search(file.slice(call.arguments[2]))
            found.add(named_module(file, match[1], call.start) if match else "")
    return frozenset(found - {""})


def _is_closed(
    project: Project, file: SourceFile, module: Module, behaviours: frozenset[str]
) -> bool:
    """Whether nothing that the module uses can bring a callback."""
    if any(one.name == "before_compile" for one in module.attributes):
        return False
    for name in behaviours - PLAIN:
        known = production_modules(project).get(name)
        if known is None and name in module.behaviours:
            continue
        if known is None or b"before_compile" in known[0].text:
            return False
        if any(f.quoted and f.name.startswith("handle_") for f in known[0].functions):
            return False
    # A definition in a loop or a macro takes what its text does not tell.
    return b"unquote" not in file.text[module.start : module.end]


def _sent(file: SourceFile, servers: Mapping[str, Server]) -> Iterator[Sent]:
    for call in file.production_calls(*SENDING):
        manner, receiver, message = SENDING[call.target]
        if len(call.arguments) <= max(receiver, message - (receiver < 0)):
            continue
        written = file.slice(call.arguments[receiver]) if receiver >= 0 else "self()"
        itself = written in ("self()", "self")
        if not itself and call.module in servers and VARIABLE.fullmatch(written):
            written = _default(file, call, written)
        name = (call.module or "") if itself else named_module(file, written, call.start)
        yield Sent(
            manner, file, call, name, None, term(file.slice(call.arguments[message])), itself
        )


def _default(file: SourceFile, call: Call, variable: str) -> str:
    """Return what a parameter stands for where the caller leaves it out."""
    function = file.function(call.module, call.function)
    for clause in function.clauses if function is not None else ():
        for parameter in clause.parameters:
            match = DEFAULT.fullmatch(file.slice(parameter))
            if match and match[1] == variable:
                return match[2]
    return variable
