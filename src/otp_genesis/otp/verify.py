"""What the project's checks say of a change, held against what they said before any change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from otp_genesis.model.frozen import Frozen
from otp_genesis.otp.exunit import TestResult
from otp_genesis.otp.mix import CompileResult, CredoResult, FormatResult, TestsResult, Warned
from otp_genesis.otp.project import Unparsed
from otp_genesis.otp.projects import counted_kin, kin
from otp_genesis.otp.rule import Finding

BAD = ("failed", "invalid")


class FormatCheck(Frozen):
    """`mix format --check-formatted`, and the files that it is not content with anew."""

    run: FormatResult
    new: tuple[str, ...] = ()
    ok: bool


class CompileCheck(Frozen):
    """`mix compile`, and the warnings that were not there before."""

    run: CompileResult
    new: tuple[Warned, ...] = ()
    ok: bool


class TestCheck(Frozen):
    """`mix test`, and the tests that passed before and do not pass now."""

    __test__ = False

    run: TestsResult
    """Without the results of tests that passed, but for the baseline's."""
    regressions: tuple[TestResult, ...] = ()
    vanished: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    """Failed first and passed when run again."""
    ok: bool


class CredoCheck(Frozen):
    """`mix credo`, and the issues that were not there before."""

    available: bool = False
    run: CredoResult | None = None
    new: tuple[str, ...] = ()
    ok: bool = True


class Verdict(Frozen):
    """Whether a change may stay."""

    status: Literal["passed", "failed"]
    summary: str
    problems: tuple[str, ...] = ()


def check_format(run: FormatResult, baseline: FormatCheck | None) -> FormatCheck:
    """Hold the formatter's word against the baseline's."""
    before = set(baseline.run.unformatted if baseline else run.unformatted)
    new = tuple(path for path in run.unformatted if path not in before)
    crashed = not run.ok and not run.unformatted
    crashed_before = baseline is None or (not baseline.run.ok and not baseline.run.unformatted)
    return FormatCheck(run=run, new=new, ok=not new and (crashed_before or not crashed))


def check_compile(run: CompileResult, baseline: CompileCheck | None) -> CompileCheck:
    """Hold the compiler's word against the baseline's; warnings count by text and file."""
    before = Counter(baseline.run.warnings if baseline else ())
    new = tuple((Counter(run.warnings) - before).elements()) if baseline else ()
    return CompileCheck(run=run, new=new, ok=run.ok and not new)


def check_tests(run: TestsResult, baseline: TestCheck | None) -> TestCheck:
    """Hold the tests against the baseline's: what failed before may fail still."""
    if baseline is None:
        return TestCheck(run=run, ok=run.ended_by is None and (run.ok or run.tests > 0))
    before = {result.id: result for result in baseline.run.results}
    bad = [result for result in run.results if result.status in BAD]
    if not (run.detailed and baseline.run.detailed):
        return _check_printed(run, baseline, bad, before)
    failed_before = {key for key, one in before.items() if one.status in BAD}
    regressions = tuple(one for one in bad if one.id not in failed_before)
    ended = {result.id for result in run.results if result.status not in ("skipped", "excluded")}
    passed = {key for key, result in before.items() if result.status == "passed"}
    vanished = tuple(sorted(passed - ended))
    crashed = not run.ok and not bad and baseline.run.ok
    ok = not (run.ended_by or regressions or vanished or crashed)
    kept = run.model_copy(update={"results": tuple(bad)})
    return TestCheck(run=kept, regressions=regressions, vanished=vanished, ok=ok)


def rerun(first: TestCheck, second: TestCheck) -> TestCheck:
    """Return what two runs of the same tests say: broken is what failed in both."""
    if second.run.ended_by:
        return second
    failed = {one.id for one in first.regressions}
    regressions = tuple(one for one in second.regressions if one.id in failed)
    vanished = tuple(sorted({*first.vanished} & {*second.vanished}))
    named = {*failed, *(one.id for one in second.regressions), *first.vanished, *second.vanished}
    flaky = tuple(sorted(named - {one.id for one in regressions} - {*vanished}))
    explained = second.ok or bool(second.regressions or second.vanished)
    ok = explained and not regressions and not vanished
    return TestCheck(run=second.run, regressions=regressions, vanished=vanished, flaky=flaky, ok=ok)


