"""Names to entries: readers never wait, and never see half a change."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from otp_genesis.contracts.catalog import StepRegistry
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.contracts.registry import Registry
from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import StepMetadata, step
from otp_genesis.errors import DuplicateName, InvalidEntry, UnknownName, UsageError
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.providers.scripted import ScriptedProvider


@dataclass(frozen=True)
class Entry:
    name: str
    value: int = 0


class Text(Params):
    """A text."""

    text: str
    size: int = 1


async def run(params: Text, ctx: Context) -> Outcome:
    """Give back the text."""
    return Ok(output=params.text * params.size)


async def undocumented(params: Text, ctx: Context) -> Outcome:
    return Ok()


def test_what_it_says() -> None:
    """A missing name gets the nearest, a taken one the way to replace it."""
    registry = Registry("thing", [Entry("apple"), Entry("pear")])

    with pytest.raises(UnknownName, match="no thing named 'aple'; did you mean 'apple'"):
        registry.get("aple")
    with pytest.raises(UnknownName, match="no thing named 'x'; known: apple, pear"):
        registry.unregister("x")
    with pytest.raises(DuplicateName, match="thing 'pear' is already registered"):
        registry.add(Entry("pear", 1))
    assert registry.get("pear").value == 0
    registry.add(Entry("pear", 1), replace=True)
    assert registry.get("pear").value == 1


def test_a_snapshot_stays_as_it_was() -> None:
    """Who took a snapshot keeps its entries, and cannot change it."""
    registry = Registry("thing", [Entry("a")])
    before = registry.snapshot()
    registry.add(Entry("a", 1), replace=True)
    registry.add(Entry("b"))
    registry.unregister("a")

    assert dict(before) == {"a": Entry("a")}
    assert registry.names() == ("b",)
    with pytest.raises(TypeError):
        before["c"] = Entry("c")  # type: ignore[index]


def test_eight_threads_register_while_readers_read() -> None:
    """No entry is lost, and no snapshot is half one."""
    registry: Registry[Entry] = Registry("thing")
    begin = threading.Barrier(10)
    torn: list[Any] = []

    def write(thread: int) -> None:
        begin.wait()
        for number in range(100):
            registry.add(Entry(f"{thread}-{number}a"))
            registry.add(Entry(f"{thread}-{number}b"))
            if number % 2:
                registry.unregister(f"{thread}-{number}a")

    def read() -> None:
        begin.wait()
        for _ in range(1000):
            seen = registry.snapshot()
            if len(list(seen)) != len(seen) or any(seen[name].name != name for name in seen):
                torn.append(seen)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    threads += [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert torn == []
    assert len(registry) == 8 * 150


class Machine(RuleBasedStateMachine):
    """A registry does what a dict does, and its snapshots do not move."""

    names = st.sampled_from(["a", "b", "c", "d"])

    def __init__(self) -> None:
        super().__init__()
        self.registry: Registry[Entry] = Registry("thing")
        self.told: list[tuple[str, str]] = []
        self.registry.subscribe(lambda change, name: self.told.append((change, name)))
        self.model: dict[str, Entry] = {}
        self.expected: list[tuple[str, str]] = []
        self.snapshots: list[tuple[Any, dict[str, Entry]]] = []

    @rule(name=names, value=st.integers(0, 9), replace=st.booleans())
    def add(self, name: str, value: int, replace: bool) -> None:
        entry = Entry(name, value)
        if name in self.model and not replace:
            with pytest.raises(DuplicateName):
                self.registry.add(entry)
            return
        self.registry.add(entry, replace=replace)
        self.expected.append(("replaced" if name in self.model else "registered", name))
        self.model[name] = entry

    @rule(name=names)
    def unregister(self, name: str) -> None:
        if name not in self.model:
            with pytest.raises(UnknownName):
                self.registry.unregister(name)
            return
        self.registry.unregister(name)
        self.expected.append(("unregistered", name))
        del self.model[name]

    @rule()
    def snapshot(self) -> None:
        self.snapshots.append((self.registry.snapshot(), dict(self.model)))

    @invariant()
    def same(self) -> None:
        assert dict(self.registry.snapshot()) == self.model
        assert self.registry.names() == tuple(sorted(self.model))
        assert self.told == self.expected
        assert all(dict(seen) == then for seen, then in self.snapshots)


TestMachine = Machine.TestCase


def test_a_subscription_ends() -> None:
    """What `subscribe` returns ends it."""
    registry: Registry[Entry] = Registry("thing")
    told: list[str] = []
    end = registry.subscribe(lambda change, name: told.append(name))
    registry.add(Entry("a"))
    end()
    registry.add(Entry("b"))

    assert told == ["a"]


def test_registering_by_name() -> None:
    """A name, its run, its params and what is said of it make a step type."""
    registry = StepRegistry()
    registry.capabilities.declare("speech", "says something")
    registry.capabilities.declare("song", "sings")
    metadata = StepMetadata(
        description="Says it", required_fields=("text",), capabilities=frozenset({"speech"}),
        version="2", origin="mine",
    )  # fmt: skip
    entry = registry.register("say", run=undocumented, params=Text, metadata=metadata)

    assert registry.get("say") is entry
    assert (entry.required_fields, entry.optional_fields) == (("text",), ("size",))
    assert entry.metadata.description == "Says it"
    assert registry.find(capability="speech") == ["say"]
    assert registry.find(capability="song") == []
    assert registry.find(origin="mine") == ["say"]


def test_params_are_found_from_the_annotation() -> None:
    """Without `params` they are what the function says it takes; the docstring is the help."""
    entry = StepRegistry().register("say", run)

    assert entry.params is Text
    assert entry.metadata.description == "Give back the text."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "needs a run function"),
        ({"run": lambda params, ctx: None}, "must be an async function"),
        ({"run": undocumented}, "needs a docstring"),
        ({"run": run, "params": dict}, "must be a Params model"),
    ],
)
def test_what_is_no_step_type(arguments: dict[str, Any], said: str) -> None:
    """Each mistake is told by the type's name, and nothing is registered."""
    registry = StepRegistry()

    with pytest.raises(InvalidEntry, match=f"'odd'.*{said}"):
        registry.register("odd", **arguments)
    assert registry.names() == ()


