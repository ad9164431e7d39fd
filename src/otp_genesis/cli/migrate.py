"""`genesis migrate`: older documents in the spelling of today, and what can be said of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otp_genesis.cli.opened import JSON, PLUGINS, opened, warn_of_quarantined
from otp_genesis.errors import UsageError

if TYPE_CHECKING:
    from otp_genesis.compatibility.migration import Migration, Names
    from otp_genesis.compatibility.report import FileReport
    from otp_genesis.model.diagnostic import Diagnostic
    from otp_genesis.model.pipeline import Pipeline
    from otp_genesis.runtime import Runtime


def migrate(
    paths: Annotated[list[Path], typer.Argument(help="Documents, or folders of them.")],
    diff: Annotated[bool, typer.Option("--diff", help="Show the changes.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Change the files.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Say what runs, what changes, what is open.")
    ] = False,
    plugins: PLUGINS = None,
    as_json: JSON = False,
) -> None:
    """Rewrite documents in canonical spelling; comments, order and layout stay.

    Ends with 1 where a person must decide something, with 2 where a document does not pass.
    """
    from otp_genesis.compatibility.report import compatibility, documents_in

    if diff + write + report > 1:
        raise UsageError("--diff, --write and --report exclude each other")
    runtime = opened(plugins)
    warn_of_quarantined(runtime)
    check, names = _check(runtime), _names(runtime)
    files = list(documents_in(paths))
    reports = [compatibility(path, check, names) for path in files]
    if report:
        _print_reports(reports, as_json)
    else:
        for path, one in zip(files, reports, strict=True):
            if one.state == "no_pipeline":
                print(f"{path}: no pipeline", file=sys.stderr)
            elif one.state == "fails":
                print("\n".join(one.errors), file=sys.stderr)
            else:
                _migrated(path, one, check, names, diff=diff, write=write)
    states = {one.state for one in reports}
    if "fails" in states:
        raise typer.Exit(2)
    if "undecided" in states:
        raise typer.Exit(1)


def _migrated(
    path: Path,
    told: FileReport,
    check: Callable[[Pipeline], tuple[Diagnostic, ...]],
    names: Names,
    *,
    diff: bool,
    write: bool,
) -> None:
    from otp_genesis.compatibility.migration import migrate as migrated

    data = path.read_bytes()
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    done: Migration = migrated(data.decode("utf-8-sig"), str(path), check, names)
    if diff:
        sys.stdout.write(done.diff)
    elif write:
        if done.after != done.before:
            path.write_bytes(mark + done.after.encode())
        print(f"{path}: {len(done.changes)} changes" if done.changes else f"{path}: as it is")
    else:
        sys.stdout.write(done.after)
    for line in told.undecided:
        print(line, file=sys.stderr)


def _print_reports(reports: list[FileReport], as_json: bool) -> None:
    if as_json:
        data = [one.model_dump(mode="json") for one in reports]
        print(json.dumps({"version": 1, "files": data}, indent=2))
        return
    words = {
        "as_is": "runs as it is",
        "changes": "runs; migrating rewrites it",
        "undecided": "runs; a person must decide",
        "fails": "does not pass the check",
        "no_pipeline": "no pipeline",
    }
    for one in reports:
        print(f"{one.file}: {words[one.state]}")
        for line in (*one.errors, *one.changes, *one.undecided, *one.warnings):
            print(f"  {line}")
    counts = {state: sum(one.state == state for one in reports) for state in words}
    print(", ".join(f"{count} {words[state]}" for state, count in counts.items() if count))


def _check(runtime: Runtime) -> Callable[[Pipeline], tuple[Diagnostic, ...]]:
    from otp_genesis.errors import InvalidDocument

    def check(pipeline: Pipeline) -> tuple[Diagnostic, ...]:
        try:
            return runtime.check(pipeline).warnings
        except InvalidDocument as error:
            return tuple(error.diagnostics)

    return check


def _names(runtime: Runtime) -> Names:
    from otp_genesis.compatibility.migration import Names

    runtime.steps.names()
    aliases = {name: one.of for name, one in runtime.steps.aliases().items()}
    return Names(aliases, runtime.steps.deprecations())
