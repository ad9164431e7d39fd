"""Where settings come from: the environment, `genesis.toml`, the user's configuration.

The sections of `genesis.toml` belong to those who read them; each is checked by its reader's
model, so that a misspelt key is an error wherever it stands.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from otp_genesis.deferred import deferred
from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.model.environment_names import filled
from otp_genesis.model.frozen import Frozen

if TYPE_CHECKING:
    import tomllib
else:
    tomllib = deferred("tomllib")

FILE = "genesis.toml"
SECTIONS = ("verify", "providers", "plugins", "run", "scan", "telemetry", "budget")

_PLUGIN_LISTS = ("paths", "enabled", "disabled")

S = TypeVar("S", bound=Frozen)


def held(given: Mapping[str, Any], model: type[S], where: str) -> S:
    """Return what a table at `where` holds; raise `UsageError` for what it cannot hold."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(map(str, detail["loc"]))
        hint = ""
        if detail["type"] == "extra_forbidden":
            hint = did_you_mean(str(detail["loc"][-1]), model.model_fields)
        raise UsageError(f"{where} {key}: {detail['msg']}{hint}") from None


@dataclass(frozen=True)
class PluginTables:
    """The section `[plugins]`: which plugins, and the configuration of each."""

    source: str = FILE
    paths: tuple[Path, ...] = ()
    """Files that are plugins, absolute."""
    enabled: tuple[str, ...] | None = None
    """Where it is said, only these."""
    disabled: tuple[str, ...] = ()
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def wants(self, name: str) -> bool:
        """Whether a plugin of that name is to be used."""
        return name not in self.disabled and (self.enabled is None or name in self.enabled)

    def named(self) -> tuple[str, ...]:
        """Return every plugin that it speaks of, in order."""
        return (*(self.enabled or ()), *self.disabled, *self.configs)


class RunDefaults(Frozen):
    """The section `[run]`."""

    workspace: str | None = None
    output: str | None = None
    provider: str | None = None


@dataclass(frozen=True)
class Settings:
    """Everything that is set outside a document and the command line."""

    home: Path
    """Where runs are kept: journal, worktrees, reports."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: Path | None = None
    """The `genesis.toml` that `sections` come from."""

    def section(self, name: str, model: type[S]) -> S:
        """Return a section of `genesis.toml`; raise `UsageError` for what it cannot hold."""
        return self.table(name, self.sections.get(name, {}), model)

    def table(self, name: str, given: Mapping[str, Any], model: type[S]) -> S:
        """Return what a table holds; raise `UsageError`, naming it, for what it cannot hold."""
        return held(given, model, f"{self.source or FILE}: [{name}]")

    @property
    def plugins(self) -> PluginTables:
        """The section `[plugins]`; raise `UsageError` for what it cannot hold."""
        source = str(self.source or FILE)
        lists: dict[str, tuple[str, ...]] = {}
        configs: dict[str, Mapping[str, Any]] = {}
        for name, value in self.sections.get("plugins", {}).items():
            if isinstance(value, Mapping):
                configs[name] = value
            elif name not in _PLUGIN_LISTS:
                hint = did_you_mean(name, _PLUGIN_LISTS)
                raise UsageError(f"{source}: [plugins] unknown key {name!r}{hint}")
            elif not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise UsageError(f"{source}: [plugins] {name} must be a list of strings")
            else:
                lists[name] = tuple(value)
        paths = tuple(Path(one) for one in lists.get("paths", ()))
        return PluginTables(source, paths, lists.get("enabled"), lists.get("disabled", ()), configs)

    def folder(self, *named: str | None) -> str:
        """Return the first folder that is named, absolute; `${NAME:-default}` is filled."""
        texts = (filled(one, self.environ) for one in named)
        return str(Path(next(filter(None, texts), ".")).resolve())

    @property
    def workspace(self) -> str:
        """The folder that pipelines without a project work in."""
        named = self.environ.get("PIPELINE_WORKSPACE_DIR")
        return named or self.section("run", RunDefaults).workspace or "./workspace"

    @property
    def output(self) -> str:
        """The folder below which `output_to_file` writes."""
        named = self.environ.get("PIPELINE_OUTPUT_DIR")
        return named or self.section("run", RunDefaults).output or "./outputs"

    @property
    def mode(self) -> str:
        """Who answers for the models where a run does not say; any other word means mock."""
        named = self.environ.get("GENESIS_MODE") or self.environ.get("TEST_MODE") or "live"
        return named if named in ("live", "mock", "mixed", "record", "replay") else "mock"

    @property
    def provider(self) -> str | None:
        """The provider that is asked where a step names none."""
        named = self.environ.get("GENESIS_PROVIDER")
        return named or self.section("run", RunDefaults).provider


def load_settings(folder: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that hold in `folder`.

    Raises `UsageError` for a `genesis.toml` that cannot be read or has an unknown section.
    """
    environ = dict(os.environ) if environ is None else environ
    home = environ.get("GENESIS_HOME")
    if not home:
        state = environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
        home = f"{state}/genesis"
    config = environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    sections: dict[str, dict[str, Any]] = {}
    source = None
    for path in (Path(config) / "genesis" / FILE, (folder or Path()) / FILE):
        if (found := _read(path)) is not None:
            source = path
            for name, section in found.items():
                sections[name] = {**sections.get(name, {}), **section}
    return Settings(Path(home).expanduser().resolve(), environ, sections, source)


def _read(path: Path) -> dict[str, dict[str, Any]] | None:
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None
    for name, section in data.items():
        if name not in SECTIONS:
            raise UsageError(f"{path}: unknown section [{name}]{did_you_mean(name, SECTIONS)}")
        if not isinstance(section, dict):
            raise UsageError(f"{path}: {name!r} must be a section: [{name}]")
    paths = data.get("plugins", {}).get("paths")
    if isinstance(paths, list):
        # They are meant beside the file that names them, wherever it is read from.
        whole = [str(path.parent / one) if isinstance(one, str) else one for one in paths]
        data["plugins"]["paths"] = whole
    return data
