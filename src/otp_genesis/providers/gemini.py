"""Google's models, by the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.provider import Provider
from otp_genesis.deferred import deferred
from otp_genesis.providers.kind import ProviderKind, Surroundings, VendorSettings
from otp_genesis.providers.native_schema import GEMINI
from otp_genesis.providers.pydantic_ai import Access, Vendor, chat_provider

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.models import google as models
    from pydantic_ai.providers import google as clients
else:
    models = deferred("pydantic_ai.models.google")
    clients = deferred("pydantic_ai.providers.google")


def _model(access: Access) -> Model:
    provider = clients.GoogleProvider(
        api_key=access.key, base_url=access.base_url, http_client=access.http
    )
    return models.GoogleModel(access.model, provider=provider)


def _takes_schema(profile: Mapping[str, Any], with_functions: bool) -> bool:
    if with_functions and not profile.get("google_supports_tool_combination"):
        return False
    return bool(profile.get("supports_json_schema_output"))


VENDOR = Vendor(
    name="google",
    url="https://generativelanguage.googleapis.com",
    keys=("env:GEMINI_API_KEY", "env:GOOGLE_API_KEY"),
    modules=("pydantic_ai.models.google", "pydantic_ai.providers.google"),
    package="google.genai",
    extra="gemini",
    dialect=GEMINI,
    options=frozenset(
        (
            "max_tokens",
            "temperature",
            "top_p",
            "top_k",
            "stop_sequences",
            "seed",
            "presence_penalty",
            "frequency_penalty",
        )
    ),
    model=_model,
    takes_schema=_takes_schema,
)


def _made(name: str, settings: VendorSettings, surroundings: Surroundings) -> Provider:
    return chat_provider(name, VENDOR, settings, surroundings)


KIND = ProviderKind(VendorSettings, _made)
