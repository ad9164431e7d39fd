"""Modules that are imported when something of them is first asked for.

The start of the runtime is to take a few hundredths of a second; a parser of YAML, a template
engine and a schema validator take longer than that to import, each. What they are for comes later:
`yaml = deferred("yaml")` stands for the module until then. For type checkers the import itself is
written beside it, under `TYPE_CHECKING`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Deferred:
    """Stands for a module; every name that was asked for once is kept."""

    def __init__(self, name: str):
        self.__dict__["_module"] = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self.__dict__["_module"]), name)
        self.__dict__[name] = value
        return value


def deferred(name: str) -> Any:
    """Return what stands for the module `name`."""
    return Deferred(name)
