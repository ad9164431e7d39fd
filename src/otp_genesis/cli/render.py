"""Views: a run, a report, a program in a terminal. They take data, never stores."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from otp_genesis.model.run import RunReport, RunState, StepView

if TYPE_CHECKING:
    from rich.console import RenderableType

    from otp_genesis.engine.program import Program

MARKS = {"ok": "✔", "failed": "✘", "skipped": "·", "suspended": "?", "running": "▶"}
COLOURS = {
    "ok": "green", "failed": "red", "skipped": "bright_black", "suspended": "yellow",
    "running": "cyan",
}  # fmt: skip


def run_view(state: RunState, *, height: int = 30) -> RenderableType:
    """Return the run's steps as a tree, those that matter now where there is little room."""
    from rich.text import Text

    steps = list(state.steps.values())
    running = {step.path for step in steps if step.status == "running"}
    shown = [step for step in steps if _matters(step, running)][-height:]
    text = Text()
    for step in shown:
        depth = max(0, step.path.count("/") - 1)
        text.append("  " * depth + MARKS[step.status] + " ", style=COLOURS[step.status])
        text.append(label(step.path), style="bold" if depth == 0 else "")
        text.append(f"  {duration(step)}", style="bright_black")
        if step.message and step.status in ("failed", "suspended"):
            text.append(f"  {step.message.splitlines()[0][:80]}", style=COLOURS[step.status])
        text.append("\n")
    if state.note:
        text.append(f"{state.note}\n", style="bright_black")
    return text


def _matters(step: StepView, running: set[str]) -> bool:
    """Whether a step is shown: those at the top, those under way, and their siblings."""
    parts = step.path.split("/")
    if len(parts) <= 2 or step.path in running:
        return True
    return any("/".join(parts[:depth]) in running for depth in (len(parts) - 1, len(parts) - 2))


def label(path: str) -> str:
    """Return a step's name, with the number of the iteration that it is in."""
    *_, parent, name = ("", *path.split("/"))
    return f"{name} #{int(parent) + 1}" if parent.isdigit() else name


def duration(step: StepView) -> str:
    """Return how long a step took, or takes so far."""
    spent = step.duration_s if step.status != "running" else time.time() - step.started_at
    return f"{spent:.1f} s" if spent >= 0.05 else ""


def report_lines(report: RunReport) -> Iterator[str]:
    """Yield a run's end, for people."""
    yield f"run {report.run_id}: {report.status} in {report.duration_s:.1f} s"
    if report.error:
        yield f"  {report.error.path}: {report.error.message}"
        yield f"  mend it, then go on with: genesis run --resume {report.run_id}"
    if report.question:
        yield f"  it asks: {report.question}"
        yield f"  answer with: genesis runs answer {report.run_id} TEXT"
        yield f"  then go on with: genesis run --resume {report.run_id}"
    for name, value in (report.outputs or report.results).items():
        yield f"  {name}: {shortened(value)}"


def shortened(value: Any, limit: int = 100) -> str:
    """Return a value on one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def program_lines(program: Program, depth: int = 1) -> Iterator[str]:
    """Yield the bound program: each step with its type and the templates it fills."""
    for bound in program.steps:
        origin = bound.kind.metadata.origin
        fills = f"  fills {', '.join(bound.fills)}" if bound.fills else ""
        yield f"{'  ' * depth}{bound.step.name}: {bound.step.type} ({origin}){fills}"
        for block in bound.blocks:
            yield from program_lines(block, depth + 1)
