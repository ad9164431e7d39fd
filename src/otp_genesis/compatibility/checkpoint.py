"""The checkpoint files of pipeline_ex: what was done there is not done again here."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from otp_genesis.contracts.store import Entry, Store
from otp_genesis.errors import UsageError
from otp_genesis.model.event import Noted
from otp_genesis.model.frozen import Frozen
from otp_genesis.model.outcome import Ok
from otp_genesis.model.pipeline import Pipeline
from otp_genesis.model.run import RunRequest


class Variables(Frozen):
    """The variables of a checkpoint, by scope."""

    model_config = ConfigDict(extra="ignore")

    global_: dict[str, Any] = Field(default={}, alias="global")
    session: dict[str, Any] = {}
    loop: dict[str, Any] = {}


class Checkpoint(Frozen):
    """What a checkpoint file holds, as far as it matters: steps by position, results by name."""

    model_config = ConfigDict(extra="ignore")

    workflow_name: str
    step_index: int = Field(ge=0)
    """The position of the first step that was not done."""
    results: dict[str, Any]
    variable_state: Variables = Variables()


def read_checkpoint(path: Path) -> Checkpoint:
    """Return what a file holds; raise `UsageError` where it is no checkpoint."""
    try:
        return Checkpoint.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise UsageError(f"{path}: this is no checkpoint of a pipeline: {first}") from None


async def restore(store: Store, request: RunRequest, pipeline: Pipeline, path: Path) -> None:
    """Write into a run's journal what a checkpoint says was done, before the run begins.

    Raises `UsageError` where it is another pipeline's, is of one that was finished, or knows no
    result of a step that it says was done.
    """
    found = read_checkpoint(path)
    if found.workflow_name != pipeline.name:
        message = f"this is a checkpoint of {found.workflow_name!r}, not of {pipeline.name!r}"
        raise UsageError(f"{path}: {message}")
    done = pipeline.steps[: found.step_index]
    if found.step_index >= len(pipeline.steps):
        message = "the run it was made by was finished; there is nothing to go on with"
        raise UsageError(f"{path}: {message}")
    if missing := [step.name for step in done if step.name not in found.results]:
        message = f"it says that {missing[0]!r} was done, and has no result of it"
        raise UsageError(f"{path}: {message}")
    kept = found.variable_state
    variables = {**kept.global_, **kept.session, **kept.loop}
    for number, step in enumerate(done, start=1):
        last = number == len(done)
        outcome = Ok(output=found.results[step.name], variables=variables if last else {})
        place = f"{request.name}/{step.name}"
        event = Noted(at=time.time(), path=place, message=f"{step.name} is taken from {path.name}")
        await store.record(request.run_id, place, Entry(step.type, outcome), event)
