"""A run's events, made by hand."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otp_genesis.model.event import (
    Answered,
    CommandRan,
    Event,
    ModelCalled,
    ModelSaid,
    Noted,
    PluginChanged,
    ProviderHealth,
    RegistryObserved,
    Replayed,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TaskCrashed,
    Warned,
)
from otp_genesis.model.outcome import Usage

T0 = 1_700_000_000.0


def everything() -> list[Event]:
    """Return one event of each kind, as a run that fails would tell them."""
    usage = Usage(input_tokens=30, output_tokens=4, cost_usd=0.5)
    return [
        RunStarted(at=T0, pid=7),
        RegistryObserved(
            at=T0, registry="step type", size=13, generation=14, lookups=5, failures=1,
            quarantined=1,
        ),
        StepStarted(at=T0, path="t/ask", type="prompt"),
        Noted(at=T0 + 1, path="t/ask", message="half way"),
        ModelCalled(
            at=T0 + 2, path="t/ask", provider="p", model="m", duration_s=1.5, usage=usage,
            strategy="cheapest", hop=1, passed_over={"q": "open"}, session="s",
        ),
        CommandRan(
            at=T0 + 3, path="t/ask", argv=("/bin/tool", "--token", "SECRET"), exit_code=0,
            duration_s=0.25,
        ),
        Warned(at=T0 + 3, path="t/ask", code="old-key", message="it is called otherwise now"),
        Answered(at=T0 + 3, path="t/ask", answer="SECRET", by="person"),
        StepFinished(
            at=T0 + 4, path="t/ask", type="prompt", status="failed", duration_s=4.0,
            message="no answer",
        ),
        ProviderHealth(at=T0 + 4, provider="p", state="open", reason="3 failures", until=T0 + 34),
        PluginChanged(at=T0 + 4, name="bad", status="quarantined", reason="no module"),
        TaskCrashed(at=T0 + 4, name="probe", error="ValueError: x", restart_in_s=2.0),
        ModelSaid(at=T0 + 4, path="t/ask", provider="p", what="tool_call", text="SECRET", tool="r"),
        Replayed(at=T0 + 4, cassette="w.cassette.jsonl", recordings=("a", "b")),
        RunFinished(
            at=T0 + 5, status="failed", error="no answer", path="t/ask",
            outputs={"key": "SECRET"},
        ),
    ]  # fmt: skip


@pytest.fixture
def package_logger() -> Iterator[logging.Logger]:
    """The package's logger; it is held that the test leaves it as it was."""
    logger = logging.getLogger("otp_genesis")
    before = (logger.level, list(logger.handlers), logger.propagate)
    yield logger
    assert before == (logger.level, logger.handlers, logger.propagate)


@pytest.fixture
def genesis_python(tmp_path: Path) -> Callable[[str], str]:
    """Run code in a process of its own, and return what it prints."""

    def run(code: str) -> str:
        command = [sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert (done.stderr, done.returncode) == ("", 0)
        return done.stdout

    return run
