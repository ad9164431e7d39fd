"""A function that a model may call while it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ("Tool", "ToolFailed")


class ToolFailed(Exception):
    """The call did not do what it should; the message is told to the model, which may go on."""


@dataclass(frozen=True)
class Tool:
    """A function that a model may call: what it is told of it, and what is done."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema (2020-12) of the arguments, an object."""
    call: Callable[[Mapping[str, Any]], Awaitable[str]]
    """Does it and returns what the model is told; raises `ToolFailed`."""
    writes: bool = False
    """Whether it may change the files."""
