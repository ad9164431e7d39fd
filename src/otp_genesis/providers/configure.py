"""What `genesis.toml` says of one provider: `[providers.NAME]`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import ConfigDict, Field

from otp_genesis.contracts.provider import (
    Health,
    Limits,
    Provider,
    RegisteredProvider,
    Reply,
    Request,
)
from otp_genesis.errors import ProviderError
from otp_genesis.model.frozen import Frozen


class ProviderSettings(Frozen):
    """The table `[providers.NAME]`. What it does not say stays as the provider was registered."""

    model_config = ConfigDict(allow_inf_nan=False)

    enabled: bool = True
    """Whether it may be asked at all."""
    priority: int | None = None
    """The higher is asked first, by the strategy `priority`."""
    weight: float | None = Field(default=None, ge=0)
    """Its share of the calls, by the strategy `weighted`."""
    concurrency: int | None = Field(default=None, ge=1)
    """Calls at once."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """Calls begun in a minute."""
    tokens_per_minute: float | None = Field(default=None, gt=0)
    """Tokens in and out, estimated before a call and corrected after it."""


class ScriptSettings(ProviderSettings):
    """The tables `[providers.scripted]` and `[providers.mock]`."""

    file: str | None = None
    """The prepared answers, beside `genesis.toml`."""


def configured(entry: RegisteredProvider, settings: ProviderSettings) -> RegisteredProvider:
    """Return the provider as it is set; one that is switched off stays, and says that it is."""
    said = settings.model_dump(exclude_none=True)
    limits = {name: said[name] for name in Limits.model_fields if name in said}
    entry = replace(
        entry,
        limits=entry.limits.model_copy(update=limits),
        priority=said.get("priority", entry.priority),
        weight=said.get("weight", entry.weight),
    )
    return entry if settings.enabled else replace(entry, provider=SwitchedOff(entry.provider))


@dataclass(frozen=True)
class SwitchedOff:
    """A provider that may not be asked: it is listed, with the reason, and never called."""

    provider: Provider

    @property
    def name(self) -> str:
        """The provider's own."""
        return self.provider.name

    @property
    def capabilities(self) -> frozenset[str]:
        """The provider's own."""
        return self.provider.capabilities

    async def check(self) -> Health:
        """It cannot be asked."""
        where = f"set enabled = true in genesis.toml: [providers.{self.name}]"
        return Health(False, "it is switched off", where)

    async def complete(self, request: Request) -> Reply:
        """Raise `ProviderError`."""
        raise ProviderError("it is switched off", retryable=False)
