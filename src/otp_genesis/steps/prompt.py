"""The step that asks a model."""

from __future__ import annotations

from typing import Annotated, Any

from otp_genesis.contracts.provider import Request
from otp_genesis.contracts.step import CapabilityNames, Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Ok, Outcome


class Prompt(Params):
    """Parameters of `prompt`."""

    prompt: str
    system: str | None = None
    provider: str | None = None
    model: str | None = None
    needs: Annotated[list[str], CapabilityNames()] = []
    """Capabilities that the provider must have beside `text`."""
    options: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None
    """JSON Schema (2020-12) that the answer must satisfy; it is then data."""


@step("prompt", capabilities={"text", "structured_output"})
async def prompt(params: Prompt, ctx: Context) -> Outcome:
    """Ask a model. Without a schema the result is an answer; with one it is the answer's data.

    An answer is its `text` where text is expected; it also holds `provider`, `model` and `usage`.
    """
    needs: set[str] = {"text", *params.needs}
    if params.output_schema is not None:
        needs.add("structured_output")
    reply = await ctx.models.complete(
        Request(
            prompt=params.prompt,
            system=params.system,
            output_schema=params.output_schema,
            needs=frozenset(needs),
            provider=params.provider,
            model=params.model,
            options=params.options,
        )
    )
    if params.output_schema is not None:
        return Ok(output=reply.data)
    return Ok(output=reply.model_dump(mode="json"))


STEPS = (prompt,)
