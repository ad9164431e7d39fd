"""A plugin is a value: lists of what it adds. Loading one runs none of its code but the import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.catalog import StepRegistry
from otp_genesis.contracts.entry import Deprecation, Lazy, Named
from otp_genesis.contracts.provider import Provider, RegisteredProvider
from otp_genesis.contracts.provider_registry import ProviderRegistry, Strategy
from otp_genesis.contracts.step_type import StepType
from otp_genesis.deferred import deferred
from otp_genesis.model.frozen import Frozen

if TYPE_CHECKING:
    from importlib import metadata
else:
    metadata = deferred("importlib.metadata")

ENTRY_POINT_GROUP = "otp_genesis.plugins"
RULES = "rules"
"""Under which name `Plugin.rules` are found in `Context.facts`."""
CONFIG = "config"
"""Under which name `Context.facts` holds the plugins' configurations, by plugin name."""

OfferedProvider = (
    Provider | RegisteredProvider | Lazy[RegisteredProvider] | Callable[[Any], Provider]
)
"""A callable gets the plugin's configuration."""


@dataclass(frozen=True)
class Host:
    """What a plugin's hooks may reach."""

    config: Any
    """The plugin's configuration: an instance of its `config` model, or nothing without one."""
    steps: StepRegistry
    providers: ProviderRegistry


Hook = Callable[[Host], Awaitable[None]]


@dataclass(frozen=True)
class Lifecycle:
    """What a plugin does at the start and the end of a runtime, and meanwhile.

    `start` is awaited after those of the plugins it depends on, `stop` before theirs. Each of
    `tasks` runs in the background from start to stop; one that raises is restarted alone.
    """

    start: Hook | None = None
    stop: Hook | None = None
    tasks: Mapping[str, Hook] = field(default_factory=dict)


@dataclass(frozen=True)
class Plugin:
    """What one distribution adds; its entry point in `otp_genesis.plugins` names this."""

    name: str
    version: str = "0"
    requires: str = ""
    """The engine that it needs: `otp-genesis>=0.1,<2`."""
    depends: tuple[str, ...] = ()
    """Other plugins that it needs: `acme-base>=1`."""
    steps: tuple[StepType[Any] | Lazy[StepType[Any]], ...] = ()
    providers: tuple[OfferedProvider, ...] = ()
    strategies: tuple[Strategy, ...] = ()
    pipelines: tuple[Path | Lazy[StepType[Any]], ...] = ()
    """Document files that become step types under their workflow's name."""
    rules: tuple[Named, ...] | Callable[[], Iterable[Named]] = ()
    """Rules of the OTP application (`otp_genesis.otp.rule.Rule`), or what makes them when asked."""
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """What expressions may call: data in, data out."""
    capabilities: Mapping[str, str] = field(default_factory=dict)
    """Capabilities that it declares, each with its meaning."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names of step types."""
    deprecated: Mapping[str, Deprecation] = field(default_factory=dict)
    """Step types that are no longer to be used."""
    config: type[Frozen] | None = None
    """The model of its table `[plugins.NAME]` in genesis.toml."""
    lifecycle: Lifecycle | None = None
    extras: Mapping[str, tuple[Named, ...]] = field(default_factory=dict)
    """What other plugins define a place for."""
    services: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    """What steps find in `ctx.facts`, each made once a run."""


@dataclass(frozen=True)
class Quarantined:
    """A plugin that is left out, and why."""

    name: str
    reason: str


def installed(group: str = ENTRY_POINT_GROUP) -> tuple[metadata.EntryPoint, ...]:
    """Return the entry points of the installed plugins, sorted by name; import nothing."""
    return tuple(
        sorted(metadata.entry_points(group=group), key=lambda entry: (entry.name, entry.value))
    )


def lazy(name: str, reference: str, *, origin: str = "code") -> Lazy[Any]:
    """Return the entry `name` that is imported from `module:attribute` when it is asked for."""
    module, _, attribute = reference.partition(":")

    def load() -> Any:
        return attrgetter(attribute)(import_module(module))

    return Lazy(name, load, origin=origin)
