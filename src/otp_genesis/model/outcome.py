"""What a step came to. The engine matches on these; nothing else does."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from otp_genesis.model.change import Revision
from otp_genesis.model.frozen import Frozen, trusted


class Usage(Frozen):
    """What model calls consumed."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=self.cost_usd + other.cost_usd,
        )


class _Journalled(Frozen):
    """What numbers are no JSON comes back from the journal all the same."""

    model_config = ConfigDict(ser_json_inf_nan="constants")


class Ok(_Journalled):
    """The step finished. `variables` are added to the state, `revision` is the code after it."""

    kind: Literal["ok"] = "ok"
    output: Any = None
    variables: dict[str, Any] = {}
    revision: Revision | None = None


class Failed(_Journalled):
    """The step did not do what it should; `retryable` says whether another attempt may."""

    kind: Literal["failed"] = "failed"
    error: str
    retryable: bool = False
    output: Any = None
    """What there is to see of the failure: a command's result, a model's raw text."""
    path: str | None = None
    """The innermost step that failed, where a block failed because of it."""


class Skipped(Frozen):
    """The step's condition did not hold."""

    kind: Literal["skipped"] = "skipped"
    reason: str


class Suspended(Frozen):
    """The run waits for an answer from outside."""

    kind: Literal["suspended"] = "suspended"
    question: str
    choices: tuple[str, ...] = ()
    path: str | None = None
    """The step that asks, where a block waits because of it."""


_made = trusted(Ok)


def succeeded(output: Any, variables: dict[str, Any], revision: Revision | None = None) -> Ok:
    """Return `Ok` of values that are known to be right; see `trusted`."""
    return _made({"kind": "ok", "output": output, "variables": variables, "revision": revision})


Outcome = Annotated[Ok | Failed | Skipped | Suspended, Field(discriminator="kind")]
