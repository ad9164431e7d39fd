"""Mix tasks in a codebase, each with a structured result: format, compile, test, credo."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from otp_genesis.contracts.codebase import Codebase, ExecResult, Limits
from otp_genesis.errors import MissingTool
from otp_genesis.model.frozen import Frozen
from otp_genesis.otp.exunit import (
    FORMATTER,
    OUT,
    TestResult,
    compiled_formatter,
    counted,
    printed_failures,
    printed_totals,
    read_results,
)
from otp_genesis.otp.verify_settings import VerifySettings

INSTALL = "install Elixir (apt-get install elixir, brew install elixir, or https://elixir-lang.org)"
DEFAULT_TEST = VerifySettings().test
_WARNING = re.compile(r"^\s*warning: (.*)$")
_LOCATION = re.compile(r"(?:└─ )?([\w./@ -]+\.(?:exs?|eex|heex|leex)):(\d+)")
_LINE_NUMBER = re.compile(r"(?<=\bline) \d+|(?<=\.ex|exs):\d+(?::\d+)?")
_UNFORMATTED = re.compile(r"^\s+\* (.+)$", re.MULTILINE)
TAIL = 4000


class TaskResult(Frozen):
    """How a mix task ended."""

    command: str
    exit_code: int | None
    duration_s: float
    ended_by: str | None = None
    output: str = ""
    """The end of what it printed."""

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.exit_code == 0


class FormatResult(TaskResult):
    """Which of the files are not formatted."""

    unformatted: tuple[str, ...] = ()


class Warned(Frozen):
    """A compiler warning, without any line numbers: lines move."""

    text: str
    file: str


class CompileResult(TaskResult):
    """What the compiler said."""

    warnings: tuple[Warned, ...] = ()


class TestsResult(TaskResult):
    """What the tests came to; `results` is complete where `detailed`, else only the failures."""

    __test__ = False

    tests: int = 0
    failures: int = 0
    skipped: int = 0
    detailed: bool = False
    results: tuple[TestResult, ...] = ()


class CredoIssue(Frozen):
    """An issue that credo reports, without its line."""

    check: str
    file: str
    message: str


class CredoResult(TaskResult):
    """What credo reports."""

    issues: tuple[CredoIssue, ...] = ()
    unread: bool = False
    """Whether it printed no JSON: it crashed, most likely."""


class Mix:
    """Runs the project's own checks."""

    def __init__(self, codebase: Codebase, settings: VerifySettings, scratch: Path):
        self.codebase, self.settings = codebase, settings
        self.scratch = scratch
        """A folder that the sandbox may write to, outside the project's files."""

    async def unformatted(self, files: Sequence[str] = ()) -> FormatResult:
        """Say which of `files` (all the project's, where none are given) are not formatted."""
        if not self.settings.format:
            return FormatResult(command="", exit_code=0, duration_s=0)
        result = await self._run((*self.settings.format, "--check-formatted", *files))
        found = _UNFORMATTED.findall(result.stdout + result.stderr) if not result.ok else []
        return FormatResult(**_told(result), unformatted=tuple(sorted(set(found))))

    async def format(self, files: Sequence[str]) -> TaskResult:
        """Format `files`."""
        if not self.settings.format or not files:
            return TaskResult(command="", exit_code=0, duration_s=0)
        return TaskResult(**_told(await self._run((*self.settings.format, *files))))

    async def compile(self, *, strict: bool) -> CompileResult:
        """Compile; `strict` makes warnings errors."""
        argv = self.settings.compile
        if not argv:
            return CompileResult(command="", exit_code=0, duration_s=0)
        if argv == VerifySettings().compile:
            argv = (*argv, "--all-warnings", *(("--warnings-as-errors",) if strict else ()))
        result = await self._run(argv, timeout_s=self.settings.compile_timeout_s)
        warnings = tuple(compiler_warnings(result.stdout + "\n" + result.stderr))
        return CompileResult(**_told(result), warnings=warnings)

    async def test(self, paths: Sequence[str] = ()) -> TestsResult:
        """Run the tests, all or those in `paths`."""
        argv = self.settings.test
        if not argv:
            return TestsResult(command="", exit_code=0, duration_s=0, detailed=True)
        libs = await self._formatter() if argv == DEFAULT_TEST else None
        if libs is None:
            return _read_off(await self._run((*argv, *paths), self.settings.test_timeout_s))
        out = self.scratch / "exunit.out"
        out.unlink(missing_ok=True)
        reporting = ("--formatter", "ExUnit.CLIFormatter", "--formatter", FORMATTER)
        env = {"ERL_LIBS": str(libs), OUT: str(out)}
        argv = (*argv, "--seed", "0", *reporting, *paths)
        result = await self._run(argv, self.settings.test_timeout_s, env)
        text = out.read_text(encoding="utf-8", errors="replace") if out.exists() else ""
        results = read_results(text)
        if not results and not result.ok:
            return _read_off(result)
        return TestsResult(
            **_told(result),
            tests=counted(results, "passed", "failed", "invalid", "skipped"),
            failures=counted(results, "failed", "invalid"),
            skipped=counted(results, "skipped"),
            detailed=True,
            results=results,
        )

    async def has_credo(self) -> bool:
        """Whether the project brings credo, or says how to run it."""
        if self.settings.credo is not None:
            return bool(self.settings.credo)
        root = Path(self.codebase.root)
        if (root / "deps" / "credo").is_dir() or (root.parent.parent / "deps" / "credo").is_dir():
            return True
        result = await self._run(("mix", "help", "credo"), timeout_s=60)
        return result.ok

    async def credo(self) -> CredoResult:
        """Run credo, strictly, and return what it reports."""
        argv = self.settings.credo or ("mix", "credo")
        result = await self._run((*argv, "--strict", "--format", "json"))
        issues = credo_issues(result.stdout)
        return CredoResult(**_told(result), issues=issues or (), unread=issues is None)

    async def _formatter(self) -> Path | None:
        return await compiled_formatter(self.codebase, self.scratch)

    async def _run(
        self,
        argv: Sequence[str],
        timeout_s: float = 300,
        env: Mapping[str, str] | None = None,
    ) -> ExecResult:
        settings = self.settings
        limits = Limits(
            timeout_s=timeout_s,
            memory_bytes=settings.memory_mb * 1024**2,
            network=settings.network,
        )
        try:
            return await self.codebase.run(
                argv, limits=limits, env={**settings.environment, **(env or {})}
            )
        except MissingTool as error:
            if error.tool in ("mix", "elixir", "elixirc"):
                raise MissingTool(error.tool, INSTALL) from None
            raise


