"""What a model provider is, and what steps see of all providers together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from otp_genesis.deferred import deferred

if TYPE_CHECKING:
    from otp_genesis.contracts import question as questions
    from otp_genesis.contracts.question import Limits, ModelFacts, Reply, Request
else:
    questions = deferred("otp_genesis.contracts.question")

__all__ = (
    "FunctionProvider",
    "Health",
    "Limits",
    "ModelFacts",
    "Models",
    "Provider",
    "RegisteredProvider",
    "Reply",
    "Request",
    "is_provider",
)


def __getattr__(name: str) -> Any:
    # These are models, which take time to make: a registry of providers needs none of them.
    if name in ("Limits", "ModelFacts", "Reply", "Request"):
        return getattr(questions, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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


@dataclass(frozen=True)
class RegisteredProvider:
    """A provider and what is known of it: an entry of the provider registry."""

    provider: Provider
    capabilities: frozenset[str]
    models: tuple[ModelFacts, ...] = ()
    """The first is the one that is asked where a request names none."""
    limits: Limits = field(default_factory=lambda: questions.NO_LIMITS)
    priority: int = 0
    """The higher is asked first, by the strategy `priority`."""
    weight: float = 1.0
    """Its share of the calls, by the strategy `weighted`."""
    origin: str = "code"

    @property
    def name(self) -> str:
        """The name that pipelines ask for it by."""
        return self.provider.name


def is_provider(value: object) -> bool:
    """Whether a value is a provider or an entry for one; a class of providers is neither."""
    return isinstance(value, Provider | RegisteredProvider) and not isinstance(value, type)


@dataclass(frozen=True)
class FunctionProvider:
    """An async function as a provider."""

    name: str
    capabilities: frozenset[str]
    answer: Callable[[Request], Awaitable[Reply | str]]

    async def complete(self, request: Request) -> Reply:
        """Answer with what the function returns; a text is an answer, too."""
        said = await self.answer(request)
        return questions.Reply(text=said) if isinstance(said, str) else said

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
