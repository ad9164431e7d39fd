"""Modules that a person runs: a program's command line, and the commands of a release."""

from __future__ import annotations

import re

from otp_genesis.otp.facts import Call, SourceFile

NAMES = re.compile(r"(^|\.)(\w*(CLI|Cli|Escript)|Release(Tasks?|s)?|\w+Release)(\.|$)")


def runs_by_hand(file: SourceFile, call: Call) -> bool:
    """Whether a call stands in no module, or in one that is a command line."""
    if call.module is None or NAMES.search(call.module):
        return True
    return file.function(call.module, "main/1") is not None
