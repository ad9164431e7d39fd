"""What a registry keeps under a name, and what it tells of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Generic, Literal, Protocol, TypeVar

from otp_genesis.errors import GenesisError, PluginError


class Named(Protocol):
    """Whatever can be registered."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...


T = TypeVar("T", bound=Named)

Via = Literal["name", "plugin", "alias", "resolver"]


class Lazy(Generic[T]):
    """An entry that is made when it is first asked for; its name is known before.

    `load` returns the entry, or a module that has it: it is run once, by one thread.
    """

    __slots__ = ("_entry", "_load", "_lock", "name", "origin")

    def __init__(self, name: str, load: Callable[[], T], *, origin: str = "built-in"):
        self.name, self.origin = name, origin
        self._load = load
        self._lock = RLock()
        self._entry: T | None = None

    def get(self) -> T:
        """Return the entry; raise `PluginError` where it cannot be made."""
        if self._entry is not None:
            return self._entry
        with self._lock:
            if self._entry is None:
                try:
                    self._entry = self._load()
                except GenesisError:
                    raise
                # It runs the code of whoever promised the entry, up to `sys.exit()`.
                except (Exception, SystemExit) as error:
                    message = f"{self.name!r} cannot be loaded: {type(error).__name__}: {error}"
                    raise PluginError(self.origin, message) from error
        return self._entry


@dataclass(frozen=True)
class Alias:
    """Another name of an entry, kept for documents that know it by that one."""

    of: str
    since: str = ""
    """The version from which on the other name is the one to use."""


@dataclass(frozen=True)
class Deprecation:
    """What is said to those who still ask for a name."""

    use: str | None = None
    """The name to ask for instead."""
    since: str = ""
    reason: str = ""

    def told(self, kind: str, name: str) -> str:
        """Return it as a sentence."""
        since = f" since {self.since}" if self.since else ""
        instead = f"; use {self.use!r}" if self.use else ""
        reason = f" ({self.reason})" if self.reason else ""
        return f"{kind} {name!r} is deprecated{since}{instead}{reason}"


@dataclass(frozen=True)
class Resolution(Generic[T]):
    """What a name led to, and how. `name` is the entry's own."""

    entry: T
    via: Via = "name"
    deprecation: Deprecation | None = None


@dataclass(frozen=True)
class RegistryStats:
    """How a registry is: entries, writes so far, lookups so far, and how many found nothing."""

    kind: str
    size: int
    generation: int
    lookups: int
    failures: int
