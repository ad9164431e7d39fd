"""What genesis.toml says of providers: the strategy, and a table for each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from otp_genesis.contracts.entry import Lazy
from otp_genesis.contracts.provider import ModelFacts, RegisteredProvider
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.contracts.registry import Change
from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.providers import KINDS
from otp_genesis.providers.configure import ProviderSettings, ScriptSettings, configured
from otp_genesis.providers.kind import ProviderKind, Surroundings, VendorSettings, kind_named
from otp_genesis.providers.mock import MockProvider
from otp_genesis.providers.scripted import ScriptedProvider
from otp_genesis.providers.secrets import Secrets
from otp_genesis.settings import FILE, Settings


class ProviderTables:
    """The section `[providers]`; raises `UsageError` for what it cannot hold."""

    def __init__(self, settings: Settings, providers: ProviderRegistry, secrets: Secrets):
        self.source = settings.source or FILE
        self.strategy = "priority"
        self._providers = providers
        self._wanted: dict[str, ProviderSettings] = {}
        self._done: dict[str, RegisteredProvider] = {}
        for name, value in settings.sections.get("providers", {}).items():
            if isinstance(value, Mapping):
                kind = _kind_of(name, value, str(self.source))
                scripts = name in (ScriptedProvider.name, MockProvider.name)
                plain = ScriptSettings if scripts else ProviderSettings
                model = plain if kind is None else kind.settings
                self._wanted[name] = settings.table(f"providers.{name}", value, model)
                if kind is not None and name not in KINDS:
                    make = partial(_made, name, kind, self._wanted[name], settings, secrets)
                    providers.add_lazy(Lazy(name, make))
            elif name == "strategy" and isinstance(value, str):
                self.strategy = value
            else:
                hint = did_you_mean(name, ("strategy",))
                message = f"[providers] {name!r} is no table and no strategy{hint}"
                raise UsageError(f"{self.source}: {message}")
        providers.subscribe(self._apply)

    def _apply(self, change: Change, name: str) -> None:
        """Give a provider what is said of it, whenever it comes."""
        wanted = self._wanted.get(name)
        if wanted is None or change not in ("registered", "replaced"):
            return
        if isinstance(wanted, VendorSettings) and change == "registered":
            # It is made with its settings, once it is asked for.
            return
        entry = self._providers.get(name)
        if entry is not self._done.get(name):
            self._done[name] = configured(entry, wanted)
            self._providers.add(self._done[name], replace=True)

    def require_known(self) -> None:
        """Raise `UsageError` where a table speaks of a provider that is not there."""
        known = {MockProvider.name}
        if all(name in known or name in self._providers for name in self._wanted):
            return
        if unknown := set(self._wanted) - known.union(self._providers.names()):
            name = min(unknown)
            near = did_you_mean(name, self._providers.names())
            message = f"[providers.{name}] no provider {name!r}{near}"
            raise UsageError(f"{self.source}: {message}")


def _kind_of(name: str, table: Mapping[str, Any], source: str) -> ProviderKind | None:
    """Return the kind that a table says, or its name is; nothing for a plugin's provider."""
    said = table.get("kind", name)
    kind = kind_named(said) if isinstance(said, str) else None
    if kind is None and "kind" in table:
        near = did_you_mean(str(said), KINDS)
        raise UsageError(f"{source}: [providers.{name}] no kind {said!r}{near}")
    return kind


def built_in(name: str, settings: Settings, secrets: Secrets) -> RegisteredProvider:
    """Return one of the providers that every runtime has, as the settings make it."""
    if name == ScriptedProvider.name:
        return scripted(settings)
    table = settings.sections.get("providers", {}).get(name, {})
    given = table if isinstance(table, Mapping) else {}
    # A table may say that what has this name is of another kind.
    kind = _kind_of(name, given, str(settings.source or FILE))
    assert kind is not None
    said = settings.table(f"providers.{name}", given, kind.settings)
    return _made(name, kind, said, settings, secrets)


def _made(
    name: str, kind: ProviderKind, said: ProviderSettings, settings: Settings, secrets: Secrets
) -> RegisteredProvider:
    assert isinstance(said, VendorSettings)
    if (file := getattr(said, "file", None)) and settings.source is not None:
        beside = settings.source.resolve().parent / Path(file).expanduser()
        said = said.model_copy(update={"file": str(beside)})
    folder = settings.home / "providers" / name
    provider = kind.make(name, said, Surroundings(secrets, folder, settings.environ))
    models = said.models
    if said.model is not None and said.model not in [one.name for one in models[:1]]:
        others = [one for one in models if one.name != said.model]
        known = [one for one in models if one.name == said.model] or [ModelFacts(name=said.model)]
        models = (*known, *others)
    entry = RegisteredProvider(provider, provider.capabilities, models, origin="built-in")
    return configured(entry, said)


def scripted(settings: Settings) -> RegisteredProvider:
    """Return the provider that answers from the script which the settings name, if any."""
    script = _file(settings, "scripted", "GENESIS_SCRIPT")
    provider = ScriptedProvider.from_file(script) if script else ScriptedProvider()
    return RegisteredProvider(provider, provider.capabilities, origin="built-in")


def mock(settings: Settings) -> RegisteredProvider:
    """Return the provider that always answers, by the file which the settings name, if any."""
    answers = _file(settings, "mock", "GENESIS_MOCK")
    provider = MockProvider.from_file(answers) if answers else MockProvider()
    return RegisteredProvider(
        provider, provider.capabilities, priority=provider.priority, origin="built-in"
    )


def _file(settings: Settings, provider: str, variable: str) -> Path | None:
    """Return the file that the environment, or a table of genesis.toml, names for a provider."""
    if named := settings.environ.get(variable):
        return Path(named)
    table = settings.sections.get("providers", {}).get(provider, {})
    named = table.get("file") if isinstance(table, Mapping) else None
    return settings.source.parent / str(named) if named and settings.source is not None else None
