"""Steps that only move values."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationInfo, field_validator

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Ok, Outcome, succeeded
from otp_genesis.steps.warning import warn


class SetVariable(Params):
    """Parameters of `set_variable`."""

    variables: dict[str, Any] = {}
    """Names and values; a pair `variable` and `value` can be given instead, or beside."""
    scope: Literal["global", "session", "loop", "local"] = "global"
    """`local` variables are gone when the step is done; the others are the same thing."""
    variable: str | None = None
    value: Any = None

    @field_validator("value")
    @classmethod
    def _has_a_name(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("variable") is None:
            raise ValueError("a value needs a name; write it as 'variable' beside it")
        return value


@step("set_variable", capabilities={"data"}, legacy_since="0.1")
async def set_variable(params: SetVariable, ctx: Context) -> Outcome:
    """Set variables of the run; later steps read them as `state.NAME`."""
    variables = params.variables
    if params.variable is not None:
        variables = {**variables, params.variable: params.value}
    if not variables:
        await warn(ctx, "no-variables", "there are no 'variables' to set")
        return Ok(output={})
    names = sorted(variables)
    output = {"variables_set": names, "scope": params.scope, "variable_count": len(names)}
    if params.scope == "local":
        await warn(ctx, "scope", "'local' variables are gone now: no other step sees them")
        variables = {}
    return succeeded(output, variables)


STEPS = (set_variable,)
"""The module's types."""
