"""Steps that only move values."""

from __future__ import annotations

from typing import Any, Literal

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Ok, Outcome


class SetVariable(Params):
    """Parameters of `set_variable`."""

    variables: dict[str, Any]
    scope: Literal["global", "session", "loop"] = "global"


@step("set_variable", capabilities={"data"}, legacy_since="0.1")
async def set_variable(params: SetVariable, ctx: Context) -> Outcome:
    """Set variables of the run; later steps read them as `state.NAME`."""
    names = sorted(params.variables)
    output = {"variables_set": names, "scope": params.scope, "variable_count": len(names)}
    return Ok(output=output, variables=params.variables)


STEPS = (set_variable,)
