"""`genesis cassette`: what a recording of models' answers holds, and what of it can go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otp_genesis.cli.opened import JSON
from otp_genesis.cli.runs import with_runtime
from otp_genesis.errors import UsageError

if TYPE_CHECKING:
    from otp_genesis.runtime import Runtime

app = typer.Typer(help="Look into recordings of models' answers.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="The cassette, *.cassette.jsonl.")]
SHOWN = 60


@app.command("list")
def list_(file: File, as_json: JSON = False) -> None:
    """List the recorded requests, each with who answered and how."""
    from otp_genesis.providers.cassette import read_rows

    rows = [_row(one) for one in read_rows(file)]
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        print(f"{row['hash']}  {row['answered_by']:<12} {row['asked']}")
    print(f"{len(rows)} recordings, {len({row['hash'] for row in rows})} requests")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    request, answer = row["request"], row["answer"]
    asked = request.get("prompt") or request.get("path") or f"available: {request.get('available')}"
    said = answer.get("reply") or {}
    by = said.get("provider") or answer.get("wire") or ("failed" if "error" in answer else "wire")
    text = said.get("text") or answer.get("error") or answer.get("body") or ""
    return {
        "hash": row["hash"],
        "answered_by": by if "available" not in answer else "-",
        "asked": _short(str(asked)),
        "answer": _short(str(text)),
    }


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


@app.command()
def prune(
    file: File,
    run: Annotated[
        list[str], typer.Option("--run", help="Keep what this run replayed; several may be named.")
    ],
    as_json: JSON = False,
) -> None:
    """Remove the recordings that the named replays did not ask for."""
    from otp_genesis.providers import cassette

    rows = cassette.read_rows(file)
    keep = with_runtime(lambda runtime: _used(runtime, file.resolve(), run))
    removed = cassette.prune(file, keep)
    told = {"file": str(file), "kept": len(rows) - removed, "removed": removed}
    print(json.dumps(told) if as_json else f"{removed} of {len(rows)} recordings removed")


async def _used(runtime: Runtime, file: Path, runs: list[str]) -> frozenset[str]:
    """Return the hashes that the runs' replays of this file asked for."""
    from otp_genesis.model.event import Replayed

    used: set[str] = set()
    for run in runs:
        await runtime.store.request(run)
        told = [event for _, event in await runtime.store.events(run)]
        replays = [one for one in told if isinstance(one, Replayed)]
        replays = [one for one in replays if Path(one.cassette) == file]
        if not replays:
            raise UsageError(f"run {run!r} did not replay {file}; run with --mode replay first")
        for one in replays:
            used.update(one.recordings)
    return frozenset(used)
