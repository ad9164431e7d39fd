"""The verdict: what the checks say of a change, held against what they said before."""

from __future__ import annotations

import pytest

from otp_genesis.otp.exunit import TestResult, TestStatus
from otp_genesis.otp.mix import (
    CompileResult,
    CredoIssue,
    CredoResult,
    FormatResult,
    TestsResult,
    Warned,
)
from otp_genesis.otp.projects import counted_kin
from otp_genesis.otp.rule import Finding
from otp_genesis.otp.verify import (
    TestCheck,
    check_compile,
    check_credo,
    check_format,
    check_tests,
    judge,
    rerun,
)


def ran(
    ended_by: str | None = None, /, *, code: int | None = None, **tests: TestStatus
) -> TestsResult:
    results = tuple(TestResult(module="T", name=n, status=s) for n, s in tests.items())
    bad = sum(1 for one in results if one.status in ("failed", "invalid"))
    return TestsResult(
        command="mix test",
        exit_code=code if code is not None else (2 if bad else 0),
        duration_s=0,
        ended_by=ended_by,
        tests=len(results),
        failures=bad,
        detailed=True,
        results=results,
    )


def judged(before: TestsResult, after: TestsResult) -> TestCheck:
    return check_tests(after, check_tests(before, None))


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("passed", "passed", None),
        ("failed", "failed", None),
        ("failed", "passed", None),
        ("invalid", "invalid", None),
        ("invalid", "failed", None),
        ("failed", "skipped", None),
        ("skipped", "passed", None),
        ("excluded", "excluded", None),
        ("passed", "failed", "test fails now: T: a"),
        ("passed", "invalid", "test fails now: T: a"),
        ("skipped", "failed", "test fails now: T: a"),
        ("passed", "skipped", "test is no longer run: T: a"),
        ("passed", "excluded", "test is no longer run: T: a"),
    ],
)
def test_one_test(before: TestStatus, after: TestStatus, problem: str | None) -> None:
    """What failed may fail, nothing that passed may; to skip a test is no way to make it pass."""
    check = judged(ran(a=before, b="passed"), ran(a=after, b="passed"))

    assert check.ok == (problem is None)
    assert (problem or "content") in judge([check]).summary


def test_new_and_gone_tests() -> None:
    """A new test must pass; one that passed must be there still; one that failed may go."""
    before = ran(a="passed", b="failed")

    assert judged(before, ran(a="passed", c="passed")).ok
    assert ("T: a",) == judged(before, ran(b="failed")).vanished
    assert ["c"] == [one.name for one in judged(before, ran(a="passed", c="failed")).regressions]


def test_ended_and_crashed() -> None:
    """A run that is ended, or fails without a failing test, is no success."""
    before = ran(a="passed")

    assert "was ended (timeout)" in judge([judged(before, ran("timeout", a="passed"))]).summary
    assert not judged(before, ran(code=1, a="passed")).ok
    assert judged(ran(code=1, a="passed"), ran(code=1, a="passed")).ok


def test_rerun() -> None:
    """What failed in both of two runs is broken; what failed in one only is flaky."""
    before = check_tests(ran(a="passed", b="passed", c="passed"), None)
    first = check_tests(ran(a="failed", b="failed", c="passed"), before)
    second = check_tests(ran(a="failed", b="passed", c="failed"), before)
    check = rerun(first, second)

    assert ["a"] == [one.name for one in check.regressions]
    assert ("T: b", "T: c") == check.flaky
    assert not check.ok
    healed = rerun(first, check_tests(ran(a="passed", b="passed", c="failed"), before))
    assert (True, ("T: a", "T: b", "T: c")) == (healed.ok, healed.flaky)


def printed(text: str, code: int) -> TestsResult:
    failed = tuple(
        TestResult(module="T", name=name, status="failed") for name in text.split() if name != "-"
    )
    return TestsResult(
        command="make test", exit_code=code, duration_s=0, tests=3, failures=len(failed),
        results=failed,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "ok"),
    [
        (("-", 0), ("-", 0), True),
        (("-", 0), ("-", 1), False),
        (("a", 1), ("a", 1), True),
        (("a", 1), ("-", 0), True),
        (("a", 1), ("a b", 1), False),
        (("a", 1), ("b", 1), False),
        (("-", 1), ("-", 1), True),
    ],
)
def test_printed_results(before: tuple[str, int], after: tuple[str, int], ok: bool) -> None:
    """A command of the project's own is judged by the failures it prints and its exit code."""
    check = check_tests(printed(*after), check_tests(printed(*before), None))

    assert ok == check.ok


