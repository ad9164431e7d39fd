"""The plugins of one runtime: found, loaded when they are needed, checked, started, stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.naming import NAME
from otp_genesis.contracts.plugin import Host, Plugin, Quarantined, installed
from otp_genesis.contracts.versions import satisfied
from otp_genesis.deferred import deferred
from otp_genesis.errors import GenesisError, PluginError, UsageError, did_you_mean
from otp_genesis.extension.files import plugin_from_file
from otp_genesis.extension.installing import Registries, added
from otp_genesis.extension.record import (
    Record,
    Status,
    described,
    failure_of,
    host_of,
    name_of,
    requirement,
    same,
    source_of,
)
from otp_genesis.settings import PluginTables, held

if TYPE_CHECKING:
    from packaging import requirements as packages
else:
    packages = deferred("packaging.requirements")

log = logging.getLogger(__name__)

ENGINE = "otp-genesis"

Tell = Callable[[str, Status, str], None]


class Plugins:
    """Every plugin that was given, named by its file, or is installed.

    Given ones and files are loaded at once; installed ones when a name is asked for that nobody
    knows, or when everything is listed. One that is bad is put into quarantine, with all it added
    taken back, and stops nobody else.
    """

    def __init__(
        self, registries: Registries, tables: PluginTables, *, version: str, discover: bool
    ):
        self.registries, self.tables, self._version = registries, tables, version
        self._discover = discover
        self._found = False
        self._lock = RLock()
        self._stack: list[str] = []
        self.records: dict[str, Record] = {}
        self.tell: Tell = _untold
        for registry in registries.all():
            registry.bring_from(partial(self._bring_to, registry))

    # Finding

    def give(self, plugins: Iterable[Plugin]) -> None:
        """Load plugins that the caller has."""
        records = [self._record(name_of(one), "given", partial(same, one)) for one in plugins]
        with self._lock:
            for record in records:
                self._load(record)

    def give_files(self, paths: Iterable[Path]) -> list[Record]:
        """Load plugins from files; one that is loaded already is not loaded again."""
        records = []
        with self._lock:
            for path in paths:
                whole = path.expanduser().resolve()
                same = [one for one in self.records.values() if one.source == str(whole)]
                record = same[0] if same else self._file_record(whole)
                self._load(record)
                records.append(record)
        return records

    def _file_record(self, path: Path) -> Record:
        record = self._record(path.stem, str(path), lambda: plugin_from_file(path))
        record.is_file = True
        return record

    def _record(self, name: str, source: str, load: Callable[[], Any]) -> Record:
        record = Record(name, source, load)
        key, number = name, 2
        while key in self.records:
            key, number = f"{name}#{number}", number + 1
        self.records[key] = record
        return record

    def find(self) -> None:
        """Look up which plugins are installed; import none of them."""
        with self._lock:
            if self._found or not self._discover:
                return
            self._found = True
            for entry in installed():
                record = self._record(entry.name, source_of(entry), entry.load)
                if not self.tables.wants(entry.name):
                    record.status, record.reason = "disabled", "genesis.toml says so"

    def require_known(self) -> None:
        """Raise `UsageError` where genesis.toml speaks of a plugin that is not there."""
        named = self.tables.named()
        if not named:
            return
        self.find()
        if set(named) <= {record.name for record in self.records.values()}:
            return
        self.bring(None)
        known = {record.name for record in self.records.values()}
        for name in named:
            if name not in known:
                near = did_you_mean(name, known)
                raise UsageError(f"{self.tables.source}: [plugins] no plugin {name!r}{near}")

    # Loading

    def bring(self, name: str | None, registry: Any = None) -> None:
        """Load plugins until one of them brings `name` to `registry`, or all of them."""
        with self._lock:
            self.find()
            waiting = [one for one in self.records.values() if one.status == "found"]
            if name is not None:
                prefix = name.partition(".")[0]
                waiting.sort(key=lambda one: one.name != prefix)
            for record in waiting:
                self._load(record)
                if name is not None and registry is not None and name in registry:
                    return

    def _bring_to(self, registry: Any, name: str | None) -> None:
        self.bring(name, registry)

    def _load(self, record: Record) -> None:
        """Load one plugin and those it depends on; put it into quarantine where it is bad."""
        if record.status != "found":
            return
        if record.name in self._stack:
            chain = " → ".join((*self._stack[self._stack.index(record.name) :], record.name))
            self._quarantine(record, f"plugins depend on each other in a circle: {chain}")
            return
        self._stack.append(record.name)
        try:
            plugin = self._imported(record)
            self._require_engine(plugin)
            self._require_others(plugin)
            if record.status != "found":
                return
            config = self._config(plugin)
            record.undo = added(plugin, config, self.registries)
            record.plugin = plugin
            record.host = Host(config, self.registries.steps, self.registries.providers)
            self._became(record, "loaded")
        except UsageError:
            raise
        except PluginError as error:
            self._quarantine(record, error.reason)
        except GenesisError as error:
            self._quarantine(record, str(error))
        finally:
            self._stack.pop()

    def _imported(self, record: Record) -> Plugin:
        try:
            plugin = record.load()
        except GenesisError:
            raise
        # Whatever a stranger's module raises when it is imported, even `sys.exit()`.
        except (Exception, SystemExit) as error:
            raise PluginError(record.name, f"{type(error).__name__}: {error}") from error
        if not isinstance(plugin, Plugin):
            raise PluginError(record.name, f"{record.source} is no Plugin value")
        if not isinstance(plugin.name, str) or not NAME.fullmatch(plugin.name):
            raise PluginError(record.name, f"it has a bad name: {plugin.name!r}")
        for other in self.records.values():
            if other is not record and other.plugin and other.plugin.name == plugin.name:
                message = f"a plugin named {plugin.name!r} is loaded already, from {other.source}"
                raise PluginError(record.name, message)
        if not self.tables.wants(plugin.name):
            record.name = plugin.name
            record.status, record.reason = "disabled", "genesis.toml says so"
        record.name = plugin.name
        return plugin

    def _require_engine(self, plugin: Plugin) -> None:
        if not plugin.requires:
            return
        needed = requirement(plugin, plugin.requires)
        if needed.name != ENGINE:
            message = f"requires={plugin.requires!r}: it is to name {ENGINE}; others are depends="
            raise PluginError(plugin.name, message)
        if not satisfied(needed, self._version):
            raise PluginError(plugin.name, f"it needs {needed}, and this is {self._version}")

    def _require_others(self, plugin: Plugin) -> None:
        for text in plugin.depends:
            needed = requirement(plugin, text)
            other = self._known(needed.name)
            if other is None:
                raise PluginError(plugin.name, f"it needs the plugin {needed}, which is not there")
            self._load(other)
            if other.plugin is None or other.status in ("disabled", "quarantined"):
                why = f"{other.status}: {other.reason}" if other.reason else other.status
                raise PluginError(plugin.name, f"it needs the plugin {needed}, which is {why}")
            if not satisfied(needed, other.version):
                message = f"it needs the plugin {needed}, and there is {other.version}"
                raise PluginError(plugin.name, message)

    def _known(self, name: str) -> Record | None:
        self.find()
        for record in self.records.values():
            if record.name == name:
                return record
        # Its entry point may have another name.
        for record in list(self.records.values()):
            if record.name not in self._stack:
                self._load(record)
                if record.name == name:
                    return record
        return None

    def _config(self, plugin: Plugin) -> Any:
        table = self.tables.configs.get(plugin.name)
        where = f"{self.tables.source}: [plugins.{plugin.name}]"
        if plugin.config is None:
            if table:
                raise UsageError(f"{where}: this plugin has nothing to configure")
            return None
        return held(table or {}, plugin.config, where)

    def _quarantine(self, record: Record, reason: str) -> None:
        for undo in reversed(record.undo):
            undo()
        record.undo = []
        record.reason = reason
        self._became(record, "quarantined")

    def _became(self, record: Record, status: Status) -> None:
        record.status = status
        told = log.warning if status == "quarantined" else log.debug
        told(
            "plugin %r is %s%s", record.name, status, f": {record.reason}" if record.reason else ""
        )
        self.tell(record.name, status, record.reason)

    # Starting and stopping

    async def start(self) -> list[tuple[str, Callable[[], Any]]]:
        """Start what is loaded and not started, in order of dependency; return its tasks.

        One that fails, or takes longer than half a minute, is put into quarantine, and those that
        depend on it with it.
        """
        tasks: list[tuple[str, Callable[[], Any]]] = []
        for record in self._in_order():
            if record.status not in ("loaded", "stopped") or record.plugin is None:
                continue
            if missing := self._not_started(record.plugin):
                self._quarantine(record, f"it needs the plugin {missing!r}, which did not start")
                continue
            lifecycle = record.plugin.lifecycle
            if lifecycle and lifecycle.start and (why := await failure_of(lifecycle.start, record)):
                self._quarantine(record, f"it did not start: {why}")
                continue
            self._became(record, "started")
            for name, task in (lifecycle.tasks if lifecycle else {}).items():
                tasks.append((f"{record.name}.{name}", partial(task, host_of(record))))
        return tasks

    async def stop(self) -> list[str]:
        """Stop what was started, the last first; return what went wrong."""
        failures = []
        for record in reversed(self._in_order()):
            if record.status != "started" or record.plugin is None:
                continue
            lifecycle = record.plugin.lifecycle
            if lifecycle and lifecycle.stop and (why := await failure_of(lifecycle.stop, record)):
                failures.append(f"plugin {record.name!r} did not stop: {why}")
                log.warning("%s", failures[-1])
            self._became(record, "stopped")
        return failures

    def _in_order(self) -> list[Record]:
        """Return the loaded ones, each after those it depends on."""
        by_name = {r.plugin.name: r for r in self.records.values() if r.plugin is not None}
        ordered: dict[str, Record] = {}

        def visit(record: Record) -> None:
            assert record.plugin is not None
            for text in record.plugin.depends:
                other = by_name.get(packages.Requirement(text).name)
                if other is not None and other.name not in ordered:
                    visit(other)
            ordered.setdefault(record.plugin.name, record)

        for record in by_name.values():
            visit(record)
        return list(ordered.values())

    def _not_started(self, plugin: Plugin) -> str | None:
        by_name = {record.name: record for record in self.records.values()}
        for text in plugin.depends:
            name = packages.Requirement(text).name
            if by_name[name].status != "started":
                return name
        return None

    # Telling

    def described(self) -> list[dict[str, Any]]:
        """Return every plugin as data: what it adds, or why it is left out; all are loaded."""
        self.bring(None)
        return [described(record) for record in self.records.values()]

    def file_names(self) -> tuple[str, ...]:
        """Return the files that plugins were loaded from, absolute."""
        return tuple(one.source for one in self.records.values() if one.is_file)

    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        """The plugins that are left out."""
        return tuple(
            Quarantined(one.name, one.reason)
            for one in self.records.values()
            if one.status == "quarantined"
        )

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the engine and of every plugin; they are loaded for it."""
        self.bring(None)
        loaded = {r.name: r.version for r in self.records.values() if r.plugin is not None}
        return {ENGINE: self._version, **loaded}


def _untold(name: str, status: Status, reason: str) -> None:
    """Nobody listens yet."""
