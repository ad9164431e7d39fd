"""Where a model is asked from: what a provider finds there beside the question."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from otp_genesis.contracts.codebase import Codebase
from otp_genesis.contracts.tool import Tool
from otp_genesis.errors import CodebaseError
from otp_genesis.model.budget import Spent
from otp_genesis.model.event import Event


async def _refused() -> None:
    raise CodebaseError("this step does not work on files")


async def _free(so_far: Spent) -> None:
    """Nothing limits it."""


async def _untold(event: Event) -> None:
    """Nobody listens."""


class Tape(Protocol):
    """A recording of what was said on the wire: of providers that speak it through our proxy."""

    @property
    def recording(self) -> bool:
        """Whether what is not on it is asked for and kept; a miss is an error otherwise."""
        ...

    def find(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the next answer kept for a request, in the order of recording; else nothing."""
        ...

    def keep(self, key: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keep an answer. Secrets are taken out of both."""
        ...

    def missed(self, key: Mapping[str, Any]) -> str:
        """Return the message for a request that is not on it: it shows the nearest one."""
        ...


@dataclass(frozen=True)
class CallSite:
    """The step that asks, for a provider that works on files, calls tools, or tells as it goes."""

    path: str = ""
    """The step's place in the run."""
    tell: Callable[[Event], Awaitable[None]] = _untold
    """Add an event to the run's stream."""
    codebase: Codebase | None = None
    """The files of the run, where it has any."""
    about_to_write: Callable[[], Awaitable[None]] = _refused
    """To be awaited before each change to the files, and before each command that may change them.

    Raises `CodebaseError`, with what to tell the model, where this step may not write.
    """
    toolbox: Mapping[str, Tool] = field(default_factory=dict)
    """The codebase's tools by name."""
    tape: Tape | None = None
    """Where a run is recorded or replayed."""
    before_request: Callable[[Spent], Awaitable[None]] = _free
    """To be awaited before each request to the vendor but the first, with what was spent so far.

    Raises `BudgetReached` where no more may be spent; it is to be let through.
    """
    left: Mapping[str, float] = field(default_factory=dict)
    """What the step may still spend, by the fields of `Spent` that a budget limits."""

    def tools(self, names: Sequence[str]) -> tuple[Tool, ...]:
        """Return the tools of those names; raise `CodebaseError` for one that is not here."""
        if missing := [name for name in names if name not in self.toolbox]:
            known = ", ".join(self.toolbox) or "none: this step does not work on files"
            raise CodebaseError(f"there is no tool {missing[0]!r}; there are {known}")
        return tuple(self.toolbox[name] for name in names)


NOWHERE = CallSite()
"""A call that no step makes."""
