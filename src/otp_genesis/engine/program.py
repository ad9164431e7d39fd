"""A checked pipeline: every step with its type, its templates compiled, its blocks bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from otp_genesis.contracts.step import Block, Params
from otp_genesis.contracts.step_type import StepType
from otp_genesis.expr.template import Condition, Names
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.pipeline import Pipeline, Step, StepSettings


@dataclass(frozen=True)
class BoundStep:
    """A step that can run. `constant` are its params where no template is in them."""

    step: Step
    kind: StepType[Any]
    settings: StepSettings
    gate: Condition | bool | None
    values: Mapping[str, Any]
    """The params as written, with blocks and conditions in their bound form."""
    fills: Mapping[str, Callable[[Names], Any]]
    """How to fill the params that hold templates."""
    constant: Params | None
    facts: Mapping[str, Any]
    """What `step` means in this step's expressions."""
    strict: bool = True
    """Whether its document is."""
    # The attributes of a pydantic model take four times as long to read, and these are read often.
    name: str = field(init=False)
    type: str = field(init=False)
    plain: bool = field(init=False)
    """Whether it is done once, in its own time, with no word said of its output."""

    def __post_init__(self) -> None:
        settings = self.settings
        limits = (settings.timeout_s, settings.output_schema, settings.output_to_file)
        object.__setattr__(self, "name", self.step.name)
        object.__setattr__(self, "type", self.step.type)
        object.__setattr__(self, "plain", settings.attempts == 1 and limits == (None,) * 3)

    @property
    def blocks(self) -> Iterator[Program]:
        """The blocks inside."""
        for value in self.values.values():
            inner = value.values() if isinstance(value, dict) else (value,)
            for one in inner:
                if isinstance(one, Block):
                    yield one.program

    @property
    def writes(self) -> bool:
        """Whether it, or a step inside, changes files of the codebase."""
        if self.kind.effects in ("runs", "writes"):
            return True
        return any(program.writes for program in self.blocks)

    @property
    def uses_codebase(self) -> bool:
        """Whether it, or a step inside, looks at the codebase."""
        if self.kind.effects != "none":
            return True
        return any(program.uses_codebase for program in self.blocks)


@dataclass(frozen=True)
class Program:
    """Steps in order. With `own_scope` they see their pipeline's inputs and nothing around."""

    pipeline: Pipeline
    steps: tuple[BoundStep, ...]
    own_scope: bool = False
    beside: bool = False
    """Whether its runs may overlap, so that what they do to the files would get mixed up."""
    outputs: Mapping[str, Callable[[Names], Any]] = field(default_factory=dict)
    warnings: tuple[Diagnostic, ...] = ()
    """What does not keep it from running but should be mended."""
    functions: Mapping[str, Any] = field(default_factory=dict)
    """The functions that expressions of the whole document call."""

    @property
    def writes(self) -> bool:
        """Whether any step changes the codebase."""
        return any(step.writes for step in self.steps)

    @property
    def uses_codebase(self) -> bool:
        """Whether any step looks at the codebase."""
        return any(step.uses_codebase for step in self.steps)
