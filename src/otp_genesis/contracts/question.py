"""What is asked of a provider, what it answers, and what is known of its models."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from otp_genesis.model.frozen import Frozen
from otp_genesis.model.outcome import Usage


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
    model: str | None = None
    strategy: str | None = None
    """The strategy by which the providers are put in order, where it is not the run's."""
    session: str | None = None
    """The conversation that this goes on with: the provider that had it is asked again."""
    max_output_tokens: int | None = None
    """How long the answer may be; also what its price is estimated by."""
    options: dict[str, Any] = {}
    """Passed to the provider as they are."""


class Reply(Frozen):
    """One answer. With an `output_schema`, `data` satisfies it: the gateway has checked."""

    text: str
    data: Any = None
    provider: str = ""
    model: str | None = None
    session: str | None = None
    """The conversation that the answer belongs to, where the provider keeps one."""
    usage: Usage = Usage()


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
