"""`genesis runs`: the history."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from otp_genesis.errors import UsageError

if TYPE_CHECKING:
    from otp_genesis.runtime import Runtime

app = typer.Typer(help="What ran, runs and waits.", invoke_without_command=True)
T = TypeVar("T")

RunId = Annotated[str, typer.Argument(help="The run.")]


def with_runtime(work: Callable[[Runtime], Awaitable[T]]) -> T:
    """Return what `work` makes of a runtime that knows the kept runs, but no plugin."""
    from otp_genesis.runtime import Runtime

    async def go() -> T:
        runtime = Runtime(discover=False)
        try:
            return await work(runtime)
        finally:
            await runtime.close()

    return asyncio.run(go())


@app.callback()
def default(ctx: typer.Context) -> None:
    """List the runs, newest first."""
    if ctx.invoked_subcommand is None:
        list_runs()


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(help="How many at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the runs, newest first."""
    import json

    async def work(runtime: Runtime) -> list[dict[str, object]]:
        found = []
        for request in list(await runtime.store.runs())[:limit]:
            state = await runtime.state(request.run_id)
            found.append(
                {
                    "run_id": request.run_id,
                    "pipeline": request.name,
                    "status": state.status,
                    "started_at": request.started_at,
                    "steps": len(state.steps),
                    "error": state.error,
                }
            )
        return found

    rows = with_runtime(work)
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(str(row["started_at"]))))
        print(f"{row['run_id']:<24} {started}  {row['status']:<12} {row['pipeline']}")


@app.command()
def show(run_id: RunId) -> None:
    """Show a run's steps as far as they are."""
    from rich.console import Console

    from otp_genesis.cli.render import run_view

    state = with_runtime(lambda runtime: runtime.state(run_id))
    print(f"run {run_id}: {state.status}" + (f": {state.error}" if state.error else ""))
    Console().print(run_view(state, height=10_000))


@app.command()
def events(run_id: RunId) -> None:
    """Print a run's events as JSON lines."""

    async def work(runtime: Runtime) -> list[str]:
        await runtime.store.request(run_id)
        return [event.model_dump_json() for _, event in await runtime.store.events(run_id)]

    for line in with_runtime(work):
        print(line)


@app.command()
def cancel(run_id: RunId) -> None:
    """End a run: one that is going is interrupted, one that waits will not be taken up."""
    from otp_genesis.model.event import RunFinished

    async def work(runtime: Runtime) -> str:
        state = await runtime.state(run_id)
        if state.status == "running":
            os.kill(state.pid, signal.SIGTERM)
        elif state.status in ("succeeded", "cancelled"):
            raise UsageError(f"run {run_id!r} has {state.status} already")
        await runtime.store.append(run_id, RunFinished(at=time.time(), status="cancelled"))
        return state.status

    print(f"run {run_id}: was {with_runtime(work)}, is cancelled")


@app.command()
def answer(run_id: RunId, text: Annotated[str, typer.Argument(help="The answer.")]) -> None:
    """Answer what a suspended run asks."""
    with_runtime(lambda runtime: runtime.answer(run_id, text))
    print(f"answered; go on with: genesis run --resume {run_id}")


@app.command()
def prune(
    keep: Annotated[int, typer.Option(help="Keep so many of the newest.")] = 20,
) -> None:
    """Forget all but the newest runs, with their worktrees; going and waiting ones are kept."""

    async def work(runtime: Runtime) -> tuple[int, list[str]]:
        gone, kept = 0, []
        for request in list(await runtime.store.runs())[keep:]:
            state = await runtime.state(request.run_id)
            if state.status in ("running", "suspended"):
                continue
            if await runtime.forget(request.run_id):
                gone += 1
            else:
                kept.append(request.run_id)
        return gone, kept

    gone, kept = with_runtime(work)
    print(f"{gone} runs forgotten")
    for run_id in kept:
        print(f"{run_id} is kept: its folder holds the only copy of its work")