def test_annotations_that_cannot_be_read() -> None:
    """A params model that only the function's author can see must be given."""

    class Hidden(Params):
        """Nobody finds it."""

    async def hidden(params: Hidden, ctx: Context) -> Outcome:
        """Do nothing."""
        return Ok()

    registry = StepRegistry()
    with pytest.raises(InvalidEntry, match="pass its params="):
        registry.register("hidden", hidden)
    assert registry.register("hidden", hidden, params=Hidden).params is Hidden


def test_declared_steps() -> None:
    """`@step` makes the same of a function."""
    declared = step("say", effects="reads", capabilities=frozenset({"speech"}))(run)

    registry = StepRegistry()
    with pytest.raises(InvalidEntry, match="step type 'say': no capability 'speech'; known: "):
        registry.register(declared)
    registry.capabilities.declare("speech", "says something")

    assert registry.register(declared).effects == "reads"
    assert declared.metadata.capabilities == frozenset({"speech"})


def test_providers() -> None:
    """A provider must keep the contract, and its capabilities must be known ones."""
    registry = ProviderRegistry()
    provider = ScriptedProvider(["x"], name="one", capabilities=frozenset({"text", "tools"}))
    registry.register(provider)

    assert registry.find(capability="tools") == ["one"]
    assert registry.find(capability="images") == []
    with pytest.raises(UsageError, match="no capability 'tool'; did you mean 'tools'"):
        registry.find(capability="tool")
    with pytest.raises(DuplicateName):
        registry.register(provider)
    with pytest.raises(InvalidEntry, match="is no provider"):
        registry.register(object())  # type: ignore[arg-type]
    odd = ScriptedProvider(name="odd")
    odd.capabilities = frozenset({"txt"})
    with pytest.raises(InvalidEntry, match="no capability 'txt'; did you mean 'text'"):
        registry.register(odd)
