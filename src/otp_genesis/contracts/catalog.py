"""The registry of step types, and the catalog that a document is checked against."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.capability import Capabilities
from otp_genesis.contracts.entry import Resolution
from otp_genesis.contracts.naming import place_of
from otp_genesis.contracts.registry import Registry, Snapshot
from otp_genesis.contracts.step import Context, Effects, Params, Validator
from otp_genesis.contracts.step_type import StepMetadata, StepType, step_type
from otp_genesis.deferred import deferred
from otp_genesis.errors import InvalidEntry, UnknownName

if TYPE_CHECKING:
    from otp_genesis.contracts import params_schema as schemas
    from otp_genesis.model import pipeline as documents
    from otp_genesis.model.outcome import Outcome
    from otp_genesis.model.pipeline import Pipeline
else:
    documents = deferred("otp_genesis.model.pipeline")
    schemas = deferred("otp_genesis.contracts.params_schema")

Document = Callable[["Pipeline | Path", "str | None"], StepType[Any]]
"""Makes a step type of a pipeline document, under a name of its own or under the given one."""


class StepRegistry(Registry[StepType[Any]]):
    """Step types by name."""

    def __init__(
        self, capabilities: Capabilities | None = None, document: Document | None = None
    ) -> None:
        super().__init__("step type")
        self.capabilities = capabilities or Capabilities()
        self._document = document

    def register(
        self,
        kind: str | StepType[Any] | Pipeline | Path,
        run: Callable[[Any, Context], Awaitable[Outcome]] | Pipeline | Path | None = None,
        *,
        params: type[Params] | None = None,
        validator: Validator | None = None,
        metadata: StepMetadata | None = None,
        effects: Effects | None = None,
        replace: bool = False,
    ) -> StepType[Any]:
        """Register a declared step type, a name with its async `run`, or a pipeline document.

        Without `params` they are those that `run` annotates, or fields named by the metadata.
        Raises `InvalidEntry` where it cannot be one, `DuplicateName` where the name is taken and
        `replace` is not said, `InvalidDocument` for a document that is none.
        """
        if isinstance(kind, StepType):
            entry = kind
        elif isinstance(kind, documents.Pipeline | Path):
            entry = self._from_document(kind, None)
        elif isinstance(run, documents.Pipeline | Path):
            entry = self._from_document(run, str(kind))
        elif isinstance(kind, str):
            if run is None:
                raise InvalidEntry(f"step type {kind!r} needs a run function")
            told = metadata or StepMetadata()
            entry = step_type(
                kind, run, params=params, effects=effects or "none", validator=validator,
                metadata=told,
            )  # fmt: skip
        else:
            raise InvalidEntry(f"{kind!r} is no step type; declare it with @step")
        entry = _with(entry, validator, metadata, effects)
        _require_schema(entry)
        self.add(entry, replace=replace)
        return entry

    def _from_document(self, source: Pipeline | Path, name: str | None) -> StepType[Any]:
        if self._document is None:
            raise InvalidEntry("this registry takes no pipeline documents")
        return self._document(source, name)

    def admit(self, entry: StepType[Any]) -> None:
        """Raise `InvalidEntry` for a capability that nobody declared."""
        who = f"step type {entry.name!r}"
        self.capabilities.require(entry.metadata.capabilities, who)

    def find(
        self,
        *,
        capability: str | None = None,
        origin: str | None = None,
        effects: Effects | None = None,
    ) -> list[str]:
        """Return the names of the types that have what is asked, sorted.

        Raises `UsageError` for a capability that nobody declared.
        """
        if capability is not None:
            self.capabilities.asked(capability)
        return sorted(
            kind.name
            for kind in self
            if capability in (None, *kind.metadata.capabilities)
            and origin in (None, kind.metadata.origin)
            and effects in (None, kind.effects)
        )


def _require_schema(entry: StepType[Any]) -> None:
    """Raise where editors and reference pages could not be told what the type takes."""
    try:
        schemas.params_schema(entry.params)
    # pydantic raises one of several kinds, depending on what the model holds.
    except Exception as error:
        first = str(error).splitlines()[0]
        message = f"step type {entry.name!r}: its params have no JSON Schema: {first}"
        raise InvalidEntry(message + place_of(entry.params)) from None


def _with(
    entry: StepType[Any],
    validator: Validator | None,
    metadata: StepMetadata | None,
    effects: Effects | None,
) -> StepType[Any]:
    if metadata is not None:
        description = metadata.description or entry.metadata.description
        file = metadata.file or entry.metadata.file
        entry = replace(entry, metadata=replace(metadata, description=description, file=file))
    if validator is not None:
        entry = replace(entry, validator=validator)
    if effects is not None:
        entry = replace(entry, effects=effects)
    return entry


@dataclass(frozen=True)
class Catalog:
    """Everything a document is checked against, as it was at one moment."""

    steps: Mapping[str, StepType[Any]]
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    strategies: Mapping[str, Any] = field(default_factory=dict)
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """What expressions may call, by name."""
    versions: Callable[[], Mapping[str, str]] = dict
    """Gives the engine's and the plugins' versions; plugins are loaded for it."""

    def resolve(self, name: str) -> Resolution[StepType[Any]]:
        """Return the step type that a name leads to; raise `UnknownName`, `PluginError`."""
        return _resolved("step type", self.steps, name)

    def function(self, name: str) -> Any:
        """Return a function that expressions may call; raise `UnknownName`, `PluginError`."""
        return _resolved("function", self.functions, name).entry

    def has_strategy(self, name: str) -> bool:
        """Whether there is a strategy of that name."""
        return _is_there("strategy", self.strategies, name)

    def has_capability(self, name: str) -> bool:
        """Whether a capability of that name is declared."""
        return _is_there("capability", self.capabilities, name)


def _is_there(kind: str, entries: Mapping[str, Any], name: str) -> bool:
    try:
        _resolved(kind, entries, name)
    except UnknownName:
        return False
    return True


def _resolved(kind: str, entries: Mapping[str, Any], name: str) -> Resolution[Any]:
    if isinstance(entries, Snapshot):
        return entries.resolve(name)
    if name not in entries:
        raise UnknownName(kind, name, entries)
    return Resolution(entries[name])
