"""What a call costs: by what the settings say of the model, else by the public price lists."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.provider import ModelFacts
from otp_genesis.deferred import deferred

if TYPE_CHECKING:
    import genai_prices

    from otp_genesis.providers.chat import Tokens
else:
    genai_prices = deferred("genai_prices")


def cost_of(
    model: str, tokens: Tokens, facts: Sequence[ModelFacts] = (), vendor: str | None = None
) -> float | None:
    """Return US dollars, or nothing where the price is not known.

    `vendor` is the name of the price list, or the address that the model is asked at. The lists
    are those of genai-prices, where that is installed; they come with it, nobody is asked.
    """
    for one in facts:
        into, out = one.input_usd_per_million, one.output_usd_per_million
        if one.name == model and into is not None and out is not None:
            return (tokens.input * into + tokens.output * out) / 1e6
    return None if vendor is None else _listed(model, tokens, vendor)


def _listed(model: str, tokens: Tokens, vendor: str) -> float | None:
    try:
        usage = genai_prices.Usage(
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_read_tokens=tokens.cache_read,
            cache_write_tokens=tokens.cache_write,
        )
        # The one is an address, the other a name.
        where: Any = {"provider_api_url" if "://" in vendor else "provider_id": vendor}
        return float(genai_prices.calc_price(usage, model, **where).total_price)
    except (ImportError, LookupError, ValueError):
        return None


@dataclass(frozen=True)
class Prices:
    """What one provider's models cost."""

    facts: tuple[ModelFacts, ...] = ()
    vendor: str | None = None

    async def of(self, models: Sequence[str], tokens: Tokens) -> float | None:
        """Return US dollars, or nothing where the price is not known.

        `models` are names of one and the same: as it was asked for, and as the vendor calls it.
        """
        if self.vendor is None and not self.facts:
            return None
        known = _first(models, tokens, self.facts, None)
        if known is not None or self.vendor is None or not await _lists_are_there():
            return known
        return _first(models, tokens, (), self.vendor)


def _first(
    models: Sequence[str], tokens: Tokens, facts: Sequence[ModelFacts], vendor: str | None
) -> float | None:
    costs = (cost_of(model, tokens, facts, vendor) for model in models)
    return next((cost for cost in costs if cost is not None), None)


NO_PRICES = Prices()
_found: list[bool] = []


async def _lists_are_there() -> bool:
    """Import them, the first time in a thread: it takes a while."""
    if not _found:
        _found.append(await asyncio.to_thread(_imported))
    return _found[0]


def _imported() -> bool:
    if find_spec("genai_prices") is None:
        return False
    import_module("genai_prices")
    return True
