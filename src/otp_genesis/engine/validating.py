"""A step type's own validator: a stranger's code, which may raise, hang or return nonsense.

It runs in a thread of its own with a limit. A thread cannot be ended: one that hangs is left
behind, as a daemon that does not keep the process, and the step gets its answer in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import Any

from otp_genesis.contracts.step_type import StepType
from otp_genesis.errors import GenesisError

LIMIT_S = 2.0


@dataclass(frozen=True)
class Verdict:
    """The params that hold, or what is wrong with them; `flaw` where the validator itself is."""

    params: Any = None
    problem: str | None = None
    flaw: bool = False


def judged(kind: StepType[Any], params: Any, limit_s: float = LIMIT_S) -> Verdict:
    """Return what the type's validator says of `params`."""
    if kind.validator is None:
        return Verdict(params)
    found: list[Verdict] = []
    thread = _begun(kind, params, found.append)
    thread.join(limit_s)
    return found[0] if found else _too_slow(kind, limit_s)


async def judged_soon(kind: StepType[Any], params: Any, limit_s: float = LIMIT_S) -> Verdict:
    """Return the same without holding up whatever else is running."""
    if kind.validator is None:
        return Verdict(params)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Verdict] = loop.create_future()

    def settle(verdict: Verdict) -> None:
        if not answer.done():
            answer.set_result(verdict)

    def tell(verdict: Verdict) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, verdict)

    _begun(kind, params, tell)
    try:
        async with asyncio.timeout(limit_s):
            return await answer
    except TimeoutError:
        return _too_slow(kind, limit_s)


def _begun(kind: StepType[Any], params: Any, tell: Callable[[Verdict], object]) -> Thread:
    thread = Thread(
        target=lambda: tell(_asked(kind, params)), name=f"validator of {kind.name}", daemon=True
    )
    thread.start()
    return thread


def _asked(kind: StepType[Any], params: Any) -> Verdict:
    assert kind.validator is not None
    try:
        said = kind.validator(params)
    except (ValueError, GenesisError) as error:
        return Verdict(problem=f"{kind.name!r} says: {error}")
    # What else it raises, up to `sys.exit()`, is no verdict but its own flaw.
    except BaseException as error:
        return _flaw(kind, f"raised {type(error).__name__}: {error}")
    if isinstance(said, str):
        return Verdict(problem=f"{kind.name!r} says: {said}")
    if not isinstance(said, kind.params):
        what = f"returned {type(said).__name__}, not {kind.params.__name__} or a text"
        return _flaw(kind, what)
    return Verdict(said)


def _too_slow(kind: StepType[Any], limit_s: float) -> Verdict:
    return _flaw(kind, f"gave no answer within {limit_s:g} s")


def _flaw(kind: StepType[Any], what: str) -> Verdict:
    by = kind.metadata.origin
    who = "this program" if by == "built-in" else "its author" if by == "code" else f"plugin {by!r}"
    file = f", {kind.metadata.file}" if kind.metadata.file else ""
    return Verdict(
        problem=f"the validator of {kind.name!r} {what}; that is for {who} to mend{file}",
        flaw=True,
    )
