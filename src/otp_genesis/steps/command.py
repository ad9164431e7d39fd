"""The step that runs a program in the codebase's sandbox."""

from __future__ import annotations

import shlex
import time

from pydantic import Field, field_validator

from otp_genesis.contracts.codebase import Limits
from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.event import CommandRan
from otp_genesis.model.outcome import Failed, Ok, Outcome


class Command(Params):
    """Parameters of `command`."""

    command: list[str]
    """The program and its arguments; a string is split like a shell would, but none runs."""
    env: dict[str, str] = {}
    limit_s: float = Field(default=300, gt=0)
    """After so many seconds the whole process group is ended."""
    output_bytes: int = Field(default=1_000_000, ge=0)
    memory_bytes: int | None = None
    network: bool = False
    expect: list[int] = [0]
    """The exit codes that count as success."""

    @field_validator("command", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        words = shlex.split(value) if isinstance(value, str) else value
        if words == []:
            raise ValueError("a command is missing")
        return words


@step("command", effects="writes", capabilities={"commands"})
async def command(params: Command, ctx: Context) -> Outcome:
    """Run a program; the result holds `exit_code`, `stdout`, `stderr`, `duration_s`, `ended_by`."""
    limits = Limits(
        timeout_s=params.limit_s,
        output_bytes=params.output_bytes,
        memory_bytes=params.memory_bytes or Limits().memory_bytes,
        network=params.network,
    )
    result = await ctx.codebase.run(params.command, limits=limits, env=params.env)
    await ctx.emit(
        CommandRan(
            at=time.time(),
            path=ctx.path,
            argv=result.argv,
            exit_code=result.exit_code,
            duration_s=result.duration_s,
        )
    )
    output = result.model_dump(mode="json")
    if result.exit_code in params.expect:
        return Ok(output=output)
    how = f"was ended: {result.ended_by}" if result.ended_by else f"gave exit {result.exit_code}"
    tail = (result.stderr or result.stdout).strip()[-500:]
    said = f"; it said: {tail}" if tail else ""
    return Failed(error=f"{params.command[0]} {how}{said}", output=output, retryable=True)


STEPS = (command,)
