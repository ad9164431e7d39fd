"""How much may be spent on models, and what was."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from otp_genesis.model.frozen import Frozen

SPEND_MORE = "spend more"
CHOICES = (SPEND_MORE, "stop")
"""The answers to the question whether a run may spend as much again."""


class Budget(Frozen):
    """The most that may be spent on models; at least one limit."""

    cost_usd: float | None = Field(default=None, gt=0, description="US dollars.")
    tokens: int | None = Field(default=None, gt=0, description="Tokens in and out.")
    calls: int | None = Field(default=None, gt=0, description="Requests to vendors.")
    time_s: float | None = Field(
        default=None, gt=0, description="Seconds that the calls take, added up."
    )
    on_reached: Literal["fail", "suspend"] = Field(
        default="fail",
        description="Whether the step fails, or the run waits until a person says `spend more`.",
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Budget:
        if (self.cost_usd, self.tokens, self.calls, self.time_s) == (None,) * 4:
            raise ValueError("a budget needs a limit: cost_usd, tokens, calls or time_s")
        return self


class Spent(NamedTuple):
    """What calls took, or may take."""

    cost_usd: float = 0.0
    tokens: int = 0
    calls: int = 0
    time_s: float = 0.0

    def plus(self, other: Spent) -> Spent:
        """Return both together."""
        return Spent(
            self.cost_usd + other.cost_usd,
            self.tokens + other.tokens,
            self.calls + other.calls,
            self.time_s + other.time_s,
        )

    def less(self, other: Spent) -> Spent:
        """Return this without the other."""
        return self.plus(Spent(-other.cost_usd, -other.tokens, -other.calls, -other.time_s))
