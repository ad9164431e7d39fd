"""What genesis.toml says of providers: the strategy, and a table for each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from otp_genesis.contracts.provider import RegisteredProvider
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.contracts.registry import Change
from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.providers.configure import ProviderSettings, configured
from otp_genesis.providers.mock import MockProvider
from otp_genesis.providers.scripted import ScriptedProvider
from otp_genesis.settings import FILE, Settings


class ProviderTables:
    """The section `[providers]`; raises `UsageError` for what it cannot hold."""

    def __init__(self, settings: Settings, providers: ProviderRegistry):
        self.source = settings.source or FILE
        self.strategy = "priority"
        self._providers = providers
        self._wanted: dict[str, ProviderSettings] = {}
        self._done: dict[str, RegisteredProvider] = {}
        for name, value in settings.sections.get("providers", {}).items():
            if isinstance(value, Mapping):
                table = settings.table(f"providers.{name}", value, ProviderSettings)
                self._wanted[name] = table
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
