"""What a model provider is, and what steps see of all providers together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

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


@dataclass(frozen=True)
class Health:
    """Whether a provider can be asked now, and if not, why and what helps."""

    available: bool
    reason: str = ""
    remedy: str = ""


@runtime_checkable
class Provider(Protocol):
    """Implement these to add a provider. Nothing of it may be imported before it is needed."""

    @property
    def name(self) -> str:
        """The name that pipelines ask for it by."""
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """What it can do: names of declared capabilities."""
        ...

    async def complete(self, request: Request) -> Reply:
        """Answer, or raise `ProviderError` that says whether asking again may help."""
        ...

    async def check(self) -> Health:
        """Say whether it can be asked, without asking the model anything."""
        ...


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


@dataclass(frozen=True)
class RegisteredProvider:
    """A provider and what is known of it: an entry of the provider registry."""

    provider: Provider
    capabilities: frozenset[str]
    models: tuple[ModelFacts, ...] = ()
    """The first is the one that is asked where a request names none."""
    limits: Limits = NO_LIMITS
    priority: int = 0
    """The higher is asked first, by the strategy `priority`."""
    weight: float = 1.0
    """Its share of the calls, by the strategy `weighted`."""
    origin: str = "code"

    @property
    def name(self) -> str:
        """The name that pipelines ask for it by."""
        return self.provider.name


@dataclass(frozen=True)
class FunctionProvider:
    """An async function as a provider."""

    name: str
    capabilities: frozenset[str]
    answer: Callable[[Request], Awaitable[Reply | str]]

    async def complete(self, request: Request) -> Reply:
        """Answer with what the function returns; a text is an answer, too."""
        said = await self.answer(request)
        return Reply(text=said) if isinstance(said, str) else said

    async def check(self) -> Health:
        """It is there."""
        return Health(True)


class Models(Protocol):
    """What steps see of all providers together."""

    async def complete(self, request: Request) -> Reply:
        """Answer through the best provider; raise `NoProvider` or `ProviderError`."""
        ...

    async def available(self, *needs: str) -> bool:
        """Whether any provider that offers all of `needs` can be asked now."""
        ...
