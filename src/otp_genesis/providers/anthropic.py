"""Anthropic's models, by its Messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otp_genesis.contracts.provider import Provider
from otp_genesis.deferred import deferred
from otp_genesis.providers.kind import ProviderKind, Surroundings, VendorSettings
from otp_genesis.providers.native_schema import ANTHROPIC
from otp_genesis.providers.pydantic_ai import Access, Vendor, chat_provider

if TYPE_CHECKING:
    import anthropic
    from pydantic_ai.models import Model
    from pydantic_ai.models import anthropic as models
    from pydantic_ai.providers import anthropic as clients
else:
    anthropic = deferred("anthropic")
    models = deferred("pydantic_ai.models.anthropic")
    clients = deferred("pydantic_ai.providers.anthropic")


def _model(access: Access) -> Model:
    client = anthropic.AsyncAnthropic(
        api_key=access.key,
        base_url=access.base_url,
        http_client=access.http,
        timeout=access.http.timeout,
        max_retries=0,
    )
    provider = clients.AnthropicProvider(anthropic_client=client)
    return models.AnthropicModel(access.model, provider=provider)


VENDOR = Vendor(
    name="anthropic",
    url="https://api.anthropic.com",
    keys=("env:ANTHROPIC_API_KEY",),
    modules=("pydantic_ai.models.anthropic", "pydantic_ai.providers.anthropic"),
    package="anthropic",
    extra="anthropic",
    dialect=ANTHROPIC,
    options=frozenset(("max_tokens", "temperature", "top_p", "top_k", "stop_sequences")),
    model=_model,
    takes_schema=lambda profile, _: bool(profile.get("supports_json_schema_output")),
)


def _made(name: str, settings: VendorSettings, surroundings: Surroundings) -> Provider:
    return chat_provider(name, VENDOR, settings, surroundings)


KIND = ProviderKind(VendorSettings, _made)
