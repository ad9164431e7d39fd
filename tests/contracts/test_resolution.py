"""What a name leads to, in which order, and what is told of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from otp_genesis.contracts.entry import Lazy
from otp_genesis.contracts.registry import Registry
from otp_genesis.errors import DuplicateName, InvalidEntry, PluginError, UnknownName


@dataclass(frozen=True)
class Entry:
    name: str
    value: int = 0


def things(*names: str) -> Registry[Entry]:
    return Registry("thing", [Entry(name) for name in names])


def test_a_lazy_entry_is_made_once() -> None:
    """It is listed before, made when it is asked for, and made by one thread only."""
    made: list[int] = []
    together = threading.Barrier(8)

    def load() -> Entry:
        made.append(1)
        return Entry("a", 7)

    registry = things()
    registry.add_lazy(Lazy("a", load))
    assert ("a" in registry, len(registry), made) == (True, 1, [])

    def ask() -> None:
        together.wait()
        assert registry.get("a").value == 7

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made == [1]
    assert registry.get("a") is registry.get("a")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("no module"), "'a' cannot be loaded: ImportError: no module"),
        (SystemExit(3), "'a' cannot be loaded: SystemExit: 3"),
    ],
)
def test_a_lazy_entry_that_cannot_be_made(error: BaseException, said: str) -> None:
    """It is the fault of whoever promised it, each time it is asked for; others are well."""

    def load() -> Entry:
        raise error

    registry = things("b")
    registry.add_lazy(Lazy("a", load, origin="acme"))

    for _ in range(2):
        with pytest.raises(PluginError, match=f"plugin 'acme': {said}"):
            registry.get("a")
    assert [one.name for one in registry] == ["b"]
    assert registry.stats().failures == 3


def test_a_snapshot_makes_what_it_was_promised() -> None:
    """An entry that nobody had asked for is still there for who took a snapshot before."""
    registry = things()
    registry.add_lazy(Lazy("a", lambda: Entry("a", 1)))
    before = registry.snapshot()
    registry.unregister("a")

    assert before["a"].value == 1
    assert before.resolve("a").via == "name"
    assert "a" not in registry


def test_aliases() -> None:
    """Another name leads to the entry, through other aliases too, and a circle is refused."""
    registry = things("new")
    registry.alias("old", "new", since="0.2")
    registry.alias("older", "old")
    registry.alias("early", "late")

    assert registry.get("older").name == "new"
    found = registry.resolve("older")
    assert (found.entry.name, found.via) == ("new", "alias")
    assert registry.aliases()["old"].since == "0.2"
    assert registry.names() == ("new",)
    with pytest.raises(UnknownName, match="no thing named 'late'"):
        registry.get("early")
    with pytest.raises(InvalidEntry, match="alias 'late' of thing 'early' leads in a circle"):
        registry.alias("late", "early")
    with pytest.raises(InvalidEntry, match="leads in a circle"):
        registry.alias("self", "self")
    with pytest.raises(DuplicateName):
        registry.alias("new", "other")
    with pytest.raises(DuplicateName):
        registry.alias("old", "other")
    registry.unalias("early")
    with pytest.raises(UnknownName):
        registry.unalias("early")


def test_deprecation() -> None:
    """A deprecated name works, and who resolves it is told what to use."""
    registry = things("a", "b")
    registry.deprecate("a", use="b", since="1.0", reason="it blocks")
    found = registry.resolve("a")

    assert found.deprecation is not None
    assert found.deprecation.told("thing", "a") == (
        "thing 'a' is deprecated since 1.0; use 'b' (it blocks)"
    )
    assert registry.snapshot().resolve("a").deprecation == found.deprecation
    registry.undeprecate("a")
    assert registry.resolve("a").deprecation is None


def test_the_order() -> None:
    """Registered, then what a plugin brings, then an alias, then resolvers, then an error."""
    registry = things()
    brought: list[str | None] = []

    def bring(name: str | None) -> None:
        brought.append(name)
        if name == "plugged":
            registry.add(Entry("plugged", 2), replace=True)

    registry.bring_from(bring)
    registry.alias("plugged", "other")
    registry.add(Entry("other", 3))
    remove = registry.add_resolver(lambda name: Entry(name, 4) if name == "legacy" else None)

    assert (registry.resolve("other").via, brought) == ("name", [])
    assert (registry.resolve("plugged").via, registry.get("plugged").value) == ("plugin", 2)
    registry.alias("short", "other")
    assert registry.resolve("short").via == "alias"
    assert (registry.resolve("legacy").via, registry.get("legacy").value) == ("resolver", 4)
    assert "legacy" not in registry
    remove()
    with pytest.raises(UnknownName):
        registry.get("legacy")
    assert brought == ["plugged", "short", "legacy", "legacy", "legacy"]


def test_a_subscriber_that_fails_hinders_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The entry is in, the other subscriber is told, the flaw is logged."""
    registry = things()
    told: list[str] = []

    def broken(change: str, name: str) -> None:
        raise RuntimeError("no")

    registry.subscribe(broken)
    registry.subscribe(lambda change, name: told.append(f"{change} {name}"))
    registry.add(Entry("a"))
    registry.add(Entry("a", 1), replace=True)
    registry.unregister("a")

    assert told == ["registered a", "replaced a", "unregistered a"]
    assert "a subscriber to the things failed on registered 'a'" in caplog.text


