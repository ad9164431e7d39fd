"""Facts of a whole project that are computed when they are first asked for, and kept with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from otp_genesis.otp.project import Project

T = TypeVar("T")


def once(make: Callable[[Project], T]) -> Callable[[Project], T]:
    """Have a function of a project run once for each project; what it returns is shared."""
    name = f"{make.__module__}.{make.__qualname__}"

    @wraps(make)
    def kept(project: Project) -> T:
        known = project.__dict__
        if name not in known:
            known[name] = make(project)
        found: T = known[name]
        return found

    return kept
