"""What is known of one plugin, and what it is asked and told by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from otp_genesis.contracts.plugin import Host, Plugin
from otp_genesis.deferred import deferred
from otp_genesis.errors import PluginError

if TYPE_CHECKING:
    import asyncio
    from importlib.metadata import EntryPoint

    from packaging import requirements as packages
else:
    asyncio = deferred("asyncio")
    packages = deferred("packaging.requirements")

HOOK_LIMIT_S = 30.0

Status = Literal["found", "loaded", "started", "stopped", "disabled", "quarantined"]


@dataclass
class Record:
    """One plugin, as far as it is known."""

    name: str
    source: str
    """The entry point, the file, or `given`."""
    load: Callable[[], Any] = field(repr=False)
    status: Status = "found"
    reason: str = ""
    plugin: Plugin | None = None
    host: Host | None = None
    undo: list[Callable[[], None]] = field(default_factory=list, repr=False)
    is_file: bool = False

    @property
    def version(self) -> str:
        """The plugin's version, once it is loaded."""
        return self.plugin.version if self.plugin else ""


def described(record: Record) -> dict[str, Any]:
    """Return a plugin as data, for `genesis plugins --json`."""
    plugin = record.plugin
    adds = {} if plugin is None or record.status == "quarantined" else _adds(plugin)
    return {
        "name": record.name,
        "version": record.version,
        "status": record.status,
        "reason": record.reason,
        "source": record.source,
        "requires": plugin.requires if plugin else "",
        "depends": list(plugin.depends) if plugin else [],
        "configurable": bool(plugin and plugin.config),
        "adds": adds,
    }


def _adds(plugin: Plugin) -> dict[str, list[str]]:
    rules = plugin.rules() if callable(plugin.rules) else plugin.rules
    return {
        "step types": [one.name for one in plugin.steps],
        "pipelines": [_called(one) for one in plugin.pipelines],
        "providers": [_called(one) for one in plugin.providers],
        "strategies": [one.name for one in plugin.strategies],
        "rules": [_called(one) for one in rules],
        "functions": list(plugin.functions),
        "capabilities": list(plugin.capabilities),
    }


def _called(one: Any) -> str:
    return str(
        getattr(one, "code", None) or getattr(one, "name", None) or getattr(one, "__name__", one)
    )


async def failure_of(hook: Callable[[Host], Any], record: Record) -> str | None:
    """Await a plugin's hook; return what it failed of, if it did."""
    assert record.host is not None
    try:
        async with asyncio.timeout(HOOK_LIMIT_S):
            await hook(record.host)
    except TimeoutError as error:
        return str(error) or f"no end within {HOOK_LIMIT_S:g} s"
    # A stranger's code, up to `sys.exit()`.
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    return None


def host_of(record: Record) -> Host:
    """Return what the hooks of a loaded plugin get."""
    assert record.host is not None
    return record.host


def same(plugin: Plugin) -> Plugin:
    """Return a plugin that was given, as if it had been loaded."""
    return plugin


def name_of(plugin: object) -> str:
    """Return what a given plugin is called, whatever it is."""
    return str(getattr(plugin, "name", type(plugin).__name__))


def source_of(entry: EntryPoint) -> str:
    """Return where an installed plugin comes from, with its distribution."""
    made = f" ({entry.dist.name} {entry.dist.version})" if entry.dist else ""
    return f"{entry.value}{made}"


def requirement(plugin: Plugin, text: str) -> packages.Requirement:
    """Return a plugin's requirement; raise `PluginError` where it is none."""
    try:
        return packages.Requirement(text)
    except packages.InvalidRequirement as error:
        message = f"{text!r} is no requirement such as 'acme>=1.2': {error}"
        raise PluginError(plugin.name, message.splitlines()[0]) from None
