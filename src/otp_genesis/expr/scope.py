"""What a step may read.

The results and variables of a block grow while its steps run one after the other; a block inside
opens its own. So a step costs the same however many there were before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from otp_genesis.model.change import Revision

ROOTS = ("inputs", "steps", "state", "loop", "workflow", "step", "run", "env")
"""The names that every expression sees; `loop` only inside a loop."""
OLDER_ROOTS = (
    "global_vars", "variables", "timestamp", "date", "execution_id", "previous_response",
    "environment",
)  # fmt: skip
"""The names that expressions see besides in a document that is not strict."""
UNRESOLVED = "unresolved"
"""The code of the warning that there is nothing at a reference."""


def nothing_at(reference: str) -> str:
    """Return what is told of a reference that leads to nothing, where that is no error."""
    return f"there is nothing at {reference!r}"


@dataclass(frozen=True)
class Scope:
    """The names an expression sees, and the state of the code that the next step starts from."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)
    """`loop` and the iterator's own name."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """`workflow`, `run` and `env`."""
    revision: Revision | None = None
    functions: Mapping[str, Any] = field(default_factory=dict)
    """What expressions may call."""
    unresolved: tuple[str, ...] = ()
    """What the document's variables found nothing at."""

    def opened(self) -> Scope:
        """Return the scope for a block whose results and variables nothing around it sees."""
        return replace(self, steps=dict(self.steps), state=dict(self.state))

    def grow(
        self, name: str, output: Any, variables: Mapping[str, Any], revision: Revision | None
    ) -> Scope:
        """Return the scope as the step after `name` sees it; it must have been opened."""
        self.steps[name] = output  # type: ignore[index]
        if variables:
            self.state.update(variables)  # type: ignore[attr-defined]
        if revision is None or revision is self.revision:
            return self
        return replace(self, revision=revision)

    def inside(self, local: Mapping[str, Any]) -> Scope:
        """Return the scope for a block, which sees `local` too."""
        return replace(self, local={**self.local, **local})

    def after(self, variables: Mapping[str, Any], revision: Revision | None) -> Scope:
        """Return the scope with changed variables and code."""
        state = {**self.state, **variables} if variables else self.state
        return replace(self, state=state, revision=revision or self.revision)

    def names(self, step: Mapping[str, Any] | None = None) -> Names:
        """Return the scope as an expression reads it."""
        return Names(self, step or {})


class Names(Mapping[str, Any]):
    """A scope as one mapping, looked up lazily: nothing is copied for an evaluation.

    Inner names hide outer ones: roots, then what the block brings, variables, steps, functions.
    """

    __slots__ = ("missed", "scope", "step")

    def __init__(self, scope: Scope, step: Mapping[str, Any]):
        self.scope, self.step = scope, step
        self.missed: dict[str, None] = {}
        """The references that led to nothing, where that is no error."""

    def __getitem__(self, name: str) -> Any:
        scope = self.scope
        match name:
            case "steps":
                return scope.steps
            case "inputs":
                return scope.inputs
            case "state":
                return scope.state
            case "step":
                return self.step
        for mapping in (scope.local, scope.facts, scope.state, scope.steps, scope.functions):
            if name in mapping:
                return mapping[name]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        scope = self.scope
        return (
            name in ("steps", "inputs", "state", "step")
            or name in scope.local
            or name in scope.facts
            or name in scope.state
            or name in scope.steps
            or name in scope.functions
        )

    def __iter__(self) -> Iterator[str]:
        scope = self.scope
        names = {"steps", "inputs", "state", "step"}
        return iter(
            names.union(scope.local, scope.facts, scope.state, scope.steps, scope.functions)
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)