def _check_printed(
    run: TestsResult, baseline: TestCheck, bad: list[TestResult], before: dict[str, TestResult]
) -> TestCheck:
    """Judge by ExUnit's printed failures, or by the exit code where none can be read off."""
    failed_before = {key for key, one in before.items() if one.status in BAD}
    regressions = tuple(result for result in bad if result.id not in failed_before)
    worse = not run.ok and baseline.run.ok
    silent = not run.ok and not bad and run.failures > baseline.run.failures
    ok = run.ended_by is None and not regressions and not worse and not silent
    return TestCheck(run=run, regressions=regressions, ok=ok)


def check_credo(run: CredoResult, baseline: CredoCheck | None) -> CredoCheck:
    """Hold credo's issues against the baseline's, by check, file and message."""
    before = Counter(baseline.run.issues if baseline and baseline.run else ())
    added = (Counter(run.issues) - before) if baseline else Counter()
    new = tuple(f"{one.file}: {one.message} ({one.check})" for one in added.elements())
    unread_before = baseline is None or baseline.run is None or baseline.run.unread
    return CredoCheck(
        available=True, run=run, new=new, ok=not new and (unread_before or not run.unread)
    )


def judge(
    checks: Iterable[FormatCheck | CompileCheck | TestCheck | CredoCheck],
    *,
    finding: Finding | None = None,
    before: Mapping[str, int] | None = None,
    now: Iterable[Finding] = (),
    unparsed: Iterable[Unparsed] = (),
) -> Verdict:
    """Return the verdict: every check content, the finding gone, no new one there."""
    problems = [problem for check in checks for problem in _problems(check)]
    if finding is not None:
        problems += _finding_problems(finding, Counter(before or {}), list(now))
        problems += [f"{lost.file} cannot be parsed: {lost.reason}" for lost in unparsed]
    if problems:
        return Verdict(status="failed", summary="\n".join(problems), problems=tuple(problems))
    return Verdict(status="passed", summary="format, compile and tests are content")


def _finding_problems(finding: Finding, before: Counter[str], now: list[Finding]) -> Iterator[str]:
    counted = counted_kin(now)
    if counted[kin(finding)] >= before[kin(finding)]:
        yield f"{finding.rule} is still found in {finding.file}: {finding.message}"
    places = {kin(one): one for one in now}
    for key in counted - before:
        # What a repair leaves for a person to look at is no flaw.
        if key != kin(finding) and places[key].severity != "info":
            one = places[key]
            yield f"new finding {one.rule} in {one.file}:{one.line}: {one.message}"


def _problems(check: Any) -> Iterator[str]:
    match check:
        case FormatCheck(ok=False):
            yield f"not formatted: {', '.join(check.new) or check.run.output[-500:]}"
        case CompileCheck(ok=False):
            yield from (f"new warning in {one.file}: {one.text}" for one in check.new)
            if not check.new:
                yield f"{check.run.command} failed{_why(check.run.ended_by)}: {check.run.output}"
        case TestCheck(ok=False):
            yield from _test_problems(check)
        case CredoCheck(ok=False):
            yield from (f"credo: {issue}" for issue in check.new)
            if (run := check.run) is not None and run.unread:
                why = f"{_why(run.ended_by)}: {run.output}"
                yield f"{run.command} says nothing that can be read{why}"


def _test_problems(check: TestCheck) -> Iterator[str]:
    if check.run.ended_by:
        yield f"{check.run.command} was ended{_why(check.run.ended_by)}"
    for one in check.regressions:
        yield f"test fails now: {one.id} ({one.file}:{one.line})\n{one.message}".rstrip()
    for name in check.vanished:
        yield f"test is no longer run: {name}"
    if not (check.run.ended_by or check.regressions or check.vanished):
        yield f"{check.run.command} failed:\n{check.run.output}"


def _why(ended_by: str | None) -> str:
    return f" ({ended_by})" if ended_by else ""
