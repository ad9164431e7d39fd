"""A type's own validator: its verdict counts, its flaws are its author's, no run waits on it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Bench

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import StepType, step_type
from otp_genesis.engine.validating import Verdict, judged, judged_soon
from otp_genesis.model.outcome import Ok, Outcome


class Amount(Params):
    """An amount."""

    amount: int


async def pay(params: Amount, ctx: Context) -> Outcome:
    """Pay."""
    return Ok(output=params.amount)


def kind(validator: Callable[[Any], Any]) -> StepType[Any]:
    return step_type("pay", pay, validator=validator)


def doubled(params: Amount) -> Amount:
    return Amount(amount=params.amount * 2)


def said(params: Amount) -> str:
    return f"{params.amount} is too much"


def raised(params: Amount) -> Amount:
    raise ValueError("no amount")


def broken(params: Amount) -> Amount:
    raise KeyError("price")


def leaves(params: Amount) -> Amount:
    sys.exit(4)


def nothing(params: Amount) -> None:
    return None


VERDICTS = [
    (doubled, Verdict(Amount(amount=14))),
    (said, Verdict(problem="'pay' says: 7 is too much")),
    (raised, Verdict(problem="'pay' says: no amount")),
]
FLAWS = [
    (broken, "the validator of 'pay' raised KeyError: 'price'; that is for its author to mend"),
    (leaves, "the validator of 'pay' raised SystemExit: 4; that is"),
    (nothing, "the validator of 'pay' returned NoneType, not Amount or a text; that is"),
]


@pytest.mark.parametrize(("validator", "verdict"), VERDICTS)
def test_verdicts(validator: Callable[[Any], Any], verdict: Verdict) -> None:
    """Params, a text, a `ValueError`: each is taken for what it says, at check and at bind."""
    assert judged(kind(validator), Amount(amount=7)) == verdict
    assert asyncio.run(judged_soon(kind(validator), Amount(amount=7))) == verdict


@pytest.mark.parametrize(("validator", "told"), FLAWS)
def test_flaws(validator: Callable[[Any], Any], told: str) -> None:
    """Whatever else it does is told as its own flaw, with the place of its code."""
    for verdict in (
        judged(kind(validator), Amount(amount=7)),
        asyncio.run(judged_soon(kind(validator), Amount(amount=7))),
    ):
        assert verdict.flaw
        assert (verdict.problem or "").startswith(told)
        assert f"{__file__}:" in (verdict.problem or "")


def test_one_that_hangs() -> None:
    """It gets its time and no more; the thread it hangs in keeps nobody."""
    free = threading.Event()

    def hangs(params: Amount) -> Amount:
        free.wait()
        return params

    late = "the validator of 'pay' gave no answer within 0.05 s"
    here = judged(kind(hangs), Amount(amount=7), limit_s=0.05)
    there = asyncio.run(judged_soon(kind(hangs), Amount(amount=7), limit_s=0.05))
    free.set()

    assert (here.problem or "").startswith(late)
    assert (there.problem or "").startswith(late)


def test_at_check_and_at_bind(bench: Bench) -> None:
    """What is known is judged by `check`, what a template gives when it is filled."""
    bench.runtime.steps.register("pay", pay, validator=said)

    assert bench.complaints("- {name: a, type: pay, amount: 3}") == [
        f"{bench.folder / 't.yaml'}:4:7: error[validator]: 'pay' says: 3 is too much"
    ]
    assert "t/a: 'pay' says: 5 is too much" == bench.failure(
        "workflow: {name: t, variables: {n: 5}, "
        "steps: [{name: a, type: pay, amount: '{{ state.n }}'}]}"
    )


def test_a_flaw_takes_no_run_down(bench: Bench) -> None:
    """The step fails; what comes after it goes on where the document says so."""
    bench.runtime.steps.register("pay", pay, validator=broken)
    report = bench.run(
        """
        - {name: n, type: say, value: 5}
        - {name: a, type: pay, amount: "{{ steps.n }}", on_error: continue}
        - {name: b, type: say, value: on}
        """
    )

    assert report.status == "succeeded"
    assert report.results["b"] == "on"
    assert "raised KeyError" in report.results["a"]["error"]


def test_what_it_returns_is_what_the_step_gets(bench: Bench) -> None:
    """It may complete the params."""
    bench.runtime.steps.register("pay", pay, validator=doubled)

    assert bench.results("- {name: a, type: pay, amount: 3}") == {"a": 6}
