"""The step that asks a person."""

from __future__ import annotations

from typing import Literal

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Failed, Ok, Outcome, Suspended


class Gate(Params):
    """Parameters of `gate`."""

    question: str
    choices: list[str] = ["approve", "reject"]
    """The answers that are taken; the first means yes. Empty: any text is."""
    on_reject: Literal["stop", "continue"] = "stop"


@step("gate", capabilities={"approval"})
async def gate(params: Gate, ctx: Context) -> Outcome:
    """Ask a person, and wait: the run is suspended until `genesis runs answer` answers.

    The result holds `answer` and `approved`.
    """
    answer = ctx.answer
    if answer == "approve" and params.choices and answer not in params.choices:
        answer = params.choices[0]
    if answer is None or (params.choices and answer not in params.choices):
        return Suspended(question=params.question, choices=tuple(params.choices))
    approved = not params.choices or answer == params.choices[0]
    if not approved and params.on_reject == "stop":
        return Failed(error=f"{params.question!r} was answered {answer!r}")
    return Ok(output={"answer": answer, "approved": approved})


STEPS = (gate,)
