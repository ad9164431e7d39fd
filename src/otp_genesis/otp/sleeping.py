"""Where production code sleeps: inside a server's callbacks, or elsewhere."""

from __future__ import annotations

from otp_genesis.otp.callbacks import reachable, runs_elsewhere, servers
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import at

SLEEPS = ("Process.sleep/1", ":timer.sleep/1")


def sleeps_in_callbacks(project: Project, file: SourceFile) -> list[tuple[Call, str]]:
    """Return the sleeps that hold up a server, each with the callback that reaches it."""
    calls = file.production_calls(*SLEEPS)
    found = []
    for module in servers(project, file) if calls else ():
        reached = reachable(file, module)
        root = file.root()
        for call in calls:
            callback = reached.get(call.function or "") if call.module == module.name else None
            if callback and not runs_elsewhere(file, at(root, (call.start, call.end))):
                found.append((call, callback))
    return found


def other_sleeps(project: Project, file: SourceFile) -> list[Call]:
    """Return the sleeps of a known length that hold up no server."""
    held = {call.start for call, _ in sleeps_in_callbacks(project, file)}
    return [
        call
        for call in file.production_calls(*SLEEPS)
        if call.start not in held and file.slice(call.arguments[0]) != ":infinity"
        if call.arguments
    ]