def is_elixir(path: str) -> bool:
    """Whether the formatter has a say about a file."""
    return path.endswith((".ex", ".exs"))


def compiler_warnings(text: str) -> list[Warned]:
    """Return the warnings in what the compiler printed, in the old form and in that of 1.15 on."""
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines):
        if match := _WARNING.match(line):
            located = (_LOCATION.search(later) for later in lines[number + 1 : number + 20])
            place = next(filter(None, located), None)
            text = _LINE_NUMBER.sub("", match[1].strip())
            found.append(Warned(text=text, file=place[1].strip() if place else ""))
    return found


def credo_issues(text: str) -> tuple[CredoIssue, ...] | None:
    """Return the issues in credo's JSON, wherever in the output it begins; nothing without JSON."""
    start = text.find('{"issues"') if '{"issues"' in text else text.find("{")
    try:
        data = json.loads(text[start:]) if start >= 0 else None
    except ValueError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("issues"), list):
        return None
    return tuple(
        CredoIssue(
            check=str(issue.get("check", "")),
            file=str(issue.get("filename", "")),
            message=str(issue.get("message", "")),
        )
        for issue in data["issues"]
    )


def _told(result: ExecResult) -> dict[str, object]:
    output = "\n".join(filter(None, (result.stdout.strip(), result.stderr.strip())))
    return {
        "command": " ".join(result.argv),
        "exit_code": result.exit_code,
        "duration_s": round(result.duration_s, 3),
        "ended_by": result.ended_by,
        "output": output[-TAIL:],
    }


def _read_off(result: ExecResult) -> TestsResult:
    """Return what can be told of a test run from what it printed."""
    text = result.stdout + "\n" + result.stderr
    tests, failures = printed_totals(text) or (0, 0)
    return TestsResult(
        **_told(result), tests=tests, failures=failures, results=printed_failures(text)
    )
