"""The older step type that gives back what it is told: for tests of documents."""

from __future__ import annotations

from typing import Any

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Failed, Ok, Outcome


class Echo(Params):
    """Parameters of `test_echo`."""

    value: Any = "default_echo"
    """The result; `__FAIL__` fails."""
    fail: bool = False
    error_message: str = "Test step intentionally failed"


@step(
    "test_echo",
    capabilities={"data"},
    examples=("- {name: a, type: test_echo, value: {n: 1}}",),
    legacy_since="0.1",
)
async def test_echo(params: Echo, ctx: Context) -> Outcome:
    """Give back a value, or fail: a step for tests of documents."""
    if params.fail or params.value == "__FAIL__":
        return Failed(error=params.error_message)
    return Ok(output=params.value)
