"""What came of one call, as the gateway counts it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from otp_genesis.contracts.provider import Reply
from otp_genesis.errors import BudgetReached, ProviderError
from otp_genesis.model.budget import Spent
from otp_genesis.model.outcome import Usage

_NONE = Usage()


@dataclass(frozen=True, slots=True)
class Heard:
    """A reply or an error; neither where the call was not made."""

    seconds: float = 0.0
    reply: Reply | None = None
    error: ProviderError | BudgetReached | asyncio.CancelledError | None = None

    @property
    def usage(self) -> Usage:
        """What it used; also where it failed, as far as that is known."""
        if self.reply is not None:
            return self.reply.usage
        known = getattr(self.error, "usage", None)
        return known if isinstance(known, Usage) else _NONE

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        usage = self.usage
        return usage.input_tokens + usage.output_tokens

    @property
    def requests(self) -> int:
        """How many requests to the vendor it took."""
        made = self.reply or self.error
        return 0 if made is None else getattr(made, "requests", 1)

    @property
    def spent(self) -> Spent:
        """What is to be counted of it."""
        return Spent(self.usage.cost_usd, self.tokens, self.requests, self.seconds)
