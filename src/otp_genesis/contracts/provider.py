"""What a model provider is, and what steps see of all providers together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from otp_genesis.model.frozen import Frozen
from otp_genesis.model.outcome import Usage

Capability = Literal[
    "text", "structured_output", "tools", "streaming", "sessions", "agent", "images", "embeddings"
]
CAPABILITIES: frozenset[str] = frozenset(get_args(Capability))


class Request(Frozen):
    """One question, in no provider's dialect."""

    prompt: str
    system: str | None = None
    output_schema: dict[str, Any] | None = None
    """JSON Schema 2020-12 that the answer's data must satisfy."""
    needs: frozenset[Capability] = frozenset(("text",))
    provider: str | None = None
    """Ask this one, and no other."""
    model: str | None = None
    options: dict[str, Any] = {}
    """Passed to the provider as they are."""


class Reply(Frozen):
    """One answer. With an `output_schema`, `data` satisfies it: the gateway has checked."""

    text: str
    data: Any = None
    provider: str = ""
    model: str | None = None
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
    def capabilities(self) -> frozenset[Capability]:
        """What it can do."""
        ...

    async def complete(self, request: Request) -> Reply:
        """Answer, or raise `ProviderError` that says whether asking again may help."""
        ...

    async def check(self) -> Health:
        """Say whether it can be asked, without asking the model anything."""
        ...


class Models(Protocol):
    """What steps see of all providers together."""

    async def complete(self, request: Request) -> Reply:
        """Answer through the best provider; raise `NoProvider` or `ProviderError`."""
        ...

    async def available(self, *needs: Capability) -> bool:
        """Whether any provider that offers all of `needs` can be asked now."""
        ...
