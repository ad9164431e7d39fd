"""The older step type that has a shell run a text."""

from __future__ import annotations

from pydantic import Field

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Outcome
from otp_genesis.steps import command as programs


class Bash(Params):
    """Parameters of `bash`."""

    command: str = Field(min_length=1)
    """What bash runs, in the codebase's sandbox."""
    env: dict[str, str] = {}
    limit_s: float = Field(default=300, gt=0)
    """After so many seconds the whole process group is ended."""


@step(
    "bash",
    effects="writes",
    capabilities={"commands"},
    examples=("- {name: a, type: bash, command: 'echo one; echo two'}",),
    legacy_since="0.1",
)
async def bash(params: Bash, ctx: Context) -> Outcome:
    """Run a text with bash; the result is that of `command`, which new documents write instead."""
    asked = programs.Command(
        command=["bash", "-c", params.command], env=params.env, limit_s=params.limit_s
    )
    return await programs.command.run(asked, ctx)
