"""Who answers for the models: the pool chooses, the gateway asks, one file a provider."""

from __future__ import annotations

from functools import partial
from importlib import import_module

from otp_genesis.contracts.entry import Lazy
from otp_genesis.contracts.provider_registry import Strategies, Strategy

STRATEGIES = ("priority", "cheapest", "fastest", "least_loaded", "round_robin", "weighted")
"""Those that ship; a test holds it against what `strategies` says."""
KINDS = ("claude", "anthropic", "gemini", "openai", "local")
"""The kinds of providers that reach a model; each is a module beside this one, with a `KIND`."""
BUILT_IN = ("scripted", *KINDS)
"""The providers that every runtime has."""


def built_in_strategies() -> Strategies:
    """Return a registry of the strategies that ship, each imported when it is asked for."""
    registry = Strategies()
    for name in STRATEGIES:
        registry.add_lazy(Lazy(name, partial(_strategy, name)))
    return registry


def _strategy(name: str) -> Strategy:
    found: Strategy = import_module("otp_genesis.providers.strategies").strategy(name)
    return found
