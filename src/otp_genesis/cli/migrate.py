"""`genesis migrate`: older documents in the spelling of today, and what can be said of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from otp_genesis.cli.opened import JSON, PLUGINS, opened, warn_of_quarantined
from otp_genesis.errors import UsageError

if TYPE_CHECKING:
    from otp_genesis.compatibility.migration import Rules
    from otp_genesis.compatibility.report import Examined, FileReport
    from otp_genesis.contracts.step_type import StepType
    from otp_genesis.model.diagnostic import Diagnostic
    from otp_genesis.model.pipeline import Pipeline
    from otp_genesis.runtime import Runtime

Form = Literal["text", "diff", "write", "report"]
WORDS = {
    "as_is": "runs as it is",
    "changes": "is rewritten",
    "undecided": "a person must decide",
    "fails": "does not pass the check",
    "no_pipeline": "no pipeline",
    "unreadable": "cannot be read",
}


def migrate(
    paths: Annotated[list[Path], typer.Argument(help="Documents, or folders of them.")],
    diff: Annotated[bool, typer.Option("--diff", help="Print the changes.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Change the files.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Say what runs, what changes, what is open.")
    ] = False,
    plugins: PLUGINS = None,
    as_json: JSON = False,
) -> None:
    """Rewrite documents in canonical spelling; comments, order and layout stay.

    Without an option one document is printed as it would be, and of several the report. Ends with
    1 where a person must decide something, with 2 where a document does not pass, cannot be read
    or written, or where there is none.
    """
    from otp_genesis.compatibility.report import documents_in, examine

    if diff + write + report > 1:
        raise UsageError("--diff, --write and --report exclude each other")
    runtime = opened(plugins)
    warn_of_quarantined(runtime)
    rules = rules_of(runtime)
    all_of_them = [examine(found, rules) for found in documents_in(paths)]
    form: Form = "diff" if diff else "write" if write else "report" if report else "text"
    if form == "text" and len(all_of_them) > 1:
        form = "report"
    problems = _written(all_of_them) if write else {}
    if as_json:
        files = [_as_data(one, form, problems) for one in all_of_them]
        print(json.dumps({"version": 1, "files": files}, indent=2))
    elif form == "report":
        _print_report([one.report for one in all_of_them])
    else:
        _print_each(all_of_them, form, problems)
    if code := _exit_code([one.report for one in all_of_them], bool(problems)):
        raise typer.Exit(code)


def _exit_code(reports: list[FileReport], unwritten: bool) -> int:
    states = {one.state for one in reports}
    if unwritten or states & {"fails", "unreadable"} or states <= {"no_pipeline"}:
        return 2
    return 1 if "undecided" in states else 0


def _written(files: list[Examined]) -> dict[Path, str]:
    """Change the files; return what could not be changed, and why."""
    from otp_genesis.compatibility.writing import replace_file

    problems = {}
    for one in files:
        if one.after != one.before:
            try:
                replace_file(one.path, one.before, one.after)
            except UsageError as error:
                problems[one.path] = str(error)
            except OSError as error:
                problems[one.path] = f"{one.path}: cannot be written: {error.strerror or error}"
    return problems


def _as_data(one: Examined, form: Form, problems: dict[Path, str]) -> dict[str, Any]:
    data = one.report.model_dump(mode="json")
    if form == "diff":
        data["diff"] = one.diff
    elif form == "text":
        data["text"] = one.after.decode("utf-8-sig") if one.after else None
    elif form == "write":
        data["written"] = one.after != one.before and one.path not in problems
        data["problem"] = problems.get(one.path)
    return data


def _print_each(files: list[Examined], form: Form, problems: dict[Path, str]) -> None:
    """Print results on stdout, and what is to be said of them on stderr."""
    for one in files:
        told = one.report
        if told.state == "no_pipeline":
            print(f"{told.file}: no pipeline", file=sys.stderr)
        elif form == "text":
            # The bytes as they would be in the file, whatever the terminal's own encoding.
            sys.stdout.flush()
            sys.stdout.buffer.write(one.after)
        elif form == "diff":
            sys.stdout.flush()
            sys.stdout.buffer.write(one.diff.encode("utf-8", "backslashreplace"))
        elif told.state not in ("fails", "unreadable") and one.path not in problems:
            count = len(told.changes)
            changed = f"{count} change{'s' if count > 1 else ''}" if count else "as it is"
            _print(f"{told.file}: {changed}")
        for line in (*told.versions, *told.errors, *told.undecided):
            print(line, file=sys.stderr)
        if one.path in problems:
            print(problems[one.path], file=sys.stderr)


def _print_report(reports: list[FileReport]) -> None:
    for one in reports:
        if one.state == "no_pipeline" and len(reports) > 1:
            continue
        _print(f"{one.file}: {_state(one)}")
        for label, lines in (
            ("version: ", one.versions),
            ("", one.errors),
            ("", one.changes),
            ("", one.undecided),
            ("", (line for line in one.warnings if line not in one.undecided)),
        ):
            for line in lines:
                _print(f"  {label}{line}")
    counts = {state: sum(one.state == state for one in reports) for state in WORDS}
    told = (f"{state.replace('_', ' ')} {count}" for state, count in counts.items() if count)
    print(f"{len(reports)} file{'s' if len(reports) > 1 else ''}: {', '.join(told)}")


def _state(one: FileReport) -> str:
    word = WORDS[one.state]
    if one.state not in ("changes", "undecided"):
        return word
    return f"runs as it is; {word}" if one.passes else f"does not run as it is; {word}"


def _print(line: str) -> None:
    """Print a line, also one with a file name that is no text."""
    print(line.encode("utf-8", "backslashreplace").decode())


def rules_of(runtime: Runtime) -> Rules:
    """Return what documents are judged by: what is registered in `runtime`."""
    from otp_genesis.compatibility.migration import Rules
    from otp_genesis.compatibility.rewrites import Names
    from otp_genesis.engine.check import Checker
    from otp_genesis.errors import PluginError, RegistryError

    catalog = runtime.catalog()

    def check(pipeline: Pipeline) -> Iterable[Diagnostic]:
        checker = Checker(catalog)
        checker.document(pipeline)
        return checker.complaints

    def kinds(name: str) -> StepType[Any] | None:
        try:
            return catalog.resolve(name).entry
        except (RegistryError, PluginError):
            return None

    known = runtime.steps.names()
    aliases = {name: one.of for name, one in runtime.steps.aliases().items() if name not in known}
    names = Names(aliases, runtime.steps.deprecations())
    return Rules(check, kinds, names)
