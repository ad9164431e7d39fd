"""One registry for every kind of named thing: step types, providers, strategies, rules.

A read takes no lock and waits for nobody: a write swaps in a new mapping. What a name leads to is
looked for in this order: what is registered, what a plugin that is not loaded yet would bring, an
alias, the resolvers that were added. Whoever took a `snapshot()` keeps it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import RLock
from types import MappingProxyType
from typing import Any, Generic, Literal

from otp_genesis.contracts.entry import Alias, Deprecation, Lazy, RegistryStats, Resolution, T
from otp_genesis.errors import DuplicateName, GenesisError, InvalidEntry, UnknownName, UsageError

log = logging.getLogger(__name__)


Change = Literal["registered", "replaced", "unregistered", "aliased", "deprecated"]
Subscriber = Callable[[Change, str], None]
Resolver = Callable[[str], T | None]


class Registry(Generic[T]):
    """Names to entries; readers never wait."""

    def __init__(self, kind: str, entries: Iterable[T] = ()):
        self.kind = kind
        self.lookups = 0
        self.failures = 0
        self.generation = 0
        self._lock = RLock()
        self._entries: dict[str, T] = {}
        self._lazy: dict[str, Lazy[T]] = {}
        self._aliases: Mapping[str, Alias] = {}
        self._deprecated: Mapping[str, Deprecation] = {}
        self._resolvers: tuple[Resolver[T], ...] = ()
        self._subscribers: tuple[Subscriber, ...] = ()
        self._bring: Callable[[str | None], None] = _nothing
        for entry in entries:
            self.add(entry)

    # Writing

    def add(self, entry: T, *, replace: bool = False) -> None:
        """Add `entry` under its own name.

        Raises `DuplicateName` where the name is taken and `replace` is not said, and
        `InvalidEntry` for what this registry does not take.
        """
        self.admit(entry)
        self._put(entry.name, entry, replace=replace)

    def add_lazy(self, entry: Lazy[T], *, replace: bool = False) -> None:
        """Add an entry that is made when it is first asked for; raises `DuplicateName`."""
        self._put(entry.name, entry, replace=replace)

    def _put(self, name: str, entry: T | Lazy[T], *, replace: bool) -> None:
        with self._lock:
            known = name in self._entries or name in self._lazy
            if known and not replace:
                raise DuplicateName(self.kind, name, self.origin_of(name))
            entries, lazy = self._entries.copy(), self._lazy.copy()
            entries.pop(name, None)
            lazy.pop(name, None)
            # What is added is there before what it replaces goes: no reader finds neither.
            if isinstance(entry, Lazy):
                lazy[name] = entry
                self._lazy, self._entries = lazy, entries
            else:
                entries[name] = entry
                self._entries, self._lazy = entries, lazy
            self.generation += 1
        self._tell("replaced" if known else "registered", name)

    def unregister(self, name: str) -> None:
        """Remove the entry; runs that are going keep it. Raises `UnknownName`."""
        with self._lock:
            if name not in self._entries and name not in self._lazy:
                raise UnknownName(self.kind, name, self._known())
            entries, lazy = self._entries.copy(), self._lazy.copy()
            entries.pop(name, None)
            lazy.pop(name, None)
            self._entries, self._lazy = entries, lazy
            self.generation += 1
        self._tell("unregistered", name)

    def alias(self, name: str, of: str, *, since: str = "") -> None:
        """Let `name` lead to the entry `of`, which may be registered later.

        Raises `DuplicateName` where `name` is registered or leads elsewhere, and `InvalidEntry`
        where the aliases would lead in a circle.
        """
        with self._lock:
            taken = self._aliases.get(name)
            if name in self._entries or name in self._lazy or (taken and taken.of != of):
                raise DuplicateName(self.kind, name, self.origin_of(name))
            target: str | None = of
            while target is not None and target != name:
                further = self._aliases.get(target)
                target = further.of if further else None
            if target == name:
                raise InvalidEntry(f"alias {name!r} of {self.kind} {of!r} leads in a circle")
            self._aliases = {**self._aliases, name: Alias(of, since)}
            self.generation += 1
        self._tell("aliased", name)

    def deprecate(
        self, name: str, *, use: str | None = None, since: str = "", reason: str = ""
    ) -> None:
        """Have everybody who asks for `name` told what to use; it goes on to work."""
        with self._lock:
            self._deprecated = {**self._deprecated, name: Deprecation(use, since, reason)}
            self.generation += 1
        self._tell("deprecated", name)

    def unalias(self, name: str) -> None:
        """Take an alias away; raises `UnknownName` where there is none."""
        with self._lock:
            if name not in self._aliases:
                raise UnknownName(f"alias of a {self.kind}", name, self._aliases)
            self._aliases = {key: one for key, one in self._aliases.items() if key != name}
            self.generation += 1
        self._tell("unregistered", name)

    def undeprecate(self, name: str) -> None:
        """Take back what `deprecate` said of a name, if anything."""
        with self._lock:
            self._deprecated = {key: d for key, d in self._deprecated.items() if key != name}
            self.generation += 1

    def add_resolver(self, resolver: Resolver[T]) -> Callable[[], None]:
        """Ask `resolver(name)` for what nobody knows, after all else; return what takes it out."""
        with self._lock:
            self._resolvers = (*self._resolvers, resolver)

        def remove() -> None:
            with self._lock:
                self._resolvers = tuple(one for one in self._resolvers if one is not resolver)

        return remove

    def bring_from(self, bring: Callable[[str | None], None]) -> None:
        """Call `bring(name)` for a name that is not registered, `bring(None)` to list everything.

        It registers what it finds: that is how plugins are loaded when they are needed.
        """
        self._bring = bring

    def admit(self, entry: T) -> None:
        """Raise `InvalidEntry` for what this registry does not take."""

    # Reading

    def get(self, name: str) -> T:
        """Return the entry; raise `UnknownName`, which names the nearest.

        It is not counted among the lookups: counting would take half as long again.
        """
        try:
            return self._entries[name]
        except KeyError:
            return self._resolve(name).entry

    def resolve(self, name: str) -> Resolution[T]:
        """Return the entry, how it was found, and whether it is deprecated.

        Raises `UnknownName`, or `PluginError` where a plugin that promised the entry fails.
        """
        self.lookups += 1
        return self._resolve(name)

    def _resolve(self, name: str) -> Resolution[T]:
        deprecation = self._deprecated.get(name)
        if (entry := self._registered(name)) is not None:
            return Resolution(entry, "name", deprecation)
        self._bring(name)
        if (entry := self._registered(name)) is not None:
            return Resolution(entry, "plugin", self._deprecated.get(name))
        if (alias := self._aliases.get(name)) is not None:
            found = self._resolve(alias.of)
            return Resolution(found.entry, "alias", deprecation or found.deprecation)
        for resolver in self._resolvers:
            if (entry := resolver(name)) is not None:
                self.admit(entry)
                return Resolution(entry, "resolver", deprecation)
        self.failures += 1
        raise UnknownName(self.kind, name, self._known())

    def _registered(self, name: str) -> T | None:
        entry = self._entries.get(name)
        if entry is not None:
            return entry
        lazy = self._lazy.get(name)
        if lazy is None:
            # Another thread may have made it between the two looks.
            return self._entries.get(name)
        try:
            made = lazy.get()
            self.admit(made)
        except GenesisError:
            self.failures += 1
            raise
        with self._lock:
            # Unless somebody replaced it meanwhile: what was asked for is given all the same.
            if self._lazy.get(name) is lazy:
                self._entries = {**self._entries, name: made}
                self._lazy = {key: one for key, one in self._lazy.items() if key != name}
        return made

    def _known(self) -> tuple[str, ...]:
        return (*self._entries, *self._lazy, *self._aliases)

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted, those of installed plugins too; no aliases."""
        self._bring(None)
        return tuple(sorted((*self._entries, *self._lazy)))

    def snapshot(self) -> Snapshot[T]:
        """Return what is registered now; later writes do not show."""
        with self._lock:
            return Snapshot(self, self._entries, self._lazy)

    def aliases(self) -> Mapping[str, Alias]:
        """Return the other names, each with what it leads to."""
        return MappingProxyType(dict(self._aliases))

    def deprecations(self) -> Mapping[str, Deprecation]:
        """Return the deprecated names."""
        return MappingProxyType(dict(self._deprecated))

    def stats(self) -> RegistryStats:
        """Return how the registry is.

        Lookups are those of `resolve`, which documents are checked by; they are counted without a
        lock: nearly, not exactly.
        """
        size = len(self._entries) + len(self._lazy)
        return RegistryStats(self.kind, size, self.generation, self.lookups, self.failures)

    def origin_of(self, name: str) -> str | None:
        """Return where the entry of that name comes from, as far as it says so; load nothing."""
        entry: Any = self._entries.get(name) or self._lazy.get(name)
        origin = getattr(getattr(entry, "metadata", entry), "origin", None)
        return origin if isinstance(origin, str) else None

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback(change, name)` after each write; return what ends the subscription.

        One that raises is logged and hinders nobody.
        """
        with self._lock:
            self._subscribers = (*self._subscribers, callback)

        def unsubscribe() -> None:
            with self._lock:
                rest = tuple(one for one in self._subscribers if one is not callback)
                self._subscribers = rest

        return unsubscribe

    def _tell(self, change: Change, name: str) -> None:
        log.debug("%s %r %s", self.kind, name, change)
        for subscriber in self._subscribers:
            try:
                subscriber(change, name)
            # The entry is in; a listener's flaw must not look like a failed registration.
            except Exception:
                log.exception("a subscriber to the %ss failed on %s %r", self.kind, change, name)

    def _try(self, name: str) -> T | None:
        try:
            return self._registered(name)
        except UsageError:
            # Not the entry is bad but what its user says of it.
            raise
        except GenesisError as error:
            log.warning("%s", error)
            return None

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._lazy

    def __iter__(self) -> Iterator[T]:
        for name in self.names():
            if (entry := self._try(name)) is not None:
                yield entry

    def __len__(self) -> int:
        return len(self._entries) + len(self._lazy)


class Snapshot(Mapping[str, T]):
    """What was registered at one moment. It copies nothing."""

    __slots__ = ("_entries", "_lazy", "_registry")

    def __init__(
        self, registry: Registry[T], entries: Mapping[str, T], lazy: Mapping[str, Lazy[T]]
    ):
        self._registry, self._entries, self._lazy = registry, entries, lazy

    def resolve(self, name: str) -> Resolution[T]:
        """Return what `name` leads to, as it was; what was not there is looked for as it is now.

        Raises as `Registry.resolve` does.
        """
        if name in self:
            deprecation = self._registry.deprecations().get(name)
            self._registry.lookups += 1
            return Resolution(self[name], "name", deprecation)
        return self._registry.resolve(name)

    def __getitem__(self, name: str) -> T:
        if (entry := self._entries.get(name)) is not None:
            return entry
        made = self._lazy[name].get()
        self._registry.admit(made)
        return made

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._lazy

    def __iter__(self) -> Iterator[str]:
        yield from self._entries
        yield from self._lazy

    def __len__(self) -> int:
        return len(self._entries) + len(self._lazy)


def _nothing(name: str | None) -> None:
    """Bring nothing: there are no plugins."""
