"""A step's output against its schema, and into its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from otp_genesis.errors import EnvironmentLacks, UsageError
from otp_genesis.expr.language import language
from otp_genesis.model.json_schema import misfits
from otp_genesis.model.outcome import Failed, Ok, Outcome

if TYPE_CHECKING:
    from otp_genesis.engine.run import Place


def as_data(value: Any) -> Any:
    """Return `value` as JSON gives it back; raise `ValueError` where it is no data."""
    return from_json(to_json(value, inf_nan_mode="constants"))


def as_journalled(outcome: Outcome) -> Outcome:
    """Return the outcome as the journal gives it back: a resumed run must see nothing else."""
    try:
        if isinstance(outcome, Ok):
            # In its place: a new one of each step's outcome would cost a tenth of the step.
            values = outcome.__dict__
            values["output"], values["variables"] = as_data((outcome.output, outcome.variables))
            return outcome
        if isinstance(outcome, Failed):
            return outcome.model_copy(update={"output": as_data(outcome.output)})
        return outcome
    except ValueError as error:
        return Failed(error=f"the step gave what is no JSON data: {error}")


def kept_promise(place: Place, outcome: Ok) -> Outcome:
    """Hold the output against the step's schema, and write it where the step says."""
    settings = place.bound.settings
    schema = settings.output_schema
    if schema is not None and (errors := misfits(_promised(place, outcome.output), schema)):
        message = f"the output does not fit output_schema: {errors[0]}"
        return Failed(error=message, output=outcome.output)
    if settings.output_to_file is not None:
        write_output(place, settings.output_to_file, outcome.output)
    return outcome


def _promised(place: Place, output: Any) -> Any:
    """Return what the schema speaks of: of an older step that asks a model, the answer's data."""
    kind = place.bound.kind
    answers = kind.metadata.legacy_since is not None and kind.owns("output_schema")
    if answers and isinstance(output, dict) and output.keys() >= {"text", "success", "data"}:
        return output["data"]
    return output


def write_output(place: Place, template: str, output: Any) -> None:
    """Write text as it is and data as JSON, below the run's output folder."""
    folder = place.run.output
    if folder is None:
        raise UsageError("output_to_file needs an output folder; pass --output")
    names = place.scope.names(place.bound.facts)
    write_below(folder, str(language(strict=place.bound.strict).fill(template, names)), output)


def write_below(folder: Path, name: str, output: Any) -> None:
    """Write text as it is and data as JSON, to a path below a folder."""
    name = name.lstrip("/")
    target = (folder / name).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise UsageError(f"output_to_file {name!r} leaves the output folder")
    text = output if isinstance(output, str) else json.dumps(output, indent=2, ensure_ascii=False)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EnvironmentLacks(f"cannot write {target}: {error.strerror}") from None


def described(error: ValidationError) -> str:
    """Return what a value that a template gave is not."""
    details = []
    for detail in error.errors():
        place = ".".join(map(str, detail["loc"]))
        given = json.dumps(detail["input"], default=str)[:80]
        details.append(f"{place}: {detail['msg']} (given: {given})")
    return "; ".join(details)
