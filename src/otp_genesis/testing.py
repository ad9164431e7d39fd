"""For the tests of those who extend: the fakes that ship, and a way to run a few steps.

`ScriptedProvider` answers from a list, `MemoryStore` forgets, `run_text` runs a document that is
given as text and keeps nothing, `ECHO` is the step type `test_echo`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from otp_genesis.contracts.provider import Provider
from otp_genesis.contracts.step_type import StepType
from otp_genesis.durable.memory import MemoryStore
from otp_genesis.model.load import parse_pipeline
from otp_genesis.model.run import RunReport
from otp_genesis.providers.mock import MockProvider
from otp_genesis.providers.scripted import Scripted, ScriptedProvider
from otp_genesis.runtime import Runtime
from otp_genesis.settings import Settings
from otp_genesis.steps.legacy_echo import test_echo as ECHO

__all__ = (
    "ECHO",
    "MemoryStore",
    "MockProvider",
    "Scripted",
    "ScriptedProvider",
    "parse_pipeline",
    "run_text",
)


async def run_text(
    text: str,
    inputs: Mapping[str, Any] | None = None,
    *,
    folder: Path,
    steps: Iterable[StepType[Any]] = (),
    providers: Iterable[Provider] = (),
    approve: bool = False,
) -> RunReport:
    """Run the document in `text` with these step types and providers beside the built-in ones.

    `folder` is where its steps work and where what a run needs is kept. Raises what
    `Runtime.check` and `Runtime.run` raise.
    """
    settings = Settings(home=folder / ".genesis", environ={"PATH": _path()})
    runtime = Runtime.in_memory(discover=False, settings=settings)
    for kind in steps:
        runtime.steps.register(kind, replace=True)
    for provider in providers:
        runtime.providers.register(provider, replace=True)
    pipeline = parse_pipeline(text, str(folder / "pipeline.yaml"))
    return await runtime.run(
        pipeline,
        inputs,
        workspace=str(folder / "work"),
        output=str(folder / "outputs"),
        approve=approve,
    )


def _path() -> str:
    return ":".join(("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"))
