"""Steps that run the project's own checks, and the one that judges by them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import EnvironmentLacks
from otp_genesis.model.event import CommandRan
from otp_genesis.model.frozen import Frozen
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.otp.mix import Mix, TaskResult, is_elixir
from otp_genesis.otp.projects import current_findings
from otp_genesis.otp.rule import Finding
from otp_genesis.otp.verify import (
    CompileCheck,
    CredoCheck,
    FormatCheck,
    TestCheck,
    check_compile,
    check_credo,
    check_format,
    check_tests,
    judge,
    rerun,
)
from otp_genesis.otp.verify_settings import VerifySettings

SCRATCH = "_build/otp_genesis"


class Baseline(Frozen):
    """What the checks said before any change."""

    format: FormatCheck
    compile: CompileCheck
    test: TestCheck
    credo: CredoCheck


def mix_of(ctx: Context) -> Mix:
    """Return the project's mix, with the settings of its `genesis.toml`."""
    settings: VerifySettings = ctx.facts["settings"].section("verify", VerifySettings)
    scratch = Path(ctx.codebase.root, SCRATCH)
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentLacks(f"cannot write {scratch}: {error.strerror}") from None
    return Mix(ctx.codebase, settings, scratch)


async def tell(ctx: Context, result: TaskResult) -> None:
    """Say that a command ran, if one did."""
    if not result.command:
        return
    event = CommandRan(
        at=time.time(),
        path=ctx.path,
        argv=tuple(result.command.split()),
        exit_code=result.exit_code,
        duration_s=result.duration_s,
    )
    await ctx.emit(event)


class CheckFormat(Params):
    """Parameters of `mix.check_format`."""

    files: list[str] = []
    baseline: Baseline | None = None


@step("mix.check_format", effects="runs")
async def mix_check_format(params: CheckFormat, ctx: Context) -> Outcome:
    """Ask the formatter whether files are formatted; all of them where none are named."""
    files = [path for path in params.files if is_elixir(path)]
    run = await mix_of(ctx).unformatted(files)
    await tell(ctx, run)
    check = check_format(run, params.baseline.format if params.baseline else None)
    return Ok(output=check.model_dump(mode="json"))


class Compile(Params):
    """Parameters of `mix.compile`."""

    baseline: Baseline | None = None


@step("mix.compile", effects="runs")
async def mix_compile(params: Compile, ctx: Context) -> Outcome:
    """Compile; where there were no warnings before, they are errors."""
    strict = params.baseline is not None and not params.baseline.compile.run.warnings
    run = await mix_of(ctx).compile(strict=strict)
    await tell(ctx, run)
    check = check_compile(run, params.baseline.compile if params.baseline else None)
    return Ok(output=check.model_dump(mode="json"))


class Test(Params):
    """Parameters of `mix.test`."""

    __test__ = False

    paths: list[str] = []
    """Run only these; all by default."""
    baseline: Baseline | None = None


@step("mix.test", effects="runs")
async def mix_test(params: Test, ctx: Context) -> Outcome:
    """Run the tests; where some fail anew, once more: what failed in one run only is flaky."""
    mix = mix_of(ctx)
    run = await mix.test(params.paths)
    await tell(ctx, run)
    baseline = params.baseline.test if params.baseline else None
    check = check_tests(run, baseline)
    if baseline is not None and not check.ok and not run.ended_by:
        again = await mix.test(params.paths)
        await tell(ctx, again)
        check = rerun(check, check_tests(again, baseline))
    return Ok(output=check.model_dump(mode="json"))


class Credo(Params):
    """Parameters of `mix.credo`."""

    baseline: Baseline | None = None


@step("mix.credo", effects="runs")
async def mix_credo(params: Credo, ctx: Context) -> Outcome:
    """Run credo where the project has it; the result says whether it is `available`."""
    mix = mix_of(ctx)
    before = params.baseline.credo if params.baseline else None
    available = before.available if before else await mix.has_credo()
    if not available:
        return Ok(output=CredoCheck().model_dump(mode="json"))
    run = await mix.credo()
    await tell(ctx, run)
    return Ok(output=check_credo(run, before).model_dump(mode="json"))


class PassedOver(Frozen):
    """What stands for a check that did not run, because one before it failed."""

    success: bool
    skipped: Literal[True]
    reason: str


class Judge(Params):
    """Parameters of `otp.verdict`."""

    format: FormatCheck
    compile: CompileCheck
    test: TestCheck | PassedOver
    credo: CredoCheck | PassedOver
    finding: Finding | None = None
    before: dict[str, int] = {}
    """How many findings of each kin there were, as `otp.find` counts them."""


@step("otp.verdict", effects="reads")
async def verdict(params: Judge, ctx: Context) -> Outcome:
    """Judge a change by all checks, and by whether its finding is gone and no new one there."""
    stated = (params.format, params.compile, params.test, params.credo)
    checks = [one for one in stated if not isinstance(one, PassedOver)]
    report = current_findings(ctx) if params.finding else None
    given = judge(
        checks,
        finding=params.finding,
        before=params.before,
        now=report.findings if report else (),
        unparsed=[one for one in report.unparsed if params.finding.file == one.file]
        if report and params.finding
        else (),
    )
    return Ok(output=given.model_dump(mode="json"))


class RequireBaseline(Params):
    """Parameters of `otp.require_baseline`."""

    baseline: Baseline


@step("otp.require_baseline")
async def require_baseline(params: RequireBaseline, ctx: Context) -> Outcome:
    """Fail where the project cannot be verified as it is: it does not compile, its tests hang."""
    compiled, tested = params.baseline.compile.run, params.baseline.test.run
    if compiled.ended_by:
        error = f"{compiled.command} did not end within its limits ({compiled.ended_by})"
        return Failed(error=f"{error}; see [verify] in genesis.toml")
    if not compiled.ok:
        return Failed(
            error=f"the project does not compile before any change: {compiled.command} says:\n"
            f"{compiled.output[-1500:]}"
        )
    if tested.ended_by:
        return Failed(
            error=f"the project's tests do not end before any change: {tested.command} was ended"
            f" ({tested.ended_by}); set test or test_timeout_s under [verify] in genesis.toml"
        )
    if not params.baseline.test.ok:
        return Failed(
            error=f"the project's tests cannot be run before any change: {tested.command} says:\n"
            f"{tested.output[-1500:]}"
        )
    return Ok(output={"tests": tested.tests, "failures": tested.failures})


STEPS = (
    mix_check_format,
    mix_compile,
    mix_test,
    mix_credo,
    verdict,
    require_baseline,
)
