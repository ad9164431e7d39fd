"""What a step type is, and what a running step may reach."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from otp_genesis.contracts.codebase import Codebase
from otp_genesis.contracts.provider import Models
from otp_genesis.errors import InvalidEntry
from otp_genesis.expr.scope import Scope
from otp_genesis.expr.template import Condition as CompiledCondition
from otp_genesis.model.event import Event
from otp_genesis.model.frozen import Frozen
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.model.pipeline import Pipeline, StepSettings

Effects = Literal["none", "reads", "runs", "writes"]
"""What a step does to the codebase. All but `none` start from the code as the step before them
left it, also after a crash. What a `runs` step leaves in the files is not kept; what a `writes`
step leaves is."""


class _Deferred:
    """A parameter that the engine prepares and the step only passes on or asks."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(cls)


@dataclass(frozen=True)
class Block(_Deferred):
    """Nested steps. Their templates are filled when they run, in the scope they run in.

    In a document it is a list of steps. `program` is the engine's.
    """

    program: Any = field(repr=False)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "array", "items": {"type": "object"}, "description": "nested steps"}


@dataclass(frozen=True)
class PipelineFile(Block):
    """A block that is a document of its own: in a document, its path beside the outer one."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "description": "path of a pipeline document"}


@dataclass(frozen=True)
class Condition(_Deferred):
    """An expression that is true or false, asked as often as the step likes."""

    compiled: CompiledCondition

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": ["string", "boolean"], "description": "an expression"}

    def holds(self, scope: Scope) -> bool:
        """Return what the expression says in `scope`; raise `ExpressionError`."""
        return self.compiled.holds(scope.names())


class Params(Frozen):
    """Base of every step type's parameters. The docstring below a field is its help text."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Context(Protocol):
    """All that a running step may reach. It can read and ask; it cannot write state."""

    @property
    def path(self) -> str:
        """The step's place in the run, as the journal names it."""
        ...

    @property
    def scope(self) -> Scope:
        """What the step's expressions see."""
        ...

    @property
    def models(self) -> Models:
        """All providers together."""
        ...

    @property
    def codebase(self) -> Codebase:
        """The project, or the run's workspace."""
        ...

    @property
    def answer(self) -> str | None:
        """What was answered to this step's question, once it was."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the caller of the run brought for its own steps: services, settings."""
        ...

    async def emit(self, event: Event) -> None:
        """Add an event to the run's stream."""
        ...

    async def run_block(
        self,
        block: Block,
        key: str | None = None,
        *,
        after: Ok | None = None,
        inputs: Mapping[str, Any] | None = None,
        local: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Run nested steps through the same loop, journal and limits.

        `key` names the block's place under this step (`0`, `1` … by default, in order of call).
        `after` is the outcome of the block that ran before it: its variables and code are carried
        on. With `inputs` the block sees these and nothing around it. `local` names are added to
        the scope. The outcome's output maps step names to results; its variables are those that
        the block set.
        """
        ...


P = TypeVar("P", bound=Params)
Run = Callable[[P, Context], Awaitable[Outcome]]
Validator = Callable[[Any], Any]


@dataclass(frozen=True)
class StepMetadata:
    """What is said of a step type to those who look for one."""

    description: str = ""
    required_fields: tuple[str, ...] | None = None
    optional_fields: tuple[str, ...] | None = None
    capabilities: frozenset[str] = frozenset()
    version: str = "1"
    origin: str = "built-in"


@dataclass(frozen=True)
class StepType(Generic[P]):
    """A registered kind of step."""

    name: str
    params: type[P]
    run: Run[P]
    effects: Effects = "none"
    metadata: StepMetadata = StepMetadata()
    validator: Validator | None = None
    pipeline: Pipeline | None = None
    """For a type that is a document: the document; its steps become the field `body`."""

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The keys that a step of this type must have."""
        if self.metadata.required_fields is not None:
            return self.metadata.required_fields
        return tuple(n for n, f in self.params.model_fields.items() if f.is_required())

    @property
    def optional_fields(self) -> tuple[str, ...]:
        """The keys that a step of this type may have beside the common ones."""
        if self.metadata.optional_fields is not None:
            return self.metadata.optional_fields
        return tuple(n for n, f in self.params.model_fields.items() if not f.is_required())

    def owns(self, key: str) -> bool:
        """Whether `key` is a parameter of this type (also where it is a common key)."""
        return key in self.params.model_fields

    def keys(self) -> tuple[str, ...]:
        """Every key that a step of this type may have."""
        return ("name", "type", *self.params.model_fields, *StepSettings.model_fields)


def step(
    name: str, *, effects: Effects = "none", capabilities: frozenset[str] = frozenset()
) -> Callable[[Run[P]], StepType[P]]:
    """Declare a step type from an async function; a plugin's list registers it.

    The params model is found from the annotation of the first parameter; the docstring is the
    help text. Raises `InvalidEntry` for a function that cannot be one.
    """

    def declare(run: Run[P]) -> StepType[P]:
        return step_type(name, run, effects=effects, capabilities=capabilities)

    return declare


def step_type(
    name: str,
    run: Run[P],
    *,
    params: type[P] | None = None,
    effects: Effects = "none",
    capabilities: frozenset[str] = frozenset(),
    description: str = "",
) -> StepType[P]:
    """Return the step type that `run` implements; raise `InvalidEntry` where it cannot be one."""
    if not inspect.iscoroutinefunction(run):
        raise InvalidEntry(f"step type {name!r}: its run must be an async function")
    if params is None:
        names = list(inspect.signature(run).parameters)
        try:
            hints = get_type_hints(run)
        except NameError as error:
            raise InvalidEntry(f"step type {name!r}: {error}; pass its params=") from None
        params = hints.get(names[0]) if names else None
    if not (isinstance(params, type) and issubclass(params, Params)):
        raise InvalidEntry(f"step type {name!r}: its first parameter must be a Params model")
    doc = description or inspect.getdoc(run)
    if not doc:
        raise InvalidEntry(f"step type {name!r} needs a docstring: it is its help text")
    metadata = StepMetadata(description=doc, capabilities=capabilities)
    return StepType(name, params, run, effects, metadata)


def deferred_kind(annotation: Any) -> tuple[type[_Deferred] | None, bool]:
    """Return which deferred type a field holds, if any, and whether as a mapping of names to it."""
    if isinstance(annotation, type) and issubclass(annotation, _Deferred):
        return annotation, False
    arguments = get_args(annotation)
    mapped = get_origin(annotation) is dict
    for argument in arguments:
        kind, inner = deferred_kind(argument)
        if kind is not None:
            return kind, mapped or inner
    return None, False


@dataclass(frozen=True)
class Brings:
    """Annotates a `Block` or `Condition`: the names it sees beside those around it.

    `fields` name parameters whose (literal) value is such a name.
    """

    names: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Concurrent:
    """Annotates a `Block` whose runs overlap: always, or when the parameter `when` is true.

    Such a block may not write to the codebase: there is one working tree.
    """

    when: str | None = None


@dataclass(frozen=True)
class Bare:
    """Annotates a parameter that is an expression with or without `{{ }}` around it."""
