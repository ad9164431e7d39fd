"""What is asked of a provider, what it answers, and what is known of its models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from otp_genesis.model.frozen import Frozen
from otp_genesis.model.outcome import Usage

if TYPE_CHECKING:
    from otp_genesis.contracts.call_site import CallSite
else:
    CallSite = Any


class McpServer(Frozen):
    """A server of tools (Model Context Protocol), for the provider to start or to call."""

    type: Literal["stdio", "sse", "http"] = "stdio"
    command: str | None = None
    """The program that is started, with `type: stdio`."""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    """What the program finds in its environment beside the harmless part of ours."""
    url: str | None = None
    headers: dict[str, str] = {}


class Request(Frozen):
    """One question, in no provider's dialect."""

    prompt: str
    system: str | None = None
    output_schema: dict[str, Any] | None = None
    """JSON Schema 2020-12 that the answer's data must satisfy."""
    needs: frozenset[str] = frozenset(("text",))
    """Capabilities that the provider must have."""
    provider: str | None = None
    """Ask this one, and no other."""
    prefers: tuple[str, ...] = ()
    """Those of these names are asked before the others, in this order, where they can be."""
    model: str | None = None
    strategy: str | None = None
    """The strategy by which the providers are put in order, where it is not the run's."""
    session: str | None = None
    """The conversation that this goes on with: the provider that had it is asked again."""
    max_output_tokens: int | None = None
    """How long the answer may be; also what its price is estimated by."""
    tools: tuple[str, ...] = ()
    """Names of the codebase's tools that the model may call, while it answers: `Tool.name`."""
    mcp_servers: dict[str, McpServer] = {}
    """Whose tools the model may call, too; by a name of one's own."""
    max_turns: int | None = Field(default=None, ge=1)
    """How often the model may be asked while it calls tools."""
    stream: bool = False
    """Whether the answer is told as it comes, by `ModelSaid` events."""
    repairs: int = Field(default=2, ge=0)
    """How often an answer that does not fit `output_schema` is sent back with the errors."""
    options: dict[str, Any] = {}
    """Passed to the provider as they are; one that does not know a key leaves it alone."""
    site: CallSite | None = Field(default=None, exclude=True, repr=False)
    """Where it is asked from: the files, whom to tell. The gateway sets it."""


class Reply(Frozen):
    """One answer. With an `output_schema`, `data` satisfies it: the gateway has checked."""

    text: str
    data: Any = None
    provider: str = ""
    model: str | None = None
    session: str | None = None
    """The conversation that the answer belongs to, where the provider keeps one."""
    usage: Usage = Usage()
    requests: int = 1
    """How many requests to the vendor it took: a model that calls tools is asked several times."""
    cost_known: bool = True
    """Whether `usage.cost_usd` says what it cost; without prices it is 0."""


class ModelFacts(Frozen):
    """What is known of one model that a provider offers. Prices in US dollars a million tokens."""

    name: str
    context_tokens: int | None = Field(default=None, ge=1)
    max_output_tokens: int | None = Field(default=None, ge=1)
    input_usd_per_million: float | None = Field(default=None, ge=0)
    output_usd_per_million: float | None = Field(default=None, ge=0)
    tools: bool = False
    """Whether it calls the functions that it is offered."""


class Limits(Frozen):
    """How much a provider may be asked at once and in a minute; nothing means no limit."""

    concurrency: int | None = Field(default=None, ge=1)
    """Calls at once."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    """Tokens in and out, estimated before a call and corrected after it."""


NO_LIMITS = Limits()
