"""Which processes the code of a project can start, as far as the text of its files names them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project

PROCESSES = frozenset(
    {"GenServer", ":gen_server", "GenStage", "GenStateMachine", ":gen_statem", "Agent"}
    | {"Supervisor", "DynamicSupervisor"}
)
LISTING = frozenset(
    {"Supervisor.init/2", "Supervisor.start_link/2", "DynamicSupervisor.start_child/2"}
)
MOD = re.compile(rb"\bmod:")
STARTING = re.compile(rb"(start|child_spec|new|init|ensure|run|spawn|open|create|launch|__)")
"""How functions begin that may start the process that they belong to."""
ASKING = re.compile(
    rb"(GenServer\.(call|cast|whereis|stop|multi_call|abcast)|Process\.\w+|:sys\.\w+|\bsend)"
    rb"[ (]\s*[\w.]*$"
)
"""What a process is only talked to by."""
OWN = re.compile(
    rb"start_child|(?<!def )(?<![.\w])(start_link|child_spec)\(|child_spec: |defmacro"
    rb"|__MODULE__\.(start|child_spec)"
)
"""What the text of a module has that starts its own process, or lets others define it."""


DECLARING = (b"alias ", b"require ", b"import ", b"defmodule ", b"@spec", b"@type")
COMMENT = re.compile(rb"[^\"']*(^|[\s\[({,])#(?!\{)")


@dataclass(frozen=True)
class Unstarted:
    """A process module that nothing starts, and the offsets by file where it is spoken of."""

    module: Module
    published: bool
    """Whether it belongs to a package, so that others may start it."""
    mentions: tuple[tuple[SourceFile, int], ...]


@once
def unstarted(project: Project) -> dict[str, list[Unstarted]]:
    """Return the process modules of applications that nothing starts, by file; computed once."""
    files = [file for file in project.files.values() if file.kind in ("lib", "config", "mix")]
    # Most children stand in a list of a supervisor's: those few files are searched first.
    files.sort(key=lambda file: file.kind != "lib" or LISTING.isdisjoint(file.calls))
    found: dict[str, list[Unstarted]] = {}
    for file in files:
        for module in file.modules if file.kind == "lib" else ():
            mix = _mix(project, file, module)
            mentions = _only_spoken_of(files, file, module) if MOD.search(mix) else None
            if mentions is not None and OWN.search(file.text, module.start, module.end) is None:
                one = Unstarted(module, b"package:" in mix, tuple(mentions))
                found.setdefault(file.path, []).append(one)
    return found


def _mix(project: Project, file: SourceFile, module: Module) -> bytes:
    """Return the text of the mix.exs that a process module belongs to, empty for other modules."""
    if module.quoted or not (module.uses or module.behaviours) or file.is_tool(module.name):
        return b""
    if project.behaviours(module).isdisjoint(PROCESSES):
        return b""
    mix = project.files.get(f"{project.app_of(file.path)}mix.exs")
    return mix.text if mix is not None else b""


def _only_spoken_of(
    files: list[SourceFile], own: SourceFile, module: Module
) -> list[tuple[SourceFile, int]] | None:
    """Return where a module is mentioned, `None` where one of the places may start it."""
    short = module.name.rpartition(".")[2].encode()
    spoken: list[tuple[SourceFile, int]] = []
    for file in files:
        for place in _mentions(file, short):
            if file is own and module.start <= place < module.end:
                continue
            manner = _manner(file.text, place, place + len(short))
            if manner == "may start":
                return None
            if manner == "spoken of":
                spoken.append((file, place))
    return spoken


def _mentions(file: SourceFile, short: bytes) -> Iterator[int]:
    """Yield where a module's last name stands as a whole word."""
    text, size = file.text, len(short)
    place = text.find(short)
    while place >= 0:
        before, behind = text[place - 1 : place], text[place + size : place + size + 1]
        if not (before.isalnum() or before == b"_" or behind.isalnum() or behind == b"_"):
            yield place
        place = text.find(short, place + size)


def _manner(text: bytes, start: int, end: int) -> str:
    """Return what a mention may do: `may start`, `spoken of` (a call, a message), or nothing."""
    line = text[text.rfind(b"\n", 0, start) + 1 : start].lstrip()
    if COMMENT.match(line):
        return ""
    if line.startswith(DECLARING):
        # Under another name it may stand in any list.
        rest = text[end : text.find(b"\n", end)]
        return "may start" if b" as:" in rest else ""
    behind = text[end : end + 40]
    if behind.startswith(b"."):
        called = behind[1:2]
        if called.isupper() or not called.isalpha():
            return ""
        return "may start" if STARTING.match(behind, 1) else "spoken of"
    if behind.startswith(b"{") and b"%" in line[-80:]:
        return ""
    return "spoken of" if ASKING.search(text[max(0, start - 80) : start]) else "may start"
