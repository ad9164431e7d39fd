"""The page that says what becomes of every key of pipeline_ex: from the declarations."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from otp_genesis.contracts.step import NoEffect
from otp_genesis.expr import loose_functions
from otp_genesis.expr.loose_compile import RELATIONS
from otp_genesis.expr.loose_grammar import WORDS
from otp_genesis.expr.scope import OLDER_ROOTS, ROOTS
from otp_genesis.model.load import WORKFLOW_KEYS
from otp_genesis.model.older_keys import (
    OLDER_KEYS,
    PART_KEYS,
    STEP_KEYS,
    TYPE_KEYS,
    WITHIN_KEYS,
    OlderKey,
)
from otp_genesis.model.pipeline import COMMON_KEYS
from otp_genesis.model.prompt import (
    ClaudeContinue,
    FilePart,
    PreviousResponse,
    SessionContext,
    StaticPart,
)
from otp_genesis.runtime import Runtime
from otp_genesis.steps.claude_options import ClaudeOptions
from otp_genesis.steps.legacy_params import TokenBudget

Row = tuple[str, str, str]
"""A key, its state, and what its author is told."""
PARTS: dict[str, type[BaseModel]] = {
    "static": StaticPart,
    "file": FilePart,
    "previous_response": PreviousResponse,
    "session_context": SessionContext,
    "claude_continue": ClaudeContinue,
}
SHARED: dict[str, type[BaseModel]] = {
    "claude_options": ClaudeOptions,
    "token_budget": TokenBudget,
}
"""What several types of steps have: told once."""
OLDER_TYPES = (
    "claude", "claude_batch", "claude_extract", "claude_robust", "claude_session", "claude_smart",
    "gemini", "gemini_instructor", "parallel_claude", "set_variable", "for_loop", "while_loop",
    "switch", "checkpoint", "data_transform", "file_ops", "codebase_query", "pipeline",
)  # fmt: skip
_INTRO = """# The keys of pipeline_ex

What becomes of every key that documents of pipeline_ex have, or that its pages promise. *works*:
it does what they say. *no effect*: what it asks for is done anyway, or is nothing here; `check`
says so. *not supported*: `check` says what to write instead, and the document runs without it.
In a document with `strict: true`, what is renamed, has no effect or is not supported at the level
of the workflow and of steps is an unknown key.

What the other types of steps take is in [step types](steps.md)."""


def older_keys_page(note: str) -> str:
    """Return the page."""
    lines = [note, "", _INTRO]
    for title, rows in sections().items():
        lines += ["", f"## {title}", "", "| key | state | |", "| --- | --- | --- |"]
        lines += [f"| `{_cell(key)}` | {state} | {_cell(told)} |" for key, state, told in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def sections() -> dict[str, list[Row]]:
    """Return the rows below each title."""
    found = {
        "The workflow": [*_works(WORKFLOW_KEYS), *_older(OLDER_KEYS)],
        **{f"The workflow: {outer}": list(_older(WITHIN_KEYS[outer])) for outer in WITHIN_KEYS},
        "Every step": [*_works(COMMON_KEYS), *_older(STEP_KEYS)],
    }
    types_known = Runtime.in_memory(discover=False).steps
    for name in OLDER_TYPES:
        rows = dict.fromkeys(_fields(types_known.resolve(name).entry.params))
        found[f"Steps: {name}"] = [*rows, *_older(TYPE_KEYS.get(name, {}))]
    for name, model in SHARED.items():
        found[f"Steps: {name}"] = list(_fields(model))
    for name, model in PARTS.items():
        found[f"Parts of prompts: {name}"] = [*_fields(model), *_older(PART_KEYS.get(name, {}))]
    found["Expressions: names"] = list(_works((*ROOTS, *OLDER_ROOTS, "workflow.name", "step.name")))
    functions = sorted({*loose_functions.FUNCTIONS, *loose_functions.OF_ITEMS})
    found["Expressions: functions"] = list(_works(functions))
    signs = ("+", "-", "*", "/", "%", "and", "or", "not", "between", "exists", "empty", "?")
    found["Expressions: operators"] = list(_works(sorted({*RELATIONS, *WORDS, *signs})))
    return found


def _works(keys: Any) -> Iterator[Row]:
    for key in keys:
        yield str(key), "works", ""


def _older(keys: Mapping[str, OlderKey]) -> Iterator[Row]:
    for key, older in keys.items():
        yield key, older.state, older.told


def _fields(model: type[BaseModel], before: str = "", seen: tuple[Any, ...] = ()) -> Iterator[Row]:
    for name, info in model.model_fields.items():
        mark = next((one for one in info.metadata if isinstance(one, NoEffect)), None)
        key = f"{before}{info.alias or name}"
        yield (key, "no effect", mark.why) if mark else (key, "works", "")
        if mark is None:
            for inner in dict.fromkeys(_models(info.annotation)):
                if inner not in (*seen, *PARTS.values(), *SHARED.values()):
                    yield from _fields(inner, f"{key}.", (*seen, inner))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, Annotated, dict, list, tuple):
        for argument in get_args(annotation):
            yield from _models(argument)
