"""A runtime for commands that ask what is registered."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from otp_genesis.runtime import Runtime

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
PLUGINS = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        help="A Python file with step types or a plugin in it, or a pipeline document.",
    ),
]


def opened(plugin_files: list[Path] | None, **options: Any) -> Runtime:
    """Return a runtime that keeps nothing, with what is installed and these files.

    Raises `PluginError` where one of the files is bad.
    """
    from otp_genesis.runtime import Runtime

    runtime = Runtime.in_memory(plugin_files=plugin_files or (), **options)
    # They are loaded; now a bad one is an error of whoever named it.
    runtime.use(plugin_files or ())
    return runtime


def warn_of_quarantined(runtime: Runtime) -> None:
    """Say which plugins are left out."""
    for plugin in runtime.quarantined:
        print(f"warning: plugin {plugin.name!r} is left out: {plugin.reason}", file=sys.stderr)
