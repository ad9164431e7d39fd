"""The registries of step types and of providers: `Registry`, with the doors that users know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace as changed
from typing import Any

from otp_genesis.contracts.provider import CAPABILITIES, Provider
from otp_genesis.contracts.registry import Registry
from otp_genesis.contracts.step import (
    Context,
    Effects,
    Params,
    StepMetadata,
    StepType,
    Validator,
    step_type,
)
from otp_genesis.errors import InvalidEntry, UsageError, did_you_mean
from otp_genesis.model.outcome import Outcome


class StepRegistry(Registry[StepType[Any]]):
    """Step types by name."""

    def __init__(self) -> None:
        super().__init__("step type")

    def register(
        self,
        kind: str | StepType[Any],
        run: Callable[[Any, Context], Awaitable[Outcome]] | None = None,
        *,
        params: type[Params] | None = None,
        validator: Validator | None = None,
        metadata: StepMetadata | None = None,
        effects: Effects = "none",
        replace: bool = False,
    ) -> StepType[Any]:
        """Register a declared step type, or a name with its async `run`.

        Raises `InvalidEntry` where it cannot be one, `DuplicateName` where the name is taken and
        `replace` is not said.
        """
        if isinstance(kind, str):
            if run is None:
                raise InvalidEntry(f"step type {kind!r} needs a run function")
            said = metadata.description if metadata else ""
            entry: StepType[Any] = step_type(
                kind, run, params=params, effects=effects, description=said
            )
        else:
            entry = kind
        if metadata is not None:
            description = metadata.description or entry.metadata.description
            entry = changed(entry, metadata=changed(metadata, description=description))
        if validator is not None:
            entry = changed(entry, validator=validator)
        self.add(entry, replace=replace)
        return entry

    def find(self, *, capability: str | None = None, origin: str | None = None) -> list[str]:
        """Return the names of the types that have what is asked, sorted."""
        return sorted(
            kind.name
            for kind in self
            if capability in (None, *kind.metadata.capabilities)
            and origin in (None, kind.metadata.origin)
        )


class ProviderRegistry(Registry[Provider]):
    """Providers by name, asked in the order in which they were registered."""

    def __init__(self) -> None:
        super().__init__("provider")

    def register(self, provider: Provider, *, replace: bool = False) -> None:
        """Register a provider; raise `InvalidEntry` for one that is none, or a capability typo."""
        if not isinstance(provider, Provider):
            raise InvalidEntry(f"{provider!r} is no provider: it lacks a part of the contract")
        for capability in provider.capabilities - CAPABILITIES:
            near = did_you_mean(capability, CAPABILITIES)
            raise InvalidEntry(f"provider {provider.name!r}: no capability {capability!r}{near}")
        self.add(provider, replace=replace)

    def find(self, *, capability: str | None = None) -> list[str]:
        """Return the names of the providers that have the capability, sorted."""
        if capability is not None and capability not in CAPABILITIES:
            raise UsageError(
                f"no capability {capability!r}{did_you_mean(capability, CAPABILITIES)}"
            )
        return sorted(one.name for one in self if capability in (None, *one.capabilities))
