"""The built-in step types, one family a module, each imported when one of its types is asked for.

A start pays for the names alone: the params models of forty types take longer to make than all
else together.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.entry import Lazy

if TYPE_CHECKING:
    from otp_genesis.contracts.step_type import StepType

FAMILIES: dict[str, tuple[str, ...]] = {
    "data": ("set_variable",),
    "loops": ("for_loop", "while_loop"),
    "control": ("switch", "parallel", "pipeline"),
    "files": ("read_file", "write_file", "edit_file", "search"),
    "command": ("command",),
    "prompt": ("prompt",),
    "agent": ("agent",),
    "gate": ("gate",),
    "legacy": (
        "claude", "claude_smart", "claude_session", "claude_extract", "claude_batch",
        "claude_robust", "parallel_claude", "gemini", "gemini_instructor", "test_echo", "bash",
    ),
    "checkpoint": ("checkpoint",),
    "transform": ("data_transform",),
    "file_ops": ("file_ops",),
    "codebase_query": ("codebase_query",),
}  # fmt: skip
"""Which types each module holds; a test holds it against what the modules say."""


def _lazy(family: str, name: str) -> Lazy[StepType[Any]]:
    def load() -> StepType[Any]:
        module = import_module(f"otp_genesis.steps.{family}")
        kinds: tuple[StepType[Any], ...] = module.STEPS
        kind = next(kind for kind in kinds if kind.name == name)
        return replace(kind, metadata=replace(kind.metadata, origin="built-in"))

    return Lazy(name, load)


def built_in() -> tuple[Lazy[StepType[Any]], ...]:
    """Return all of them."""
    return tuple(_lazy(family, name) for family, names in FAMILIES.items() for name in names)
