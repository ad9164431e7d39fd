"""What the tests of the engine share: a home of their own, the real command, a run in memory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from otp_genesis.contracts.step import Context, Params
from otp_genesis.engine.program import Program
from otp_genesis.errors import InvalidDocument
from otp_genesis.model.event import Event
from otp_genesis.model.load import parse_pipeline
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.model.run import RunReport
from otp_genesis.runtime import Runtime
from otp_genesis.settings import load_settings

GENESIS = (sys.executable, "-W", "error", "-m", "otp_genesis")
Done = subprocess.CompletedProcess[str]
Write = Callable[..., Path]


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job is started so, and what it starts would not hear Ctrl-C either.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of the user's is found."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    places = {"GENESIS_HOME": "state", "XDG_CONFIG_HOME": "config", "HOME": "home"}
    return {**kept, **{name: str(tmp_path / place) for name, place in places.items()}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that commands are called in."""
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a text, its common indentation taken away, and return its path."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


@dataclass(frozen=True)
class Genesis:
    """The command `genesis`, called in one folder with one environment."""

    folder: Path
    environ: Mapping[str, str]

    def __call__(self, *arguments: str | Path, **variables: str) -> Done:
        """Call it to its end."""
        return subprocess.run(
            [*GENESIS, *map(str, arguments)], cwd=self.folder, env={**self.environ, **variables},
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def json(self, *arguments: str | Path, **variables: str) -> Any:
        """Call it, and return the one JSON document that it prints."""
        return json.loads(self(*arguments, "--json", **variables).stdout)

    def start(self, *arguments: str | Path, **variables: str) -> subprocess.Popen[str]:
        """Call it, and return while it goes on."""
        return subprocess.Popen(
            [*GENESIS, *map(str, arguments)], cwd=self.folder, env={**self.environ, **variables},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
def genesis(folder: Path, environ: dict[str, str]) -> Genesis:
    """The command itself."""
    return Genesis(folder, environ)


class Say(Params):
    """What `say` gives back."""

    value: Any = None
    fail: bool = False


async def say(params: Say, ctx: Context) -> Outcome:
    """Give back a value, or fail."""
    return Failed(error=f"no {params.value}") if params.fail else Ok(output=params.value)


@dataclass
class Bench:
    """A runtime that keeps its runs in memory, and what it told."""

    runtime: Runtime
    folder: Path
    events: list[Event] = field(default_factory=list)

    def check(self, text: str) -> Program:
        """Check the steps (or the whole workflow) in `text`."""
        return self.runtime.check(self._parsed(text))

    def complaints(self, text: str) -> list[str]:
        """Return the first line of each complaint about `text`."""
        try:
            self.check(text)
        except InvalidDocument as error:
            return [str(complaint).splitlines()[0] for complaint in error.diagnostics]
        return []

    def run(self, text: str, inputs: Mapping[str, Any] | None = None, **options: Any) -> RunReport:
        """Run the steps (or the whole workflow) in `text`."""
        options = {
            "workspace": str(self.folder / "ws"),
            "output": str(self.folder / "out"),
        } | options
        return asyncio.run(self.runtime.run(self._parsed(text), inputs, **options))

    def results(self, text: str, inputs: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Run, insist on success, and return the results."""
        report = self.run(text, inputs, **options)
        assert report.error is None, report.error
        return report.outputs or report.results

    def failure(self, text: str, inputs: Mapping[str, Any] | None = None, **options: Any) -> str:
        """Run, insist on failure, and return `path: message`."""
        report = self.run(text, inputs, **options)
        assert report.error is not None, report
        return f"{report.error.path}: {report.error.message}"

    def _parsed(self, text: str) -> Any:
        text = textwrap.dedent(text)
        if not text.lstrip().startswith(("workflow:", "{")):
            text = f"workflow:\n  name: t\n  steps:\n{textwrap.indent(text, '    ')}"
        return parse_pipeline(text, str(self.folder / "t.yaml"), lenient=True)


@pytest.fixture
def bench(folder: Path, environ: dict[str, str]) -> Bench:
    """A runtime of its own, with the built-in types and `say`."""
    events: list[Event] = []
    runtime = Runtime.in_memory(
        discover=False, settings=load_settings(folder, environ), listeners=[events.append]
    )
    runtime.steps.register("say", run=say)
    return Bench(runtime, folder, events)
