"""What a step type is, and what a running step may reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, get_args, get_origin

from pydantic_core import core_schema

from otp_genesis.model.frozen import Frozen

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

    from otp_genesis.contracts.codebase import Codebase
    from otp_genesis.contracts.provider import Models
    from otp_genesis.expr.scope import Scope
    from otp_genesis.expr.template import Condition as CompiledCondition
    from otp_genesis.model.event import Event
    from otp_genesis.model.outcome import Ok, Outcome

Effects = Literal["none", "reads", "runs", "writes"]
"""What a step does to the codebase. All but `none` start from the code as the step before them
left it, also after a crash. What a `runs` step leaves in the files is not kept; what a `writes`
step leaves is."""


WRITE_OUTPUT = "write_output"
"""In a step's `ctx.facts`: a function of a path and an output that writes it below the run's output
folder, as `output_to_file` does."""


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
class PipelineRef(PipelineFile):
    """A block that is a registered document: in a document, the name of the step type it is."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "description": "name of a step type that is a document"}


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
        return self.asked(scope)[0]

    def asked(self, scope: Scope) -> tuple[bool, tuple[str, ...]]:
        """Return what it says, and the references in it that led to nothing where that is no
        error; raise `ExpressionError`.
        """
        names = scope.names()
        return self.compiled.holds(names), tuple(names.missed)


class Params(Frozen):
    """Base of every step type's parameters. The docstring below a field is its help text."""


# For those derived from it. Said in the class, it would read this file's source at every start.
Params.model_config["use_attribute_docstrings"] = True


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
Run = Callable[[P, Context], Awaitable["Outcome"]]
Validator = Callable[[Any], Any]
"""Gets the params; returns them (or others of the same model), or a text: what is wrong with them.
A `ValueError` that it raises is such a text too; whatever else it raises is its own flaw."""


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

    `fields` name parameters whose (literal) value is such a name, `blocks` those whose steps'
    results are there under their names.
    """

    names: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Concurrent:
    """Annotates a `Block` whose runs overlap: always, or when the parameter `when` is true.

    Such a block may not write to the codebase: there is one working tree.
    """

    when: str | None = None


@dataclass(frozen=True)
class Bare:
    """Annotates a parameter that is an expression with or without `{{ }}` around it."""


@dataclass(frozen=True)
class CapabilityNames:
    """Annotates a parameter whose value names capabilities: `check` knows which there are."""


@dataclass(frozen=True)
class StrategyName:
    """Annotates a parameter whose value names a selection strategy."""


@dataclass(frozen=True)
class StepNames:
    """Annotates a parameter that names steps before this one: `check` knows which there are.

    `within` gets the parameter as written and yields each name with its place below the parameter.
    Inside a loop the name may be `loop`.
    """

    within: Callable[[Any], Iterable[tuple[tuple[str | int, ...], str]]]


@dataclass(frozen=True)
class ResultName:
    """Annotates a parameter whose value is another name of the step's result, for `StepNames`."""


@dataclass(frozen=True)
class NoEffect:
    """Annotates a key, however deep, that older documents have and that changes nothing here."""

    why: str
