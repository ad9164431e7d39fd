"""The step in which a model works on the codebase with tools."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from otp_genesis.contracts.question import McpServer
from otp_genesis.contracts.step import CapabilityNames, Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.steps.prompt import request_of

ToolName = Literal["read_file", "list_files", "search", "edit_file", "write_file", "run_tests"]
ALL_TOOLS: tuple[ToolName, ...] = get_args(ToolName)


class Agent(Params):
    """Parameters of `agent`."""

    prompt: str
    system: str | None = None
    tools: tuple[ToolName, ...] = ALL_TOOLS
    """The codebase's tools that the model may call; none with `[]`."""
    mcp_servers: dict[str, McpServer] = {}
    """Servers of more tools, by a name of one's own."""
    max_turns: int = Field(default=20, ge=1)
    """How often the model is asked while it calls tools."""
    provider: str | None = None
    model: str | None = None
    needs: Annotated[list[str], CapabilityNames()] = []
    """Capabilities that the provider must have beside `text` and `tools`."""
    max_output_tokens: int | None = Field(default=None, ge=1)
    stream: bool = False
    """Whether its texts are told while they come."""
    repairs: int = Field(default=2, ge=0)
    """How often an answer that does not fit `output_schema` is sent back with the errors."""
    options: dict[str, Any] = {}
    """For the provider: `allowed_tools` of an agent's own, `temperature`, …"""
    output_schema: dict[str, Any] | None = None
    """JSON Schema (2020-12) that the last answer must satisfy; it is then in `data`."""


@step("agent", effects="writes", capabilities={"text", "tools", "structured_output"})
async def agent(params: Agent, ctx: Context) -> Outcome:
    """Let a model work on the files: it reads, searches, changes them and runs the tests.

    Every path stays in the project, every command in the sandbox. The result is an answer: its
    `text` where text is expected; it also holds `data`, `provider`, `model`, `usage`, `requests`.
    """
    reply = await ctx.models.complete(request_of(params, ("tools",), params.tools))
    return Ok(output=reply.model_dump(mode="json"))


STEPS = (agent,)
