"""The pipeline document: what a user writes, as frozen data that knows where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from otp_genesis.errors import did_you_mean
from otp_genesis.model.budget import Budget
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import Document, Path
from otp_genesis.model.frozen import Frozen

InputType = Literal["string", "integer", "number", "boolean", "array", "object", "any"]

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
    "any": (object,),
}
IMPLICIT_INPUTS = ("input_file", "prompt")
"""Inputs that the command line can give to any pipeline."""


class Input(Frozen):
    """A declared input of a pipeline. Without a default it must be given."""

    type: InputType = "any"
    description: str = ""
    default: Any = None
    required: bool | None = None
    enum: tuple[Any, ...] | None = None

    @property
    def must_be_given(self) -> bool:
        """Whether a run cannot start without it."""
        if self.required is not None:
            return self.required
        return "default" not in self.model_fields_set

    @property
    def default_misfit(self) -> str | None:
        """Why its own default cannot be, if it cannot."""
        return None if self.default is None else self.misfit(self.default)

    def misfit(self, value: Any) -> str | None:
        """Return why `value` cannot be given for it, if it cannot."""
        if value is None and not self.must_be_given:
            return None
        allowed = _PYTHON_TYPES[self.type]
        if not isinstance(value, allowed) or (
            isinstance(value, bool) and self.type in ("integer", "number")
        ):
            return f"must be of type {self.type}, not {type(value).__name__}"
        if self.enum is not None and value not in self.enum:
            return f"must be one of {', '.join(map(str, self.enum))}"
        return None

    @property
    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of a value."""
        schema: dict[str, Any] = {} if self.type == "any" else {"type": self.type}
        if self.description:
            schema["description"] = self.description
        if self.enum is not None:
            schema["enum"] = list(self.enum)
        if "default" in self.model_fields_set:
            schema["default"] = self.default
        return schema


class StepSettings(Frozen):
    """The keys that every step may have beside those of its type."""

    description: str | None = Field(default=None, description="For readers.")
    condition: Any = Field(
        default=None, description="The step runs only where this holds; an expression."
    )
    timeout_s: float | None = Field(
        default=None, gt=0, description="Seconds that one attempt may take."
    )
    attempts: int = Field(
        default=1, ge=1, le=100,
        description="How often a failure that another try may mend is tried in all.",
    )  # fmt: skip
    on_error: Literal["stop", "continue"] = Field(
        default="stop",
        description="Whether a failure ends the run; with `continue` the result holds `success` "
        "and `error`.",
    )
    output_schema: dict[str, Any] | None = Field(
        default=None, description="JSON Schema 2020-12 that the output must satisfy."
    )
    output_to_file: str | None = Field(
        default=None, description="Where the output is written, relative to the output folder."
    )
    provider_strategy: str | None = Field(
        default=None,
        description="How the providers are put in order that its model calls go to.",
    )
    budget: Budget | None = Field(
        default=None, description="The most that it, and the steps inside, may spend on models."
    )


COMMON_KEYS = ("name", "type", *StepSettings.model_fields)


class CodebaseSpec(Frozen):
    """Which project a pipeline works on: a git worktree of it, on a branch of its own."""

    project: str
    branch: str = "genesis/{{ run.id }}"


@dataclass(frozen=True)
class Step:
    """One entry under `steps:`. `keys` holds all that is written there, templates unfilled."""

    name: str
    type: str
    keys: dict[str, Any]
    at: Path


@dataclass(frozen=True)
class Pipeline:
    """A whole document. `at` is where the workflow's mapping stands in `document`."""

    name: str
    steps: tuple[Step, ...]
    document: Document = field(repr=False)
    at: Path = ()
    description: str = ""
    version: str | None = None
    strict: bool = False
    inputs: dict[str, Input] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    env: tuple[str, ...] = ()
    codebase: CodebaseSpec | None = None
    requires: tuple[str, ...] = ()
    """The engine and the plugins that it needs: `otp-genesis>=0.1`, `acme>=1.2`."""
    provider_strategy: str | None = None
    """How providers are chosen, where a step does not say."""
    output_schema: dict[str, Any] | None = None
    """JSON Schema 2020-12 that the outputs must satisfy."""
    budget: Budget | None = None
    """The most that the whole run may spend on models."""
    older: dict[str, Any] = field(default_factory=dict)
    """What keys of older documents say, as far as they are read; see `older_keys`."""
    complaints: tuple[Diagnostic, ...] = field(default=(), repr=False)
    """What is wrong with it, where it was read all the same."""

    @property
    def workspace_dir(self) -> str | None:
        """The folder that its steps work in, where it names one."""
        named = self.older.get("workspace_dir")
        return named if isinstance(named, str) else None

    @property
    def output_dir(self) -> str | None:
        """The folder below which its steps write their results, where it names one."""
        defaults = self.older.get("defaults")
        inner = defaults.get("output_dir") if isinstance(defaults, dict) else None
        named = self.older.get("output_dir") or inner
        return named if isinstance(named, str) else None

    def take_inputs(
        self, given: dict[str, Any], *, nested: bool = False
    ) -> tuple[str | None, dict[str, Any]]:
        """Return what is wrong with the given inputs, if anything, and all inputs with defaults.

        That a step gives one that is not declared is no flaw by itself where the `nested` document
        is not strict; see `undeclared`.
        """
        problems = []
        inputs = dict(given)
        for name, declared in self.inputs.items():
            if name not in inputs:
                if declared.must_be_given:
                    problems.append(f"input {name!r} is missing")
                inputs[name] = declared.default
            elif problem := declared.misfit(inputs[name]):
                problems.append(f"input {name!r} {problem}")
        if self.strict or problems or not nested:
            problems += self.undeclared(given)
        return ("; ".join(problems) or None), inputs

    def undeclared(self, given: Iterable[str]) -> list[str]:
        """Return a complaint about each input that is given and that it does not declare.

        A document that declares none takes any.
        """
        known = {*self.inputs, *IMPLICIT_INPUTS}
        strange = [name for name in given if self.inputs and name not in known]
        return [f"no input {name!r}{did_you_mean(name, self.inputs)}" for name in strange]
