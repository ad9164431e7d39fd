"""What `genesis.toml` says of a provider."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from otp_genesis.contracts.provider import Limits, RegisteredProvider, Request
from otp_genesis.errors import NoProvider, ProviderError
from otp_genesis.providers.configure import ProviderSettings, configured
from providers.fakes import TEXT, Fake, house, run

ENTRY = RegisteredProvider(
    Fake("a"), TEXT, limits=Limits(concurrency=3, requests_per_minute=9), priority=4, weight=2.0
)


def test_what_is_not_said_stays() -> None:
    """Each setting alone; without any the entry is the same."""
    assert ENTRY == configured(ENTRY, ProviderSettings())
    changed = configured(
        ENTRY, ProviderSettings(priority=0, weight=0, concurrency=1, tokens_per_minute=500)
    )
    assert (0, 0, Limits(concurrency=1, requests_per_minute=9, tokens_per_minute=500)) == (
        changed.priority,
        changed.weight,
        changed.limits,
    )
    assert (ENTRY.provider, ENTRY.capabilities) == (changed.provider, changed.capabilities)


def test_one_that_is_switched_off() -> None:
    """It is listed with what helps, and never asked."""
    off = configured(ENTRY, ProviderSettings(enabled=False))
    at = house(off)

    with pytest.raises(NoProvider) as caught:
        run(at.ask())
    assert {
        "a": "it is switched off — set enabled = true in genesis.toml: [providers.a]"
    } == caught.value.lacking
    with pytest.raises(ProviderError, match="it is switched off"):
        run(off.provider.complete(Request(prompt="hi")))
    assert TEXT == off.provider.capabilities


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": -1},
        {"weight": float("inf")},
        {"concurrency": 0},
        {"requests_per_minute": 0},
        {"tokens_per_minute": float("nan")},
        {"prioritee": 1},
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    """They are refused where they are read."""
    with pytest.raises(ValidationError):
        ProviderSettings.model_validate(wrong)
