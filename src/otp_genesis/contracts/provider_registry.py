"""The registry of providers, and what puts them in order."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING, Any, NamedTuple

from otp_genesis.contracts.capability import Capabilities
from otp_genesis.contracts.naming import NAME, place_of
from otp_genesis.contracts.provider import FunctionProvider, Provider, RegisteredProvider
from otp_genesis.contracts.registry import Registry
from otp_genesis.errors import InvalidEntry

if TYPE_CHECKING:
    from otp_genesis.contracts.question import Limits, ModelFacts, Reply, Request

Answer = Callable[["Request"], Awaitable["Reply | str"]]


class ProviderRegistry(Registry[RegisteredProvider]):
    """Providers by name."""

    def __init__(self, capabilities: Capabilities | None = None) -> None:
        super().__init__("provider")
        self.capabilities = capabilities or Capabilities()

    def register(
        self,
        provider: Provider | RegisteredProvider | str,
        answer: Provider | Answer | None = None,
        capabilities: Iterable[str] | None = None,
        *,
        models: Sequence[ModelFacts] | None = None,
        limits: Limits | None = None,
        priority: int | None = None,
        weight: float | None = None,
        origin: str | None = None,
        replace: bool = False,
    ) -> RegisteredProvider:
        """Register a provider, or a name with a provider or an async function that answers.

        Raises `InvalidEntry` for what is no provider or offers a capability that nobody declared,
        `DuplicateName` where the name is taken and `replace` is not said.
        """
        entry = _entry(provider, answer, capabilities)
        said: dict[str, Any] = {
            "models": tuple(models) if models is not None else None,
            "limits": limits,
            "priority": priority,
            "weight": weight,
            "origin": origin,
        }
        given = {key: value for key, value in said.items() if value is not None}
        entry = changed(entry, **given)
        self.add(entry, replace=replace)
        return entry

    def admit(self, entry: RegisteredProvider) -> None:
        """Raise `InvalidEntry` for a bad name, capability or weight."""
        if not NAME.fullmatch(entry.name):
            raise InvalidEntry(f"provider {entry.name!r}: a name is letters, digits, '_', '-', '.'")
        self.capabilities.require(entry.capabilities, f"provider {entry.name!r}")
        if not 0 <= entry.weight < float("inf"):
            raise InvalidEntry(f"provider {entry.name!r}: its weight must be 0 or more")

    def find(self, *, capability: str | Iterable[str] = ()) -> list[str]:
        """Return the names of the providers that have the capability, or all of several, sorted.

        Raises `UsageError` for one that nobody declared.
        """
        wanted = (capability,) if isinstance(capability, str) else tuple(capability)
        asked = {self.capabilities.asked(name) for name in wanted}
        return sorted(one.name for one in self if asked <= one.capabilities)


def _entry(
    given: Provider | RegisteredProvider | str,
    answer: Provider | Answer | None,
    capabilities: Iterable[str] | None,
) -> RegisteredProvider:
    if isinstance(given, RegisteredProvider):
        offered = given.capabilities if capabilities is None else frozenset(capabilities)
        return changed(given, capabilities=offered)
    provider = _named(given, answer, capabilities) if isinstance(given, str) else given
    if isinstance(provider, type) or not isinstance(provider, Provider):
        raise InvalidEntry(f"{provider!r} is no provider: it lacks {_lacking(provider)}")
    for verb in ("complete", "check"):
        method = getattr(provider, verb)
        if not inspect.iscoroutinefunction(method):
            message = f"provider {provider.name!r}: its {verb} must be async{place_of(method)}"
            raise InvalidEntry(message)
    offered = provider.capabilities if capabilities is None else frozenset(capabilities)
    facts = {
        name: getattr(provider, name)
        for name in ("models", "limits", "priority", "weight")
        if hasattr(provider, name)
    }
    try:
        return RegisteredProvider(provider, frozenset(offered), **facts)
    except TypeError:
        message = f"provider {provider.name!r}: its capabilities must be a set of names"
        raise InvalidEntry(message) from None


def _named(
    name: str, answer: Provider | Answer | None, capabilities: Iterable[str] | None
) -> Provider:
    if answer is None:
        raise InvalidEntry(f"provider {name!r} needs a provider or an async function that answers")
    if isinstance(answer, Provider):
        if answer.name != name:
            raise InvalidEntry(f"provider {name!r}: the given one is called {answer.name!r}")
        return answer
    if not inspect.iscoroutinefunction(answer):
        message = f"provider {name!r}: its function must be async{place_of(answer)}"
        raise InvalidEntry(message)
    try:
        inspect.signature(answer).bind(object())
    except TypeError:
        message = f"provider {name!r}: its function takes one request{place_of(answer)}"
        raise InvalidEntry(message) from None
    return FunctionProvider(name, frozenset(capabilities or ("text",)), answer)


def _lacking(given: object) -> str:
    parts = ("name", "capabilities", "complete", "check")
    if isinstance(given, type):
        return "an instance: register what the class makes, not the class"
    return ", ".join(part for part in parts if not hasattr(given, part)) or "a part"


class Candidate(NamedTuple):
    """A provider that can be asked, as a strategy sees it.

    A tuple, because one is made for each provider whenever a price is estimated.
    """

    entry: RegisteredProvider
    latency_s: float | None = None
    """Moving average of its calls; nothing where it was never asked."""
    in_flight: int = 0
    calls: int = 0
    """Calls begun since the runtime started. One that comes late, or back, is counted on from
    where the others are, so that it is not asked until it has caught up with them."""
    cost_usd: float | None = None
    """Estimated price of this request; nothing where no price is known."""

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.entry.name


Order = Callable[[Sequence[Candidate], "Request"], Sequence[Candidate]]


@dataclass(frozen=True)
class Strategy:
    """A way to put candidates in the order in which they are asked. `order` must be quick."""

    name: str
    order: Order
    description: str = ""
    origin: str = "built-in"


class Strategies(Registry[Strategy]):
    """Strategies by name."""

    def __init__(self, entries: Iterable[Strategy] = ()) -> None:
        super().__init__("strategy", entries)

    def register(
        self, name: str, order: Order, *, description: str = "", replace: bool = False
    ) -> Strategy:
        """Register `order(candidates, request)`; raises `InvalidEntry` and `DuplicateName`."""
        if not callable(order):
            raise InvalidEntry(f"strategy {name!r}: it must be a function of candidates, request")
        said = description or inspect.getdoc(order) or ""
        strategy = Strategy(name, order, said, origin="code")
        self.add(strategy, replace=replace)
        return strategy

    def admit(self, entry: Strategy) -> None:
        """Raise `InvalidEntry` for a bad name or a function that does not take two arguments."""
        if not NAME.fullmatch(entry.name):
            raise InvalidEntry(f"strategy {entry.name!r}: a name is letters, digits, '_', '-', '.'")
        if inspect.iscoroutinefunction(entry.order):
            raise InvalidEntry(f"strategy {entry.name!r}: it may not be async")
        try:
            inspect.signature(entry.order).bind((), object())
        except TypeError:
            message = f"strategy {entry.name!r}: it takes (candidates, request)"
            raise InvalidEntry(message + place_of(entry.order)) from None
        except ValueError:
            # A callable without a signature, written in C: it cannot be judged before its call.
            return
