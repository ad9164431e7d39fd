"""`genesis run`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from otp_genesis.cli.colours import coloured
from otp_genesis.cli.interrupted import Interrupted
from otp_genesis.cli.opened import PLUGINS
from otp_genesis.errors import UsageError

if TYPE_CHECKING:
    from otp_genesis.model.event import Event
    from otp_genesis.model.run import RunReport
    from otp_genesis.runtime import Runtime
    from otp_genesis.settings import Settings


def run(
    file: Annotated[Path | None, typer.Argument(help="The pipeline document.")] = None,
    given: Annotated[
        list[str] | None, typer.Option("--input", "-i", metavar="NAME=VALUE", help="An input.")
    ] = None,
    input_file: Annotated[str | None, typer.Option(help="The input `input_file`: a path.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The input `prompt`.")] = None,
    provider: Annotated[str | None, typer.Option(help="Ask this provider.")] = None,
    mode: Annotated[
        Literal["live", "mock", "mixed", "record", "replay"] | None,
        typer.Option(help="Who answers for the models; TEST_MODE where it is not said."),
    ] = None,
    cassette: Annotated[
        Path | None,
        typer.Option(help="The file for --mode record and replay; else beside the document."),
    ] = None,
    workspace: Annotated[str | None, typer.Option(help="The folder steps work in.")] = None,
    output: Annotated[str | None, typer.Option(help="Where `output_to_file` writes.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="How providers are chosen where a step does not say.")
    ] = None,
    plugins: PLUGINS = None,
    run_id: Annotated[str | None, typer.Option(help="The new run's id.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Go on from a checkpoint file of pipeline_ex.")
    ] = None,
    resume: Annotated[str | None, typer.Option(help="Take this run up again.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Answer every gate yes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Run a pipeline, or take one up again where it was."""
    from otp_genesis.history import new_run_id

    if (file is None) == (resume is None):
        raise UsageError("name a pipeline file, or a run to --resume")
    named = {"input_file": input_file, "prompt": prompt}
    inputs = parsed_inputs(given or [])
    inputs |= {name: value for name, value in named.items() if value is not None}
    chosen = resume or run_id or new_run_id()

    async def work(runtime: Runtime) -> RunReport:
        runtime.use(plugins or ())
        if file is None:
            return await runtime.resume(chosen, approve=approve)
        return await runtime.run(
            file, inputs, run_id=chosen, mode=mode, provider=provider, strategy=strategy,
            workspace=workspace, output=output, approve=approve, checkpoint=checkpoint,
            cassette=cassette,
        )  # fmt: skip

    report = carried_out(work, chosen, quiet=quiet or as_json, ask=not as_json, plugins=plugins)
    if as_json:
        print(report.model_dump_json(indent=2, exclude={"question"}))
    elif not quiet:
        print(told(report))
    elif report.error:
        print(f"error: {report.error.path}: {report.error.message}", file=sys.stderr)
    if report.status != "succeeded":
        raise typer.Exit(1)


def told(report: RunReport) -> str:
    """Return a run's end for people; a refactor's is its summary."""
    from otp_genesis.cli.render import report_lines

    made = report.outputs.get("report")
    if isinstance(made, dict) and {"items", "branch", "baseline"} <= made.keys():
        from otp_genesis.cli.otp_render import refactor_summary

        return refactor_summary(made, colour=coloured())
    return "\n".join(report_lines(report))


def carried_out(
    work: Callable[[Runtime], Awaitable[RunReport]],
    run_id: str,
    *,
    quiet: bool,
    ask: bool = True,
    settings: Settings | None = None,
    plugins: list[Path] | None = None,
) -> RunReport:
    """Run with progress on a terminal; there, ask a person what a gate asks; return the report.

    Raises `Interrupted` where Ctrl-C or SIGTERM ends it.
    """
    from otp_genesis.cli.live import progress
    from otp_genesis.runtime import Runtime

    async def go() -> RunReport:
        with progress(shown=not quiet and sys.stderr.isatty()) as listener:
            listeners = [one for one in (listener, None if quiet else warn) if one]
            async with Runtime(
                listeners=listeners, settings=settings, plugin_files=plugins or ()
            ) as runtime:
                report = await work(runtime)
                while ask and report.status == "suspended" and _can_ask():
                    try:
                        await runtime.answer(run_id, _asked(report.question or ""))
                    except UsageError as error:
                        print(error, file=sys.stderr)
                        continue
                    report = await runtime.resume(run_id)
                return report

    try:
        return asyncio.run(go())
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise Interrupted(run_id) from None


def warn(event: Event) -> None:
    """Say on stderr what a run's author should mend."""
    if event.kind == "warned":
        print(f"{event.path}: warning[{event.code}]: {event.message}", file=sys.stderr)


def parsed_inputs(given: list[str]) -> dict[str, Any]:
    """Return the inputs that `NAME=VALUE` words give; a value that is JSON is taken as JSON."""
    inputs: dict[str, Any] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--input takes NAME=VALUE, not {word!r}")
        try:
            inputs[name] = json.loads(value, parse_constant=_no_json)
        except ValueError:
            inputs[name] = value
    return inputs


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(question: str) -> str:
    return str(typer.prompt(question, err=True))
