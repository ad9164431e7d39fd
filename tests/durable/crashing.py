"""A plugin whose steps note every call, and a program that kills runs of it at every step.

As a program: `crashing.py FOLDER` runs `crashing.yaml` in `FOLDER/whole` to its end, then once for
each step in `FOLDER/<number>`, killed before that step's outcome is journalled, and again to its
end. Each folder holds `report.json`, `calls` and, where a run was killed, `killed`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from otp_genesis.contracts.plugin import Plugin
from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.contracts.store import Entry
from otp_genesis.durable.sqlite import SqliteStore
from otp_genesis.model.event import Event
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.runtime import Runtime
from otp_genesis.settings import load_settings

DOCUMENT = Path(__file__).with_name("crashing.yaml")


class Tick(Params):
    """Parameters of `tick`."""

    say: Any = None
    fail: bool = False


@step("tick")
async def tick(params: Tick, ctx: Context) -> Outcome:
    """Note the call, and die at once where the environment says so."""
    _die_at(f"before {ctx.path}")
    _note(ctx.path)
    _die_at(f"after {ctx.path}")
    if params.fail:
        return Failed(error=f"{params.say} failed")
    return Ok(output=f"said {params.say}")


def _note(path: str) -> None:
    with Path(os.environ["CRASH_CALLS"]).open("a") as calls:
        print(path, file=calls)


def _die_at(place: str) -> None:
    if os.environ.get("CRASH_AT") == place:
        os.kill(os.getpid(), signal.SIGKILL)


plugin = Plugin(name="crashing", steps=(tick,))


class DyingStore(SqliteStore):
    """Kills its process instead of writing the journal's row number `die_at`."""

    def __init__(self, path: Path, die_at: int | None):
        super().__init__(path)
        self.die_at, self.rows = die_at, 0

    async def record(self, run_id: str, path: str, entry: Entry, event: Event) -> None:
        """Keep the row, or die."""
        self.rows += 1
        if self.rows == self.die_at:
            self.path.with_name("killed").write_text(path)
            os.kill(os.getpid(), signal.SIGKILL)
        await super().record(run_id, path, entry, event)


def perform(folder: Path, die_at: int | None, *, resume: bool) -> None:
    """Run in `folder`, or go on there."""
    folder.mkdir(exist_ok=True)
    os.environ["CRASH_CALLS"] = str(folder / "calls")

    async def go() -> None:
        store = DyingStore(folder / "runs.sqlite", die_at)
        settings = load_settings(folder, {"GENESIS_HOME": str(folder), "PATH": os.environ["PATH"]})
        runtime = Runtime(plugins=[plugin], discover=False, store=store, settings=settings)
        try:
            if resume:
                report = await runtime.resume("r")
            else:
                report = await runtime.run(
                    DOCUMENT, run_id="r", workspace=str(folder / "ws"), output=str(folder)
                )
            (folder / "report.json").write_text(report.model_dump_json())
            (folder / "rows").write_text(str(store.rows))
        finally:
            await runtime.close()

    asyncio.run(go())


def in_a_child(folder: Path, die_at: int | None, *, resume: bool = False) -> int:
    """Do it in a process of its own; return how that ended."""
    child = os.fork()
    if child == 0:
        perform(folder, die_at, resume=resume)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path) -> None:
    """Kill at every row."""
    assert in_a_child(folder / "whole", None) == 0
    rows = int((folder / "whole" / "rows").read_text())
    for number in range(1, rows + 1):
        assert in_a_child(folder / str(number), number) == -signal.SIGKILL
        assert in_a_child(folder / str(number), None, resume=True) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
