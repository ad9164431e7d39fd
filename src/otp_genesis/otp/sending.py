"""Calls that send a message, and to whom."""

from __future__ import annotations

import re

from otp_genesis.otp.facts import Call, SourceFile

SENDS = (
    "Kernel.send/2",
    "Process.send/2",
    "Process.send/3",
    ":erlang.send/2",
    ":erlang.send/3",
    ":erlang.send_nosuspend/2",
)
NAME = re.compile(r'__MODULE__|:\w+[?!]?|:"[^"#]+"|[A-Z]\w*(\.[A-Z]\w*)*')


def is_to_name(file: SourceFile, call: Call) -> bool:
    """Whether the receiver is a registered name: an atom or a module's name."""
    name = file.slice(call.arguments[0]) if call.arguments else ""
    return NAME.fullmatch(name) is not None
