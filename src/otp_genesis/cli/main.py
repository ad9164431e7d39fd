"""The command `genesis`: the commands put together, and the one place where errors become words.

Everything heavy is imported where it is used: `genesis --help` must be there at once.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import typer

from otp_genesis.cli import (
    cassette,
    check,
    evaluate,
    mcp,
    metrics,
    migrate,
    otp,
    providers,
    registries,
    run,
    runs,
)
from otp_genesis.cli.interrupted import Interrupted
from otp_genesis.errors import EnvironmentLacks, GenesisError, InternalError

app = typer.Typer(
    name="genesis",
    help="Declarative AI pipelines, and OTP refactoring proved by the project's own tests.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("eval")(evaluate.evaluate)
app.command("steps")(registries.steps)
app.command("migrate")(migrate.migrate)
app.command("plugins")(registries.plugins)
app.command("schema")(registries.schema)
app.command("providers")(providers.providers)
app.command("metrics")(metrics.metrics)
app.command("mcp")(mcp.mcp)
app.add_typer(runs.app, name="runs")
app.add_typer(otp.app, name="otp")
app.add_typer(cassette.app, name="cassette")


USAGE_ERROR: Any = typer.BadParameter.__mro__[-4]
"""What typer raises for a wrong command line; it gives the base class no public name."""


def _version(value: bool) -> None:
    if value:
        from otp_genesis import __version__

        typer.echo(f"genesis {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line and end the process with the exit code of what came of it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run_guarded(app))


def run_guarded(command: Any, arguments: list[str] | None = None) -> int:
    """Run a typer application; print what a user can be told, and return the exit code."""
    try:
        code = int(command(args=arguments, standalone_mode=False) or 0)
        sys.stdout.flush()
        return code
    except USAGE_ERROR as error:
        error.show()
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return 130
    except Interrupted as error:
        print(error, file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read us has gone; what is left in the buffer must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return told(EnvironmentLacks(f"{error.filename or 'system'}: {error.strerror or error}"))
    except GenesisError as error:
        return told(error)
    except Exception as error:
        return told(InternalError(f"{type(error).__name__}: {error}"), error)


def told(error: GenesisError, cause: Exception | None = None) -> int:
    """Print an error for the user, and return its exit code."""
    if os.environ.get("GENESIS_DEBUG"):
        raise cause or error
    from otp_genesis.errors import InvalidDocument

    text = str(error)
    print(text if isinstance(error, InvalidDocument) else f"error: {text}", file=sys.stderr)
    if error.run_id:
        print(f"then go on with: genesis run --resume {error.run_id}", file=sys.stderr)
    return error.exit_code
