"""A step type as a value, and the ways to make one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, get_type_hints

from pydantic import BaseModel, create_model

from otp_genesis.contracts.naming import NAME, place_of
from otp_genesis.contracts.step import Effects, P, Params, Run, Validator
from otp_genesis.deferred import deferred
from otp_genesis.errors import InvalidEntry

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from otp_genesis.model import pipeline as documents
    from otp_genesis.model.pipeline import Pipeline
else:
    documents = deferred("otp_genesis.model.pipeline")


@dataclass(frozen=True)
class StepMetadata:
    """What is said of a step type to those who look for one."""

    description: str = ""
    required_fields: Sequence[str] | None = None
    """Given where the type has no params model; derived from the model otherwise."""
    optional_fields: Sequence[str] | None = None
    capabilities: frozenset[str] = frozenset()
    """Names of declared capabilities."""
    version: str = "1"
    origin: str = "code"
    """`built-in`, the plugin's name, or where the registering code stands."""
    file: str | None = None
    """The file that declares it, as `file:line`."""
    examples: tuple[str, ...] = ()
    """Steps in YAML, each a list item."""
    output_schema: Mapping[str, Any] | None = None
    """JSON Schema of the result, where it is declared."""
    legacy_since: str | None = None
    """The version of this engine from which on it is kept only for older documents."""


NO_METADATA = StepMetadata()


@dataclass(frozen=True)
class StepType(Generic[P]):
    """A registered kind of step."""

    name: str
    params: type[P]
    run: Run[P]
    effects: Effects = "none"
    metadata: StepMetadata = NO_METADATA
    validator: Validator | None = None
    pipeline: Pipeline | None = field(default=None, repr=False)
    """For a type that is a document: the document; its steps become the field `body`."""

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The keys that a step of this type must have."""
        return tuple(n for n, f in self._fields() if f.is_required())

    @property
    def optional_fields(self) -> tuple[str, ...]:
        """The keys that a step of this type may have beside the common ones."""
        return tuple(n for n, f in self._fields() if not f.is_required())

    def _fields(self) -> Iterator[tuple[str, FieldInfo]]:
        for name, info in self.params.model_fields.items():
            if self.pipeline is None or name != "body":
                yield name, info

    def owns(self, key: str) -> bool:
        """Whether `key` is a parameter of this type (also where it is a common key)."""
        return key in self.params.model_fields

    def keys(self) -> tuple[str, ...]:
        """Every key that a step of this type may have."""
        return ("name", "type", *self.params.model_fields, *documents.StepSettings.model_fields)


def step(
    name: str,
    *,
    effects: Effects = "none",
    capabilities: frozenset[str] | set[str] = frozenset(),
    validator: Validator | None = None,
    version: str = "1",
    examples: Sequence[str] = (),
    legacy_since: str | None = None,
) -> Callable[[Run[P]], StepType[P]]:
    """Declare a step type from an async function; a plugin's list registers it.

    The params model is found from the annotation of the first parameter; the docstring is the
    help text. Raises `InvalidEntry` for a function that cannot be one.
    """

    def declare(run: Run[P]) -> StepType[P]:
        metadata = StepMetadata(
            capabilities=frozenset(capabilities),
            version=version,
            examples=tuple(examples),
            legacy_since=legacy_since,
        )
        return step_type(name, run, effects=effects, metadata=metadata, validator=validator)

    return declare


def step_type(
    name: str,
    run: Run[P],
    *,
    params: type[P] | None = None,
    effects: Effects = "none",
    validator: Validator | None = None,
    metadata: StepMetadata = StepMetadata(),
) -> StepType[P]:
    """Return the step type that `run` implements; raise `InvalidEntry` where it cannot be one."""
    where = place_of(run)
    _require_name(name, where)
    _require_run(name, run, where)
    model = _model(name, run, params, metadata, where)
    _require_fields(name, model, metadata, where)
    description = metadata.description or inspect.getdoc(run)
    if not description:
        raise InvalidEntry(f"step type {name!r} needs a docstring: it is its help text{where}")
    if validator is not None and not callable(validator):
        raise InvalidEntry(f"step type {name!r}: its validator must be a function{where}")
    file = metadata.file or where.strip(" ()") or None
    told = replace(metadata, description=description, file=file)
    return StepType(name, model, run, effects, told, validator)


def _require_name(name: str, where: str) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        message = f"step type {name!r}: a name is letters, digits, '_', '-', '.'"
        raise InvalidEntry(message + where)


def _require_run(name: str, run: Any, where: str) -> None:
    called = run if inspect.iscoroutinefunction(run) else getattr(run, "__call__", None)  # noqa: B004
    if not inspect.iscoroutinefunction(called):
        raise InvalidEntry(f"step type {name!r}: its run must be an async function{where}")
    try:
        inspect.signature(run).bind(object(), object())
    except TypeError:
        message = f"step type {name!r}: its run takes two arguments, params and context{where}"
        raise InvalidEntry(message) from None


def _model(name: str, run: Any, params: Any, metadata: StepMetadata, where: str) -> Any:
    """Return the params model: the given one, the annotated one, or one made of named fields."""
    if params is None:
        params = _annotated(name, run)
    named = metadata.required_fields is not None or metadata.optional_fields is not None
    if named and (params is None or params in (Any, Params, dict)):
        return _named_fields(name, metadata)
    if isinstance(params, type) and issubclass(params, Params):
        return params
    if isinstance(params, type) and issubclass(params, BaseModel):
        message = f"its params {params.__name__} must be derived from otp_genesis.Params"
        raise InvalidEntry(f"step type {name!r}: {message}{where}")
    raise InvalidEntry(f"step type {name!r}: its first parameter must be a Params model{where}")


def _annotated(name: str, run: Any) -> Any:
    called = run if inspect.isroutine(run) else run.__call__
    parameters = list(inspect.signature(called).parameters)
    try:
        hints = get_type_hints(called)
    except NameError as error:
        message = f"step type {name!r}: {error}; pass its params="
        raise InvalidEntry(message + place_of(run)) from None
    return hints.get(parameters[0]) if parameters else None


def _named_fields(name: str, metadata: StepMetadata) -> type[Params]:
    fields: dict[str, Any] = {key: (Any, ...) for key in metadata.required_fields or ()}
    fields |= {key: (Any, None) for key in metadata.optional_fields or ()}
    try:
        return create_model(f"{name}_params", __base__=Params, **fields)
    except (NameError, ValueError, TypeError) as error:
        raise InvalidEntry(f"step type {name!r}: its fields: {error}") from None


def _require_fields(name: str, model: type[Params], metadata: StepMetadata, where: str) -> None:
    for key in (*(metadata.required_fields or ()), *(metadata.optional_fields or ())):
        if key not in model.model_fields:
            message = f"its metadata names the field {key!r}, which {model.__name__} has not"
            raise InvalidEntry(f"step type {name!r}: {message}{where}")
    for key in ("name", "type"):
        if key in model.model_fields:
            message = f"a parameter cannot be named {key!r}: every step has that key"
            raise InvalidEntry(f"step type {name!r}: {message}{where}")
