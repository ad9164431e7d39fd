"""`genesis check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from otp_genesis.cli.opened import PLUGINS, opened, warn_of_quarantined


def check(
    files: Annotated[list[Path], typer.Argument(help="Pipeline documents.")],
    plugins: PLUGINS = None,
    bound: Annotated[
        bool, typer.Option("--bound", help="Print the steps as they are bound to their types.")
    ] = False,
) -> None:
    """Validate pipelines without running them; print every complaint."""
    from otp_genesis.cli.render import program_lines
    from otp_genesis.errors import InvalidDocument, UsageError

    runtime = opened(plugins)
    warn_of_quarantined(runtime)
    bad = 0
    for file in files:
        try:
            program = runtime.check(runtime.load(file))
        except (InvalidDocument, UsageError) as error:
            bad += 1
            text = str(error) if isinstance(error, InvalidDocument) else f"error: {error}"
            print(text, file=sys.stderr)
            continue
        for warning in program.warnings:
            print(warning, file=sys.stderr)
        print(f"{file}: ok, {len(program.steps)} steps")
        if bound:
            print("\n".join(program_lines(program)))
    if bad:
        raise typer.Exit(2)
