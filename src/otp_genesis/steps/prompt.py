"""The step that asks a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from otp_genesis.contracts.provider import Request
from otp_genesis.contracts.question import McpServer
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
    mcp_servers: dict[str, McpServer] = {}
    """Servers of tools that the model may call, by a name of one's own."""
    max_turns: int | None = Field(default=None, ge=1)
    """How often the model may be asked while it calls tools."""
    max_output_tokens: int | None = Field(default=None, ge=1)
    stream: bool = False
    """Whether the answer is told while it comes."""
    repairs: int = Field(default=2, ge=0)
    """How often an answer that does not fit `output_schema` is sent back with the errors."""
    options: dict[str, Any] = {}
    """For the provider: `temperature`, …"""
    output_schema: dict[str, Any] | None = None
    """JSON Schema (2020-12) that the answer must satisfy; it is then data."""


@step("prompt", capabilities={"text", "structured_output"})
async def prompt(params: Prompt, ctx: Context) -> Outcome:
    """Ask a model. Without a schema the result is an answer; with one it is the answer's data.

    An answer is its `text` where text is expected; it also holds `provider`, `model` and `usage`.
    """
    needs = ("tools",) if params.mcp_servers else ()
    reply = await ctx.models.complete(request_of(params, needs))
    if params.output_schema is not None:
        return Ok(output=reply.data)
    return Ok(output=reply.model_dump(mode="json"))


def request_of(params: Any, needs: Iterable[str], tools: tuple[str, ...] = ()) -> Request:
    """Return the request of a step that asks one thing; `needs` beside what its keys say."""
    wanted = {"text", *params.needs, *needs}
    if params.output_schema is not None:
        wanted.add("structured_output")
    return Request(
        prompt=params.prompt,
        system=params.system,
        output_schema=params.output_schema,
        needs=frozenset(wanted),
        provider=params.provider,
        model=params.model,
        max_output_tokens=params.max_output_tokens,
        tools=tools,
        mcp_servers=params.mcp_servers,
        max_turns=params.max_turns,
        stream=params.stream,
        repairs=params.repairs,
        options=params.options,
    )


STEPS = (prompt,)
