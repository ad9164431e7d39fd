"""The kinds of providers that are brought along, each in a file of its own, loaded when needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import Field

from otp_genesis.contracts.provider import ModelFacts, Provider
from otp_genesis.providers import KINDS
from otp_genesis.providers.configure import ProviderSettings
from otp_genesis.providers.secrets import SecretReference, Secrets


class VendorSettings(ProviderSettings):
    """What `[providers.NAME]` may say of a provider that reaches a model somewhere."""

    kind: str | None = None
    """`claude`, `anthropic`, `gemini`, `openai` or `local`, where the name does not say it."""
    model: str | None = None
    """The model that is asked where a request names none."""
    models: tuple[ModelFacts, ...] = ()
    """What is known of models: context, prices."""
    api_key: SecretReference | None = None
    """Where the key is."""
    base_url: str | None = None
    """Where the vendor is asked, where it is not the vendor's own address."""
    timeout_s: float = Field(default=600.0, gt=0)
    """How long one request may take."""


@dataclass(frozen=True)
class Surroundings:
    """What a provider is made with, beside its settings."""

    secrets: Secrets
    folder: Path
    """A folder of its own, to keep sessions in; it need not be there yet."""
    environ: Mapping[str, str]


@dataclass(frozen=True)
class ProviderKind:
    """How providers of one kind are set up and made. Neither may import the vendor's SDK."""

    settings: type[VendorSettings]
    make: Callable[[str, Any, Surroundings], Provider]
    """`make(name, settings, surroundings)`."""


def kind_named(name: str) -> ProviderKind | None:
    """Return the kind, if there is one of that name."""
    if name not in KINDS:
        return None
    kind: ProviderKind = import_module(f"otp_genesis.providers.{name}").KIND
    return kind
