"""The older step type that filters, maps, joins, groups, sorts and counts data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from otp_genesis.contracts.step import Context, NoEffect, Params, ResultName, StepNames
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.steps.asking import now, step_name
from otp_genesis.steps.sources import data_of, step_in_source
from otp_genesis.steps.transform_fields import kind_of
from otp_genesis.steps.transform_operation import Operation
from otp_genesis.steps.transform_output import OutputFormat, formatted
from otp_genesis.steps.transform_table import Table

_ALIKE = "all data is transformed in the same way"


class Lazy(Params):
    """What large data was read by."""

    enabled: bool = False


class DataTransform(Params):
    """Parameters of `data_transform`."""

    input_source: Annotated[Any, StepNames(step_in_source), Field(...)]
    """A variable or a step, `previous_response:STEP:path`, `context:PATH`, or the data."""
    operations: tuple[Operation, ...] = ()
    output_field: Annotated[str | None, ResultName()] = None
    """The key of the result that the data is under; the step's name without it. Sources of later
    steps may name it, too."""
    output_format: OutputFormat = "none"
    """What becomes of the data: JSON, one JSON a line, CSV or YAML as text, text, the number of its
    items, nothing."""
    lazy: Annotated[Lazy | None, NoEffect(_ALIKE)] = None
    stream_mode: Annotated[bool | None, NoEffect(_ALIKE)] = None
    chunk_size: Annotated[int | None, NoEffect(_ALIKE)] = None


@step(
    "data_transform",
    capabilities={"data"},
    examples=(
        "- {name: few, type: data_transform, input_source: '{{ [3, 1, 2] }}',"
        " operations: [{operation: filter, condition: value > 1}]}",
    ),
)
async def data_transform(params: DataTransform, ctx: Context) -> Outcome:
    """Change data in steps; the result holds it under `output_field`, and `metadata`."""
    given = data_of(params.input_source, ctx)
    output = formatted(await operated(given, params.operations, ctx), params.output_format)
    metadata = {
        "operation_count": len(params.operations),
        "input_type": kind_of(given),
        "output_type": kind_of(output),
        "processed_at": now(),
    }
    return Ok(output={params.output_field or step_name(ctx): output, "metadata": metadata})


async def operated(data: Any, operations: Iterable[Operation], ctx: Context) -> Any:
    """Return what operations make of the data in turn; raise `UsageError` where one cannot."""
    table = Table(data, ctx)
    for one in operations:
        await table.change(one)
    return table.data


STEPS = (data_transform,)
"""The module's types."""
