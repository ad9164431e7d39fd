"""What a call costs."""

from __future__ import annotations

import asyncio

import pytest

from otp_genesis.contracts.provider import ModelFacts
from otp_genesis.providers.chat import Tokens
from otp_genesis.providers.prices import NO_PRICES, Prices, cost_of

FACTS = (
    ModelFacts(name="ours", input_usd_per_million=3, output_usd_per_million=15),
    ModelFacts(name="half", input_usd_per_million=3),
)
USED = Tokens(1_000_000, 100_000)


@pytest.mark.parametrize(
    ("model", "vendor", "cost"),
    [
        ("ours", None, 4.5),
        ("ours", "openai", 4.5),
        ("half", None, None),
        ("unknown", None, None),
        ("gpt-4o-mini", None, None),
        ("gpt-4o-mini", "openai", 0.21),
        ("gpt-4o-mini", "https://api.openai.com/v1", 0.21),
        ("gpt-4o-mini", "https://nobody.example/v1", None),
        ("unheard-of", "openai", None),
    ],
)
def test_the_price_of_a_model(model: str, vendor: str | None, cost: float | None) -> None:
    """By the settings first, then by the public lists, by name or address; or it is not known."""
    found = cost_of(model, USED, FACTS, vendor)

    assert found == (None if cost is None else pytest.approx(cost))
    assert asyncio.run(Prices(FACTS, vendor).of((model,), USED)) == found


def test_a_model_by_either_of_its_names() -> None:
    """As it was asked for, and as the vendor calls it."""
    prices = Prices(FACTS, "openai")

    assert asyncio.run(prices.of(("ours", "ours-2026-11"), USED)) == pytest.approx(4.5)
    assert asyncio.run(prices.of(("alias", "ours"), USED)) == pytest.approx(4.5)
    assert asyncio.run(prices.of(("alias", "gpt-4o-mini"), USED)) == pytest.approx(0.21)


def test_without_prices() -> None:
    """It is not known."""
    assert asyncio.run(NO_PRICES.of(("gpt-4o-mini",), USED)) is None


def test_what_was_in_a_cache_costs_less() -> None:
    """By the public lists."""
    cached = Tokens(1_000_000, 100_000, cache_read=1_000_000)

    assert cost_of("gpt-4o-mini", cached, (), "openai") == pytest.approx(0.135)
