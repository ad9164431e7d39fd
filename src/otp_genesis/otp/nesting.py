"""Which module stands around a place, and which has a name, without a look at all of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otp_genesis.otp.facts import Module


class Nesting:
    """The modules of one file, in file order, which is outer ones first."""

    def __init__(self, modules: Iterable[Module] = ()):
        self._modules: list[Module] = []
        self._starts: list[int] = []
        self._reach: list[int] = []
        """How far a module and those before it go at most."""
        self._named: dict[str, Module] = {}
        for module in modules:
            self.add(module)

    def add(self, module: Module) -> None:
        """Add a module that starts behind all others."""
        self._modules.append(module)
        self._starts.append(module.start)
        self._reach.append(max(module.end, self._reach[-1] if self._reach else 0))
        self._named.setdefault(module.name, module)

    def at(self, offset: int) -> Module | None:
        """Return the innermost module around `offset`."""
        at = bisect_right(self._starts, offset) - 1
        while at >= 0 and offset < self._reach[at]:
            if offset < self._modules[at].end:
                return self._modules[at]
            at -= 1
        return None

    def named(self, name: str) -> Module | None:
        """Return the first module of that name."""
        return self._named.get(name)
