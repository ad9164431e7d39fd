"""Figures in a table: the median of several runs, beside its limit and a baseline."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured thing. `values` are all runs; `limit` is what the median may be at most.

    It must be that much `at_least` where more is better.
    """

    name: str
    values: Sequence[float]
    unit: str
    limit: float | None = None
    baseline: tuple[str, float] | None = None
    at_least: bool = False

    @property
    def median(self) -> float:
        """The middle of the runs."""
        return statistics.median(self.values)

    @property
    def kept(self) -> bool:
        """Whether the median is within the limit."""
        if self.limit is None:
            return True
        return self.median >= self.limit if self.at_least else self.median <= self.limit

    def as_data(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "runs": len(self.values),
            "limit": self.limit,
            "at_least": self.at_least,
            "kept": self.kept,
            "baseline": self.baseline and {"name": self.baseline[0], "value": self.baseline[1]},
        }


def repeated(measure: Callable[[], float], times: int, warm_up: int = 1) -> list[float]:
    """Return what `measure` gave `times` times, after runs that do not count."""
    for _ in range(warm_up):
        measure()
    return [measure() for _ in range(times)]


def printed(figures: Sequence[Figure]) -> str:
    """Return the table."""
    rows = [("figure", "median", "min … max", "limit", "", "against")]
    for one in figures:
        bound = "at least " if one.at_least else ""
        limit = "" if one.limit is None else f"{bound}{one.limit:g} {one.unit}"
        verdict = "" if one.limit is None else ("kept" if one.kept else "NOT KEPT")
        against = ""
        if one.baseline:
            name, value = one.baseline
            against = f"{one.median / value:.1f} x {name} ({value:.3g} {one.unit})"
        spread = f"{min(one.values):.3g} … {max(one.values):.3g}"
        rows.append((one.name, f"{one.median:.3g} {one.unit}", spread, limit, verdict, against))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
