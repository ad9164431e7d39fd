"""Metrics in the Prometheus text format 0.0.4, as a text or in a file that is kept fresh."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from otp_genesis.errors import EnvironmentLacks
from otp_genesis.model.event import Event
from otp_genesis.telemetry.metrics import Metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
INTERVAL_S = 1.0
"""The file is not written more often than once in so long."""

_LOGGER = logging.getLogger("otp_genesis.telemetry")


def prometheus_text(metrics: Metrics) -> str:
    """Return all metrics that have a value, in the text exposition format 0.0.4."""
    lines: list[str] = []
    for family in metrics.families():
        samples = [_line(*sample) for sample in family.samples()]
        if samples:
            told = family.help.replace("\\", r"\\").replace("\n", r"\n")
            lines += [f"# HELP {family.name} {told}", f"# TYPE {family.name} {family.kind}"]
            lines += samples
    return "".join(f"{line}\n" for line in lines)


def metrics_data(metrics: Metrics) -> list[dict[str, Any]]:
    """Return the same as JSON data: a list of families.

    Each has `name`, `type`, `help` and `samples`, and each of these `name`, `labels` and `value`.
    """
    found = []
    for family in metrics.families():
        samples = [
            {"name": name, "labels": labels, "value": value}
            for name, labels, value in family.samples()
        ]
        if samples:
            about = {"name": family.name, "type": family.kind, "help": family.help}
            found.append({**about, "samples": samples})
    return found


def _line(name: str, labels: dict[str, str], value: float) -> str:
    shown = ",".join(f'{label}="{escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{shown}}} {number(value)}" if shown else f"{name} {number(value)}"


def escaped(text: str) -> str:
    """Return a label's value as it stands between its quotes; what UTF-8 has not becomes `?`."""
    valid = text.encode("utf-8", "replace").decode("utf-8")
    return valid.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def number(value: float) -> str:
    """Return a value as the format writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def write_text(path: Path, text: str) -> None:
    """Put metrics at `path` in one move: a reader sees the old one or the new one.

    Raises `EnvironmentLacks` where it cannot be written.
    """
    require_place(path)
    # The textfile collector takes *.prom only, and another process may write the same file.
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise _unwritable(path, error.strerror or str(error)) from None


def require_place(path: Path) -> None:
    """Raise `EnvironmentLacks` unless a file could be put at `path`."""
    if path.is_dir():
        raise _unwritable(path, "it is a folder")
    if not path.parent.is_dir():
        raise _unwritable(path, f"there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _unwritable(path, f"no permission to write in {path.parent}")


def _unwritable(path: Path, why: str) -> EnvironmentLacks:
    told = f"cannot write metrics to {path}: {why}"
    return EnvironmentLacks(f"{told}; name a file in a folder that can be written")


class PrometheusFile:
    """An observer that keeps a file fresh: written at most once in `interval_s`, and at the end.

    It is left alone until the first event: what another process put there is not lost to one that
    runs nothing. Raises `EnvironmentLacks` where the place is wrong from the beginning; later
    failures are logged once, for a run must not end because of its metrics.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        interval_s: float = INTERVAL_S,
    ):
        self.path, self.metrics = path, Metrics()
        self._clock, self._interval_s = clock, interval_s
        self._due: asyncio.TimerHandle | None = None
        self._failing = False
        self._written: float | None = None
        require_place(path)

    def __call__(self, run_id: str, event: Event) -> None:
        """Take the event in; write now, or soon where the loop of the run can wait for it."""
        self.metrics.advance(run_id, event)
        written = self._written
        wait = 0.0 if written is None else written + self._interval_s - self._clock()
        if wait <= 0:
            self.write()
        elif self._due is None:
            try:
                self._due = asyncio.get_running_loop().call_later(wait, self.write)
            except RuntimeError:
                return

    def write(self) -> None:
        """Write the file now."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._written = self._clock()
        try:
            write_text(self.path, prometheus_text(self.metrics))
        except EnvironmentLacks as error:
            if not self._failing:
                _LOGGER.warning("%s", error)
            self._failing = True
        else:
            self._failing = False

    def close(self) -> None:
        """Write the file for the last time, if it was written at all."""
        if self._written is not None:
            self.write()