def test_health() -> None:
    """Size, writes, lookups and failures are counted."""
    registry = things("a", "b")
    registry.unregister("a")
    registry.resolve("b")
    with pytest.raises(UnknownName):
        registry.resolve("x")
    stats = registry.stats()

    assert (stats.kind, stats.size, stats.generation) == ("thing", 1, 3)
    assert (stats.lookups, stats.failures) == (2, 1)


def many_threads(threads: int, each: int) -> int:
    """Return how many entries are there after all have registered theirs at once."""
    registry = things()
    together = threading.Barrier(threads)

    def write(number: int) -> None:
        together.wait()
        for one in range(each):
            registry.add(Entry(f"{number}-{one}"))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join(60)
    assert not any(thread.is_alive() for thread in writers)
    return len(registry.names())


def test_two_hundred_threads_lose_nothing() -> None:
    """200 threads that register 50 entries each leave 10,000, and none of them waits for ever."""
    assert many_threads(200, 50) == 10_000


def test_the_same_in_development_mode() -> None:
    """Python's own checks (`-X dev`) find nothing; switching threads often changes nothing."""
    code = (
        "import sys; sys.path.insert(0, 'tests'); sys.setswitchinterval(1e-6)\n"
        "from contracts.test_resolution import many_threads\n"
        "assert many_threads(60, 50) == 3000"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert ("", 0) == (done.stderr, done.returncode)


class Names(RuleBasedStateMachine):
    """Entries, lazy entries and aliases together behave as three dicts do."""

    some = st.sampled_from(["a", "b", "c", "d"])

    def __init__(self) -> None:
        super().__init__()
        self.registry = things()
        self.entries: dict[str, int] = {}
        self.aliases: dict[str, str] = {}
        self.kept: list[tuple[object, dict[str, int]]] = []

    @rule(name=some, value=st.integers(), lazy=st.booleans(), replace=st.booleans())
    def register(self, name: str, value: int, lazy: bool, replace: bool) -> None:
        entry = Entry(name, value)

        def put() -> None:
            if lazy:
                self.registry.add_lazy(Lazy(name, lambda: entry), replace=replace)
            else:
                self.registry.add(entry, replace=replace)

        if name in self.entries and not replace:
            with pytest.raises(DuplicateName):
                put()
        else:
            put()
            self.entries[name] = value

    @rule(name=some)
    def unregister(self, name: str) -> None:
        if name in self.entries:
            self.registry.unregister(name)
            del self.entries[name]
        else:
            with pytest.raises(UnknownName):
                self.registry.unregister(name)

    @rule(name=some, of=some)
    def alias(self, name: str, of: str) -> None:
        seen, target = {name}, of
        while target not in seen and target in self.aliases:
            seen.add(target)
            target = self.aliases[target]
        if name in self.entries or self.aliases.get(name, of) != of:
            with pytest.raises(DuplicateName):
                self.registry.alias(name, of)
        elif target in seen:
            with pytest.raises(InvalidEntry):
                self.registry.alias(name, of)
        else:
            self.registry.alias(name, of)
            self.aliases[name] = of

    @rule()
    def snapshot(self) -> None:
        self.kept.append((self.registry.snapshot(), dict(self.entries)))

    @invariant()
    def every_name_leads_where_it_should(self) -> None:
        for name in ("a", "b", "c", "d"):
            target: str | None = name
            while target is not None and target not in self.entries:
                target = self.aliases.get(target)
            if target is None:
                with pytest.raises(UnknownName):
                    self.registry.get(name)
            else:
                assert self.registry.get(name).value == self.entries[target]

    @invariant()
    def snapshots_do_not_move(self) -> None:
        for snapshot, then in self.kept[-5:]:
            assert {name: one.value for name, one in snapshot.items()} == then  # type: ignore[attr-defined]


TestNames = Names.TestCase


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=8))
def test_a_chain_of_aliases_ends_or_is_refused(names: list[str]) -> None:
    """However aliases are strung together, no lookup runs for ever."""
    registry = things("end")
    for name, of in zip(names, [*names[1:], "end"], strict=True):
        try:
            registry.alias(name, of)
        except (InvalidEntry, DuplicateName):
            continue
    for name in set(names):
        try:
            assert registry.get(name).name == "end"
        except UnknownName:
            continue
