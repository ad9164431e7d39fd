"""A prompt of parts → the text that a model is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from otp_genesis.contracts.codebase import STARTED_IN, ReadFiles
from otp_genesis.contracts.step import Context
from otp_genesis.errors import OutsideJail, UsageError, did_you_mean
from otp_genesis.expr.environment import as_text
from otp_genesis.expr.language import language
from otp_genesis.expr.scope import Scope
from otp_genesis.model.prompt import (
    ClaudeContinue,
    FilePart,
    Part,
    PreviousResponse,
    Prompt,
    SessionContext,
    StaticPart,
)
from otp_genesis.steps.conversation import Conversation, conversation
from otp_genesis.steps.extraction import SUMMARY_LENGTH, formatted, processed, shortened, summarized
from otp_genesis.steps.picking import NotThere, picked
from otp_genesis.steps.result_paths import is_field_of_transform, within
from otp_genesis.steps.workspace_paths import relative

NOTHING = "nil"
"""How nothing stands in a prompt, as pipeline_ex wrote it."""
_ROOTS = ("inputs", "steps", "state")
_OUTSIDE = (
    "copy the file into the workspace, or run with --workspace FOLDER where FOLDER holds it, and"
    " write the path from there, without '..'"
)


@dataclass
class Rendered:
    """A prompt's text, the conversation that it goes on with, and what its author should know."""

    text: str = ""
    session: str | None = None
    notes: list[str] = field(default_factory=list)
    said: Conversation | None = None
    """A conversation that goes on within the step that asks."""


async def rendered(prompt: Prompt, ctx: Context, said: Conversation | None = None) -> Rendered:
    """Return the prompt's parts joined by line ends.

    `said` is a conversation that goes on within the step: nobody else sees it yet. Raises
    `UsageError` where a part means what is not there, and what reading a file or filling its
    templates raises.
    """
    if isinstance(prompt, str):
        return Rendered(prompt)
    result = Rendered(said=said)
    texts = [await _text(part, ctx, result) for part in prompt if part.condition is not False]
    result.text = "\n".join(texts)
    return result


async def _text(part: Part, ctx: Context, result: Rendered) -> str:
    match part:
        case StaticPart():
            return as_text(part.content)
        case FilePart():
            return await _file(part, ctx, result)
        case PreviousResponse():
            return _previous(part, ctx, result)
        case SessionContext():
            return _history(part, ctx, result)
        case ClaudeContinue():
            result.session = part.session_id or result.session
            return part.new_prompt


async def _file(part: FilePart, ctx: Context, result: Rendered) -> str:
    if not part.path.strip():
        raise UsageError("the 'path' of a part of type 'file' is empty")
    text = await _read(relative(part.path, ctx), ctx)
    if not part.variables:
        return text
    variables = part.variables
    roots = {name: variables[name] for name in _ROOTS if isinstance(variables.get(name), dict)}
    names = Scope(local=variables, **roots).names()
    workflow = ctx.scope.facts.get("workflow", {})
    filled = language(strict=bool(workflow.get("strict"))).fill(text, names)
    result.notes += [f"there is nothing at {name!r} in {part.path}" for name in names.missed]
    return as_text(filled)


async def _read(path: str, ctx: Context) -> str:
    try:
        if await ctx.codebase.describe(path) is None:
            beside: ReadFiles | None = ctx.facts.get(STARTED_IN)
            if beside is not None and await asyncio.to_thread(beside.describe, path) is not None:
                return await asyncio.to_thread(beside.read, path)
            told = f"{path}: there is no such file in the workspace {ctx.codebase.root}"
            raise UsageError(f"{told}; name another by --workspace ('.' for where you are)")
        return await ctx.codebase.read(path)
    except OutsideJail as error:
        raise UsageError(f"{error}; {_OUTSIDE}") from None


def _previous(part: PreviousResponse, ctx: Context, result: Rendered) -> str:
    whole = result_of(part.step, ctx)
    try:
        value = whole if part.extract is None else within(whole, part.extract, ctx)
        if part.index is not None:
            value = picked(value, f"[{part.index}]")
    except NotThere as error:
        if part.strict:
            raise NotThere(f"the result of step {part.step!r}: {error}") from None
        return NOTHING
    if part.extract_with is not None:
        value = answer_text(value)
    whole_given = part.extract is None and part.index is None
    text = _compact(value) if whole_given and isinstance(value, list) else value_text(value)
    return _worked(part, text, result)


def _worked(part: PreviousResponse, text: str, result: Rendered) -> str:
    """Return the text in the form that the part asks for."""
    limit = part.max_length
    if part.format is not None:
        text = formatted(text, part.format, limit or SUMMARY_LENGTH)
    text, unknown = processed(text, part.post_processing)
    result.notes += [f"there is no post_processing {name!r}; it does nothing" for name in unknown]
    if part.summary:
        text = summarized(text, limit or SUMMARY_LENGTH)
    return text if limit is None else shortened(text, limit)


def result_of(step: str, ctx: Context) -> Any:
    """Return the result of a step before, or the `output_field` of a `data_transform` before, or
    what the loop around brings where it is `loop`.

    Raises `UsageError`, which names the nearest.
    """
    steps: Mapping[str, Any] = ctx.scope.steps
    if step in steps:
        return steps[step]
    for result in reversed(list(steps.values())):
        if isinstance(result, Mapping) and is_field_of_transform(step, result):
            return result[step]
    if step == "loop" and "loop" in ctx.scope.local:
        return ctx.scope.local["loop"]
    raise UsageError(f"there is no step {step!r} before this one{did_you_mean(step, steps)}")


def value_text(value: Any) -> str:
    """Return a value as it stands in a prompt: text as it is, mappings and lists as indented JSON.

    The keys are sorted, so that the same result always gives the same prompt.
    """
    match value:
        case str():
            return value
        case None:
            return NOTHING
        case dict() | list():
            return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return as_text(value)


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def answer_text(value: Any) -> Any:
    """Return the text of a model's answer; anything else as it is."""
    if isinstance(value, Mapping):
        for key in ("text", "content"):
            if isinstance(value.get(key), str):
                return value[key]
    return value


def _history(part: SessionContext, ctx: Context, result: Rendered) -> str:
    said = result.said
    own = said is not None and said.messages and part.session_id in (said.name, said.session_id)
    found = said if own else conversation(ctx.scope, part.session_id)
    if found is None:
        told = f"nothing was said in session {part.session_id!r} before this step"
        result.notes.append(told)
        return ""
    messages = found.messages[-(part.include_last_n or 0) :]
    return "\n".join(f"{message.role}: {message.text}" for message in messages)
