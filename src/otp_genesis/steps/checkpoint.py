"""The step that notes how far a pipeline is."""

from __future__ import annotations

from typing import Annotated, Any

from otp_genesis.contracts.step import Context, NoEffect, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.steps.asking import now, step_name


class Checkpoint(Params):
    """Parameters of `checkpoint`."""

    state: dict[str, Any] = {}
    """What is noted."""
    checkpoint_name: str | None = None
    """The step's own name without it."""
    include_workspace: bool = False
    """Whether the files are kept as they are now; the result then holds their git tree's id."""
    compress: Annotated[bool, NoEffect("the store keeps it as it does every result")] = False


@step(
    "checkpoint",
    effects="reads",
    capabilities={"data"},
    examples=("- {name: half, type: checkpoint, state: {phase: tests}, checkpoint_name: half}",),
)
async def checkpoint(params: Checkpoint, ctx: Context) -> Outcome:
    """Note values under a name; the result holds `checkpoint_name`, `state` and `created_at`.

    Every finished step is kept, so that a run can be resumed without this step.
    """
    output = {
        "checkpoint_name": params.checkpoint_name or step_name(ctx),
        "state": params.state,
        "created_at": now(),
        "success": True,
    }
    if params.include_workspace:
        output["workspace"] = (await ctx.codebase.snapshot()).tree
    return Ok(output=output)


STEPS = (checkpoint,)
"""The module's types."""
