"""What the tests of the providers share: a clock that is set, time that is skipped, listeners."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from otp_genesis.contracts.provider import (
    FunctionProvider,
    Health,
    Models,
    RegisteredProvider,
    Reply,
    Request,
)
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.model.event import Event, ModelCalled, ProviderHealth, Warned
from otp_genesis.providers.pool import Pool

T = TypeVar("T")
TEXT = frozenset(("text",))
WELL = Health(True)


class _Skipping(selectors.SelectSelector):
    """Instead of waiting for a timer it sets the time to when it is due."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; without a timer wait for it really, a thread may be at work."""
        if timeout is None:
            return super().select(None)
        found = super().select(0)
        if not found and timeout > 0:
            self.now += timeout
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end without ever sleeping: the time until the next timer is skipped."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


def loop_time() -> float:
    """Return the time of the loop that runs."""
    return asyncio.get_running_loop().time()


class Clock:
    """Seconds that go on when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Told:
    """Everything that was told."""

    events: list[Event] = field(default_factory=list)

    async def emit(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)

    @property
    def calls(self) -> list[ModelCalled]:
        """The calls."""
        return [event for event in self.events if isinstance(event, ModelCalled)]

    @property
    def health(self) -> list[tuple[str, str]]:
        """How providers were found, by name and state."""
        return [(e.provider, e.state) for e in self.events if isinstance(e, ProviderHealth)]

    @property
    def warnings(self) -> list[str]:
        """The messages of the warnings."""
        return [event.message for event in self.events if isinstance(event, Warned)]


@dataclass
class Fake:
    """A provider that does what `does` says: a text, an error, or a function that is awaited."""

    name: str
    does: str | BaseException | Callable[[Request], Awaitable[Any]] = "yes"
    capabilities: frozenset[str] = TEXT
    health: Health | BaseException = WELL
    checks: int = 0
    asked: list[Request] = field(default_factory=list)

    async def check(self) -> Health:
        """Say how it is."""
        self.checks += 1
        if isinstance(self.health, BaseException):
            raise self.health
        return self.health

    async def complete(self, request: Request) -> Reply:
        """Do it."""
        self.asked.append(request)
        if isinstance(self.does, BaseException):
            raise self.does
        if isinstance(self.does, str):
            return Reply(text=self.does)
        return await self.does(request)  # type: ignore[no-any-return]


@dataclass
class House:
    """A pool with what was told of it."""

    pool: Pool
    registry: ProviderRegistry
    clock: Clock
    told: Told
    sessions: dict[str, str] = field(default_factory=dict)

    def models(self, **options: Any) -> Models:
        """Return what a step sees."""
        return self.pool.models("p/a", self.told.emit, sessions=self.sessions, **options)

    async def ask(self, prompt: str = "hi", **options: Any) -> Reply:
        """Ask something."""
        return await self.models().complete(Request(prompt=prompt, **options))


def house(*providers: Fake | FunctionProvider | RegisteredProvider, **options: Any) -> House:
    """Return a pool of these, the earlier ones of a higher priority."""
    registry, clock, told = ProviderRegistry(), Clock(), Told()
    for place, provider in enumerate(providers):
        given = provider.priority if isinstance(provider, RegisteredProvider) else 0
        registry.register(provider, priority=given or len(providers) - place)
    usual: dict[str, Any] = {"clock": clock, "jitter": lambda: 0.0, "tell": told.events.append}
    options = usual | options
    return House(Pool(registry, **options), registry, clock, told)


async def until(holds: Callable[[], object]) -> None:
    """Let the other tasks go on until it holds."""
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never held")


def names(chosen: Sequence[RegisteredProvider]) -> list[str]:
    """Return their names."""
    return [entry.name for entry in chosen]
