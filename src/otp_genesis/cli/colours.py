"""Whether what is printed may have colours."""

from __future__ import annotations

import os
import sys


def coloured() -> bool:
    """Whether standard output gets colours: on a terminal, unless the user wants it otherwise.

    `NO_COLOR` (https://no-color.org) with any value but an empty one takes them away, and
    `FORCE_COLOR` alike brings them; where both are set there are none.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
