"""A plugin is a value: lists of what it adds. Loading one runs none of its code but the import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from otp_genesis.contracts.provider import Provider
from otp_genesis.contracts.registry import Named
from otp_genesis.contracts.step import StepType

ENTRY_POINT_GROUP = "otp_genesis.plugins"


@dataclass(frozen=True)
class Plugin:
    """What one distribution adds; its entry point in `otp_genesis.plugins` names this.

    `pipelines` are document files that become step types under their workflow's name. `extras`
    hold what other plugins define a place for, such as `otp.rules`. `services` are handed to steps
    as `ctx.facts`, each made once a run.
    """

    name: str
    version: str = "0"
    steps: tuple[StepType[Any], ...] = ()
    providers: tuple[Provider, ...] = ()
    pipelines: tuple[Path, ...] = ()
    extras: Mapping[str, tuple[Named, ...]] = field(default_factory=dict)
    services: Mapping[str, Callable[[], Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Quarantined:
    """A plugin that could not be loaded, and why."""

    name: str
    reason: str


def load_plugins(
    found: Iterable[EntryPoint] | None = None,
) -> tuple[tuple[Plugin, ...], tuple[Quarantined, ...]]:
    """Return the installed plugins, and those that cannot be used; a bad one stops nobody else."""
    if found is None:
        found = entry_points(group=ENTRY_POINT_GROUP)
    good: dict[str, Plugin] = {}
    bad: list[Quarantined] = []
    for entry in sorted(found, key=lambda entry: entry.name):
        try:
            plugin = entry.load()
        # Whatever a stranger's module raises when it is imported, even `sys.exit()`.
        except (Exception, SystemExit) as error:
            bad.append(Quarantined(entry.name, f"{type(error).__name__}: {error}"))
            continue
        if not isinstance(plugin, Plugin):
            bad.append(Quarantined(entry.name, f"{entry.value} is no Plugin value"))
        elif plugin.name in good:
            bad.append(Quarantined(entry.name, f"a plugin named {plugin.name!r} is loaded already"))
        else:
            good[plugin.name] = plugin
    return tuple(good.values()), tuple(bad)