def formatted(*unformatted: str, code: int = 0) -> FormatResult:
    exit_code = 1 if unformatted else code
    return FormatResult(
        command="mix format", exit_code=exit_code, duration_s=0, unformatted=unformatted,
        output="it crashed" if code else "",
    )  # fmt: skip


def test_format() -> None:
    """Files that were not formatted may stay so; a formatter that crashes anew is a problem."""
    before = check_format(formatted("lib/a.ex"), None)

    assert check_format(formatted("lib/a.ex"), before).ok
    assert ("lib/b.ex",) == check_format(formatted("lib/a.ex", "lib/b.ex"), before).new
    crashed = check_format(formatted(code=1), before)
    assert "not formatted: it crashed" == judge([crashed]).summary
    assert check_format(formatted(code=1), check_format(formatted(code=1), None)).ok


def compiled(*warnings: tuple[str, str], code: int = 0, said: str = "") -> CompileResult:
    found = tuple(Warned(text=text, file=file) for text, file in warnings)
    return CompileResult(
        command="mix compile", exit_code=code, duration_s=0, warnings=found, output=said
    )


def test_warnings() -> None:
    """A warning more of the same text in the same file is a new one; one elsewhere does not pay."""
    one, other = ("unused x", "lib/a.ex"), ("unused x", "lib/b.ex")
    before = check_compile(compiled(one), None)

    assert check_compile(compiled(one), before).ok
    assert check_compile(compiled(), before).ok
    assert 1 == len(check_compile(compiled(one, one), before).new)
    swapped = judge([check_compile(compiled(other), before)])
    assert "new warning in lib/b.ex: unused x" == swapped.summary
    failed = judge([check_compile(compiled(one, code=1, said="syntax error"), before)])
    assert "mix compile failed: syntax error" == failed.summary


def credo(*messages: str, code: int = 0, unread: bool = False) -> CredoResult:
    issues = tuple(CredoIssue(check="C", file="lib/a.ex", message=one) for one in messages)
    return CredoResult(
        command="mix credo", exit_code=code, duration_s=0, issues=issues, unread=unread,
        output="** (boom)" if unread else "",
    )  # fmt: skip


def test_credo() -> None:
    """Issues that were there may stay, new ones may not come, and credo must not break."""
    before = check_credo(credo("too long"), None)

    assert check_credo(credo("too long"), before).ok
    assert (
        "credo: lib/a.ex: no doc (C)"
        == judge([check_credo(credo("too long", "no doc"), before)]).summary
    )
    broken = check_credo(credo(code=1, unread=True), before)
    assert "mix credo says nothing that can be read: ** (boom)" == judge([broken]).summary
    assert check_credo(credo(unread=True), check_credo(credo(unread=True), None)).ok


def found(rule: str, file: str = "lib/a.ex", function: str = "f/1") -> Finding:
    return Finding(
        rule=rule, name="n", severity="high", stage=1, file=file, line=1, column=1, end_line=1,
        end_column=2, module="A", function=function, message="bad", fix="safe", fingerprint=rule,
    )  # fmt: skip


def test_a_hint_is_no_new_flaw() -> None:
    """What a person only has to look at does not take a repair back."""
    was = found("OTP001")
    for severity, status in (("info", "passed"), ("low", "failed")):
        hint = found("OTP033").model_copy(update={"severity": severity})
        verdict = judge([], finding=was, before=counted_kin([was]), now=[hint])

        assert status == verdict.status


@pytest.mark.parametrize(
    ("before", "now", "problem"),
    [
        (["OTP001"], [], None),
        (["OTP001", "OTP001"], ["OTP001"], None),
        (["OTP001", "OTP053"], ["OTP053"], None),
        (["OTP001"], ["OTP001"], "OTP001 is still found in lib/a.ex: bad"),
        (["OTP001"], ["OTP053"], "new finding OTP053 in lib/a.ex:1: bad"),
        (["OTP001", "OTP053"], ["OTP053", "OTP053"], "new finding OTP053 in lib/a.ex:1: bad"),
    ],
)
def test_findings(before: list[str], now: list[str], problem: str | None) -> None:
    """The finding must be gone, and no other may have come."""
    verdict = judge(
        [],
        finding=found("OTP001"),
        before=counted_kin(map(found, before)),
        now=[found(rule) for rule in now],
    )

    assert (problem is None) == (verdict.status == "passed")
    assert problem is None or (problem,) == verdict.problems
