"""Where production code sleeps: inside a server's callbacks, or elsewhere."""

from __future__ import annotations

from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.served import calls_in_callbacks

SLEEPS = ("Process.sleep/1", ":timer.sleep/1")


def sleeps_in_callbacks(project: Project, file: SourceFile) -> list[tuple[Call, str]]:
    """Return the sleeps that hold up a server, each with the callback that reaches it."""
    return calls_in_callbacks(project, file, file.production_calls(*SLEEPS))


def other_sleeps(project: Project, file: SourceFile) -> list[Call]:
    """Return the sleeps of a known length that hold up no server."""
    held = {call.start for call, _ in sleeps_in_callbacks(project, file)}
    return [
        call
        for call in file.production_calls(*SLEEPS)
        if call.start not in held and call.arguments
        if file.slice(call.arguments[0]) != ":infinity"
    ]
