"""What a registered thing may be called, and where its code stands."""

from __future__ import annotations

import inspect
import re
from typing import Any

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,99}")


def place_of(code: Any) -> str:
    """Return ` (file:line)` of a function or class, or nothing where that is not known."""
    code = inspect.unwrap(code) if callable(code) else code
    made = getattr(code, "__func__", code)
    if (compiled := getattr(made, "__code__", None)) is not None:
        return f" ({compiled.co_filename}:{compiled.co_firstlineno})"
    try:
        return f" ({inspect.getfile(made)}:{inspect.getsourcelines(made)[1]})"
    except (TypeError, OSError):
        return ""
