"""`docs/observability.md` says what the program does."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from otp_genesis.telemetry import Metrics, TelemetrySettings
from otp_genesis.telemetry.log import FIELDS

PAGE = (Path(__file__).parents[2] / "docs" / "observability.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table whose head begins so."""
    table = PAGE.split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def words(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def test_the_shown_settings_are_all_there_are() -> None:
    """The section that is shown is valid and leaves no key out."""
    (text,) = blocks("toml")
    section = tomllib.loads(text)["telemetry"]

    assert TelemetrySettings.model_validate(section)
    assert set(section) == set(TelemetrySettings.model_fields)


def test_the_table_of_metrics() -> None:
    """Name, type and labels of every metric."""
    shown = [
        (words(name)[0], kind, words(labels)) for name, kind, labels, _ in rows("metric | type")
    ]

    assert shown == [
        (family.name, family.kind, family.labels) for family in Metrics().families()
    ]  # fmt: skip


def test_the_table_of_log_fields() -> None:
    """Every kind of event with the fields that are logged."""
    assert {words(event)[0]: words(data) for event, _, data in rows("event | level")} == FIELDS


def test_the_shown_line_is_json() -> None:
    """The example has the keys of the table."""
    line = json.loads(blocks("json")[0])
    keys = [word for key, _ in rows("key | meaning") for word in words(key)]

    assert set(line) == set(keys) - {"exception", "stack"}


@pytest.mark.parametrize("code", blocks("python"))
def test_the_code_runs(code: str, tmp_path: Path, genesis_python: Callable[[str], str]) -> None:
    """Each example runs as it stands."""
    # It may write to stderr: that is what a log is for.
    assert genesis_python(f"import sys; sys.stderr = sys.stdout\n{code}")
