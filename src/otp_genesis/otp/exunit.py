"""ExUnit's results, test by test: written by a formatter of ours, or read off what mix prints.

The formatter (`elixir/exunit_formatter.ex`) is compiled once for each Elixir version and found by
the test run through `ERL_LIBS`, so that the project needs no dependency and no change.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Literal

from otp_genesis.contracts.codebase import Codebase, Limits
from otp_genesis.model.change import digest
from otp_genesis.model.frozen import Frozen

FORMATTER = "OtpGenesis.ExUnitFormatter"
OUT = "OTP_GENESIS_EXUNIT_OUT"

TestStatus = Literal["passed", "failed", "skipped", "excluded", "invalid"]

_SUMMARY = re.compile(r"(\d+) tests?, (\d+) failures?")
_FAILED = re.compile(r"^\s+\d+\) (.+?) \(([\w.]+)\)$", re.MULTILINE)


class TestResult(Frozen):
    """What one test came to."""

    __test__ = False

    module: str
    name: str
    status: TestStatus
    file: str = ""
    line: int = 0
    duration_s: float = 0.0
    message: str = ""

    @property
    def id(self) -> str:
        """Its name among all tests."""
        return f"{self.module}: {self.name}"


def read_results(text: str) -> tuple[TestResult, ...]:
    """Return the results in what the formatter wrote; a line cut short is left out."""
    return tuple(result for line in text.splitlines() if (result := _result(line)))


def _result(line: str) -> TestResult | None:
    fields = line.split("\t")
    if len(fields) != 7:
        return None
    status, microseconds, number, *encoded = fields
    module, name, file, message = (base64.b64decode(one).decode() for one in encoded)
    return TestResult.model_validate(
        {
            "module": module,
            "name": name,
            "status": status,
            "file": file,
            "line": int(number),
            "duration_s": int(microseconds) / 1e6,
            "message": message[:4000],
        }
    )


def printed_totals(text: str) -> tuple[int, int] | None:
    """Return the number of tests and of failures that ExUnit's summary lines tell of."""
    found = [(int(tests), int(failures)) for tests, failures in _SUMMARY.findall(text)]
    if not found:
        return None
    return sum(tests for tests, _ in found), sum(failures for _, failures in found)


def printed_failures(text: str) -> tuple[TestResult, ...]:
    """Return the failed tests that ExUnit's own output names."""
    return tuple(
        TestResult(module=module, name=name, status="failed")
        for name, module in _FAILED.findall(text)
    )


def counted(results: Iterable[TestResult], *statuses: TestStatus) -> int:
    """Return how many results have one of the statuses."""
    return sum(1 for result in results if result.status in statuses)


async def compiled_formatter(codebase: Codebase, folder: Path) -> Path | None:
    """Return the folder for `ERL_LIBS` that holds the compiled formatter, made where it is missing.

    `folder` must be one that the sandbox may write to. Where it cannot be compiled there is none,
    and results are read off what mix prints.
    """
    source = files("otp_genesis.otp").joinpath("elixir/exunit_formatter.ex").read_bytes()
    libs = folder / f"exunit-{digest(source)[:12]}"
    beams = libs / "otp_genesis_exunit" / "ebin"
    if any(beams.glob("*.beam")):
        return libs
    beams.mkdir(parents=True, exist_ok=True)
    program = libs / "exunit_formatter.ex"
    program.write_bytes(source)
    argv = ("elixirc", "--ignore-module-conflict", "-o", str(beams), str(program))
    result = await codebase.run(argv, limits=Limits(timeout_s=60))
    return libs if result.ok else None
