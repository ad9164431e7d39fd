"""What a request will cost, before it is asked: tokens and price, roughly."""

from __future__ import annotations

from otp_genesis.contracts.provider import RegisteredProvider, Request
from otp_genesis.model.budget import Spent

CHARS_PER_TOKEN = 4
"""The vendors' own rule of thumb for English; code and other languages take more tokens."""
OUTPUT_TOKENS = 1000
"""How long an answer is taken to be where the request says nothing."""

Price = tuple[float, float]
"""US dollars a token: in, out."""


def tokens_of(request: Request) -> tuple[int, int]:
    """Return the estimated tokens of a request: in, out."""
    chars = len(request.prompt) + len(request.system or "")
    return chars // CHARS_PER_TOKEN + 1, request.max_output_tokens or OUTPUT_TOKENS


def price_of(entry: RegisteredProvider, model: str | None) -> Price | None:
    """Return the price of the model, or of the provider's first where none is named.

    Nothing where the provider does not know the model, or one of its two prices.
    """
    for facts in entry.models:
        if model is None or facts.name == model:
            into, out = facts.input_usd_per_million, facts.output_usd_per_million
            return None if into is None or out is None else (into / 1e6, out / 1e6)
    return None


def estimated_cost(entry: RegisteredProvider, request: Request, tokens: tuple[int, int]) -> Spent:
    """Return what a call may take, by the tokens estimated; an unknown price counts nothing."""
    price = price_of(entry, request.model)
    into, out = tokens
    cost = 0.0 if price is None else price[0] * into + price[1] * out
    return Spent(cost, into + out, 1, 0.0)
