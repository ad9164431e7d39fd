"""What a plugin adds, put into the registries whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.capability import Capabilities
from otp_genesis.contracts.catalog import StepRegistry
from otp_genesis.contracts.entry import Lazy
from otp_genesis.contracts.plugin import RULES, Plugin
from otp_genesis.contracts.provider import is_provider
from otp_genesis.contracts.provider_registry import ProviderRegistry, Strategies
from otp_genesis.contracts.registry import Registry
from otp_genesis.contracts.step_type import StepType
from otp_genesis.deferred import deferred
from otp_genesis.errors import GenesisError, PluginError
from otp_genesis.expr.function import Function

if TYPE_CHECKING:
    from otp_genesis.expr import scope as scopes
else:
    scopes = deferred("otp_genesis.expr.scope")

Undo = Callable[[], None]


@dataclass
class Registries:
    """Everything of a runtime that plugins add to."""

    capabilities: Capabilities
    steps: StepRegistry
    providers: ProviderRegistry
    strategies: Strategies
    functions: Registry[Function] = field(default_factory=lambda: Registry("function"))
    extras: dict[str, list[Any]] = field(default_factory=dict)
    """Rules and whatever else a plugin defines a place for, by its name; or what makes them."""
    services: dict[str, Callable[[], Any]] = field(default_factory=dict)
    configs: dict[str, Any] = field(default_factory=dict)

    def all(self) -> tuple[Registry[Any], ...]:
        """Return those that a plugin which is not loaded yet may bring something to."""
        return (self.steps, self.providers, self.strategies, self.functions, self.capabilities)

    def extra(self, place: str) -> tuple[Any, ...]:
        """Return what plugins brought to a place; what is made when asked is made now."""
        found: list[Any] = []
        for one in self.extras.get(place, ()):
            found += one() if _makes(one) else (one,)
        return tuple(found)


def added(plugin: Plugin, config: Any, registries: Registries) -> list[Undo]:
    """Add everything; return what takes it back. Raises `PluginError` where a part cannot be."""
    done: list[Undo] = []
    try:
        for undo in _parts(plugin, config, registries):
            done.append(undo)
    # A plugin is a stranger's value: it may hold anything.
    except Exception as error:
        for undo in reversed(done):
            undo()
        if isinstance(error, PluginError):
            raise
        said = str(error) if isinstance(error, GenesisError) else f"it is malformed: {error}"
        raise PluginError(plugin.name, said) from error
    return done


def _parts(plugin: Plugin, config: Any, registries: Registries) -> Iterator[Undo]:
    """Add one part after the other, yielding after each what takes it back."""
    yield from _vocabulary(plugin, registries)
    name = plugin.name
    for kind in plugin.steps:
        yield _step(kind, name, registries.steps)
    for pipeline in plugin.pipelines:
        yield _pipeline(pipeline, name, registries.steps)
    for provider in plugin.providers:
        yield _provider(provider, plugin, config, registries.providers)
    yield from _extras(plugin, registries)
    for service, make in plugin.services.items():
        if service in registries.services:
            raise PluginError(name, f"a service {service!r} is there already")
        registries.services[service] = make
        yield partial(registries.services.__delitem__, service)
    registries.configs[name] = config
    yield partial(registries.configs.__delitem__, name)


def _vocabulary(plugin: Plugin, registries: Registries) -> Iterator[Undo]:
    """Add what step types and documents are told in: capabilities, functions, other names."""
    name = plugin.name
    for capability, meaning in plugin.capabilities.items():
        if capability not in registries.capabilities:
            registries.capabilities.declare(capability, meaning, origin=name)
            yield _out_of(registries.capabilities, capability)
    for strategy in plugin.strategies:
        registries.strategies.add(replace(strategy, origin=name))
        yield _out_of(registries.strategies, strategy.name)
    for function, call in plugin.functions.items():
        registries.functions.add(_function(function, call, name))
        yield _out_of(registries.functions, function)
    for alias, of in plugin.aliases.items():
        registries.steps.alias(alias, of)
        yield partial(registries.steps.unalias, alias)
    for old, deprecation in plugin.deprecated.items():
        registries.steps.deprecate(
            old, use=deprecation.use, since=deprecation.since, reason=deprecation.reason
        )
        yield partial(registries.steps.undeprecate, old)


def _step(kind: StepType[Any] | Lazy[StepType[Any]], origin: str, steps: StepRegistry) -> Undo:
    if isinstance(kind, Lazy):
        # Whose fault it is where it cannot be made.
        kind.origin = origin
        steps.add_lazy(Lazy(kind.name, lambda: _of(kind.get(), origin), origin=origin))
    else:
        steps.add(_of(kind, origin))
    return _out_of(steps, kind.name)


def _of(kind: StepType[Any], origin: str) -> StepType[Any]:
    if not isinstance(kind, StepType):
        raise PluginError(origin, f"{kind!r} is no step type; declare it with @step")
    return replace(kind, metadata=replace(kind.metadata, origin=origin))


def _pipeline(pipeline: Path | Lazy[StepType[Any]], origin: str, steps: StepRegistry) -> Undo:
    if isinstance(pipeline, Lazy):
        return _step(pipeline, origin, steps)
    kind = steps.register(pipeline)
    undo = _out_of(steps, kind.name)
    steps.add(_of(kind, origin), replace=True)
    return undo


def _provider(given: Any, plugin: Plugin, config: Any, providers: ProviderRegistry) -> Undo:
    if isinstance(given, Lazy):
        providers.add_lazy(given)
        return _out_of(providers, given.name)
    if callable(given) and not is_provider(given):
        given = given(config)
    entry = providers.register(given, origin=plugin.name)
    return _out_of(providers, entry.name)


def _function(name: str, call: Callable[..., Any], origin: str) -> Function:
    if not name.isidentifier() or name in scopes.ROOTS:
        raise PluginError(origin, f"a function cannot be named {name!r}")
    if not callable(call):
        raise PluginError(origin, f"function {name!r} cannot be called")
    return Function(name, call, origin)


def _extras(plugin: Plugin, registries: Registries) -> Iterator[Undo]:
    places: list[tuple[str, Iterable[Any]]] = list(plugin.extras.items())
    rules = plugin.rules
    places.append((RULES, [rules] if callable(rules) else rules))
    for place, values in places:
        known = registries.extras.setdefault(place, [])
        for value in values:
            if not _makes(value):
                _require_new(value, known, place, plugin)
            known.append(value)
            yield partial(known.remove, value)


def _require_new(value: Any, known: list[Any], place: str, plugin: Plugin) -> None:
    """Raise where a thing of that name, or a rule of that code, is there already."""
    others = [other for one in known for other in (one() if _makes(one) else (one,))]
    for attribute in ("code", "name"):
        given = getattr(value, attribute, None)
        if given is not None and any(getattr(o, attribute, None) == given for o in others):
            message = f"{place}: {attribute} {given!r} is there already"
            raise PluginError(plugin.name, message)


def _makes(one: Any) -> bool:
    """Whether it is no thing itself but a function that makes things when they are asked for."""
    return callable(one) and not hasattr(one, "name")


def _out_of(registry: Registry[Any], name: str) -> Undo:
    return lambda: registry.unregister(name) if name in registry else None
