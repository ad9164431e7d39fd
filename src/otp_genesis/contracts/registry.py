"""One registry for every kind of named thing: step types, providers, rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from types import MappingProxyType
from typing import Generic, Literal, Protocol, TypeVar

from otp_genesis.errors import DuplicateName, UnknownName


class Named(Protocol):
    """Whatever can be registered."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...


T = TypeVar("T", bound=Named)

Change = Literal["registered", "replaced", "unregistered"]
Subscriber = Callable[[Change, str], None]


class Registry(Generic[T]):
    """Names to entries; readers never wait.

    A write swaps in a new mapping, so a run that took `snapshot()` keeps the entries it was
    checked against however many are registered meanwhile.
    """

    def __init__(self, kind: str, entries: Iterable[T] = ()):
        self.kind = kind
        self._lock = Lock()
        self._entries: Mapping[str, T] = MappingProxyType({})
        self._subscribers: tuple[Subscriber, ...] = ()
        for entry in entries:
            self.add(entry)

    def add(self, entry: T, *, replace: bool = False) -> None:
        """Add `entry` under its own name; raise `DuplicateName` unless it may replace."""
        with self._lock:
            known = entry.name in self._entries
            if known and not replace:
                raise DuplicateName(self.kind, entry.name)
            self._entries = MappingProxyType({**self._entries, entry.name: entry})
        self._tell("replaced" if known else "registered", entry.name)

    def unregister(self, name: str) -> None:
        """Remove the entry; runs that are going keep it. Raises `UnknownName`."""
        with self._lock:
            if name not in self._entries:
                raise UnknownName(self.kind, name, self._entries)
            rest = {key: entry for key, entry in self._entries.items() if key != name}
            self._entries = MappingProxyType(rest)
        self._tell("unregistered", name)

    def get(self, name: str) -> T:
        """Return the entry; raise `UnknownName`, which names the nearest."""
        entries = self._entries
        try:
            return entries[name]
        except KeyError:
            raise UnknownName(self.kind, name, entries) from None

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        return tuple(sorted(self._entries))

    def snapshot(self) -> Mapping[str, T]:
        """Return the entries as they are now; later writes do not show."""
        return self._entries

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback(change, name)` after each write; return what ends the subscription."""
        with self._lock:
            self._subscribers = (*self._subscribers, callback)

        def unsubscribe() -> None:
            with self._lock:
                rest = tuple(one for one in self._subscribers if one is not callback)
                self._subscribers = rest

        return unsubscribe

    def _tell(self, change: Change, name: str) -> None:
        for subscriber in self._subscribers:
            subscriber(change, name)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)
