"""Background tasks: restarted alone, ended together, nothing left running."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.background import FIRST_PAUSE_S, LONGEST_PAUSE_S, Background, pause_after
from otp_genesis.contracts.plugin import Host, Lifecycle, Plugin
from otp_genesis.model.event import Event, TaskCrashed
from otp_genesis.runtime import Runtime


def test_one_that_crashes_is_begun_again_alone() -> None:
    """The other one does not notice."""

    async def go() -> None:
        crashes: list[tuple[str, str]] = []
        background = Background(lambda name, error, pause: crashes.append((name, error)))
        begun: list[str] = []
        again, forever = asyncio.Event(), asyncio.Event()

        async def fragile() -> None:
            begun.append("fragile")
            if len(begun) < 4:
                raise RuntimeError(f"crash {len(begun)}")
            again.set()
            await forever.wait()

        async def steady() -> None:
            begun.append("steady")
            await forever.wait()

        background.begin("steady", steady)
        background.begin("fragile", fragile)
        async with asyncio.timeout(20):
            await again.wait()
        assert begun == ["steady", "fragile", "fragile", "fragile"]
        assert crashes == [
            ("fragile", "RuntimeError: crash 2"),
            ("fragile", "RuntimeError: crash 3"),
        ]
        assert background.names == ("steady", "fragile")
        await background.stop()
        assert list(background.names) == []
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(go())


def test_one_that_returns_is_done() -> None:
    """It is not begun again."""

    async def go() -> None:
        begun: list[int] = []

        async def once() -> None:
            begun.append(1)

        background = Background()
        background.begin("once", once)
        for _ in range(5):
            await asyncio.sleep(0)
        assert (begun, background.names) == ([1], ())

    asyncio.run(go())


def test_one_can_be_ended() -> None:
    """By its name; the others go on."""

    async def go() -> None:
        background = Background()

        async def wait() -> None:
            await asyncio.Event().wait()

        background.begin("a", wait)
        background.begin("b", wait)
        await background.end("a")
        assert background.names == ("b",)
        await background.stop()

    asyncio.run(go())


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses(crashes: int, chance: float) -> None:
    """They double, spread, and end at a minute."""
    pause = pause_after(crashes, chance)

    assert FIRST_PAUSE_S / 2 <= pause <= LONGEST_PAUSE_S
    assert pause <= pause_after(crashes + 1, chance)


@pytest.mark.parametrize("runs", [0, 2])
def test_nothing_of_a_runtime_is_left_running(runs: int) -> None:
    """After the end no task is there; while it goes on a crash is told as an event."""
    events: list[Event] = []

    async def crash(host: Host) -> None:
        raise RuntimeError("no")

    plugin = Plugin("p", lifecycle=Lifecycle(tasks={"t": crash}))

    async def go() -> None:
        runtime = Runtime.in_memory(plugins=[plugin], discover=False)
        runtime.observe(lambda run, event: events.append(event))
        async with runtime:
            for _ in range(10):
                await asyncio.sleep(0)
            assert "p.t" in runtime.background
        assert runtime.background == ()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(go())
    (told,) = [event for event in events if isinstance(event, TaskCrashed)]
    assert (told.name, told.error) == ("p.t", "RuntimeError: no")
