"""How a run is asked for: what the caller says, the document, the settings, in that order."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from otp_genesis.codebase import record
from otp_genesis.engine.output import as_data
from otp_genesis.errors import UsageError
from otp_genesis.history import new_run_id
from otp_genesis.model.pipeline import Pipeline
from otp_genesis.model.run import Mode, RunRequest
from otp_genesis.settings import Settings

PACKAGED = "package:"
"""Begins the name of a document that is shipped."""
CASSETTE = ".cassette.jsonl"


class Wanted(NamedTuple):
    """What the caller of a run may say."""

    run_id: str | None = None
    mode: Mode | None = None
    provider: str | None = None
    strategy: str | None = None
    workspace: str | None = None
    output: str | None = None
    approve: bool = False
    cassette: Path | None = None


def run_request(
    settings: Settings,
    pipeline: Pipeline,
    named: str,
    inputs: dict[str, Any],
    wanted: Wanted,
    plugins: tuple[str, ...],
) -> RunRequest:
    """Return the request for a run of the document `named`; raise `UsageError` for bad inputs."""
    complaint, taken = pipeline.take_inputs(inputs)
    if complaint:
        raise UsageError(f"{named}: {complaint}")
    try:
        taken = as_data(taken)
    except ValueError as error:
        raise UsageError(f"{named}: an input is no JSON data: {error}") from None
    if not named.startswith(PACKAGED):
        named = str(Path(named).resolve())
    run_id = wanted.run_id or new_run_id()
    record.run_folder(settings.home, run_id)
    mode: Any = wanted.mode or settings.mode
    return RunRequest(
        run_id=run_id,
        pipeline=named,
        name=pipeline.name,
        inputs=taken,
        mode=mode,
        provider=wanted.provider or settings.provider,
        strategy=wanted.strategy or pipeline.provider_strategy,
        folder=str(Path.cwd()),
        workspace=settings.folder(wanted.workspace, pipeline.workspace_dir, settings.workspace),
        output=settings.folder(wanted.output, pipeline.output_dir, settings.output),
        cassette=_cassette(settings, named, mode, wanted.cassette),
        approve=wanted.approve,
        plugins=plugins,
        started_at=float(int(time.time())),
    )


def _cassette(settings: Settings, named: str, mode: Mode, said: Path | None) -> str | None:
    """Return the file of recorded answers: as said, or beside the document."""
    if mode not in ("record", "replay"):
        if said is not None:
            raise UsageError("a cassette needs --mode record or --mode replay")
        return None
    if said is None and (variable := settings.environ.get("GENESIS_CASSETTE")):
        said = Path(variable)
    if said is not None:
        return str(said.resolve())
    if named.startswith(PACKAGED):
        raise UsageError(f"--mode {mode} of a shipped pipeline needs a file: --cassette FILE")
    return str(Path(named).with_suffix(CASSETTE))
