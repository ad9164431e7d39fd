"""Plugins that are files: a Python file with step types in it, or a pipeline document."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from otp_genesis.contracts.plugin import Plugin
from otp_genesis.contracts.provider import is_provider
from otp_genesis.contracts.provider_registry import Strategy
from otp_genesis.contracts.step_type import StepType
from otp_genesis.errors import PluginError

DOCUMENTS = (".yaml", ".yml", ".json")


def plugin_from_file(path: Path) -> Plugin:
    """Return the plugin that a file is.

    A Python file names it `plugin`; without that name the file's step types, providers and
    strategies are one, called after the file. A YAML or JSON file is a pipeline that becomes a
    step type. Raises `PluginError`, and whatever the file raises when it is run.
    """
    name = re.sub(r"[^A-Za-z0-9_.\-]", "_", path.stem)
    if not path.is_file():
        raise PluginError(name, f"{path}: there is no such file")
    if path.suffix in DOCUMENTS:
        return Plugin(name, pipelines=(path,))
    if path.suffix != ".py":
        raise PluginError(name, f"{path}: a plugin is a .py file or a pipeline document")
    module = _run(path, name)
    given = getattr(module, "plugin", None)
    if given is not None:
        if not isinstance(given, Plugin):
            raise PluginError(name, f"{path}: its 'plugin' is no Plugin value")
        return given
    return _gathered(module, path, name)


def _run(path: Path, name: str) -> ModuleType:
    """Run the file as a module of its own, which `pickle` and `inspect` can find."""
    module_name = f"genesis_plugin_{re.sub(r'[^A-Za-z0-9_]', '_', name)}"
    spec = spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise PluginError(name, f"{path}: it cannot be read as Python")
    module = module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(module_name, None)
        raise
    return module


def _gathered(module: ModuleType, path: Path, name: str) -> Plugin:
    values = {id(value): value for value in vars(module).values()}.values()
    steps = tuple(one for one in values if isinstance(one, StepType))
    strategies = tuple(one for one in values if isinstance(one, Strategy))
    providers = tuple(one for one in values if is_provider(one))
    if not (steps or strategies or providers):
        message = f"{path}: it declares no step type (@step), no provider and no 'plugin'"
        raise PluginError(name, message)
    return Plugin(name, steps=steps, providers=providers, strategies=strategies)
