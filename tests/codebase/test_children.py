"""Children that are started and ended through asyncio, on a machine that is busy."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from otp_genesis.codebase.children import end_child, start_child

_ROUNDS = 300


@pytest.fixture
def busy() -> Iterator[None]:
    """Programs that keep every core at work, so that threads take turns late."""
    with Path("/dev/null").open("wb") as nowhere:
        burning = [subprocess.Popen(["yes"], stdout=nowhere) for _ in range(4)]
    yield
    for process in burning:
        process.kill()
        process.wait()


async def _run(number: signal.Signals) -> int | None:
    process = await start_child("true", stdout=asyncio.subprocess.PIPE)
    try:
        await process.communicate()
    finally:
        await end_child(process, number)
    return process.returncode


async def _cancelled_after(seconds: float, number: signal.Signals) -> None:
    try:
        async with asyncio.timeout(seconds):
            assert await _run(number) == 0
    except TimeoutError:
        pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.usefixtures("busy")
def test_cancelled_at_any_moment(number: signal.Signals, caplog: pytest.LogCaptureFixture) -> None:
    """A child ended while it starts or ends leaves no warning of an unknown child."""

    async def rounds() -> None:
        for turn in range(_ROUNDS):
            await _cancelled_after(turn * 0.000_02, number)

    asyncio.run(rounds())

    assert [] == [record.getMessage() for record in caplog.records]


def test_status_is_kept() -> None:
    """A child ended by a signal is reported with it; one that has ended keeps its own status."""

    async def ended() -> tuple[int | None, int | None]:
        lasting = await start_child("cat", stdin=asyncio.subprocess.PIPE)
        await end_child(lasting, signal.SIGTERM)
        brief = await start_child("false")
        await brief.wait()
        await end_child(brief)
        return lasting.returncode, brief.returncode

    assert (-signal.SIGTERM, 1) == asyncio.run(ended())


def test_program_missing() -> None:
    """A program that is not there is told as the system tells it."""
    with pytest.raises(FileNotFoundError):
        asyncio.run(start_child("/nowhere/at/all"))
