"""A prompt of parts → the text that a model is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from otp_genesis.contracts.step import Context
from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.expr.environment import as_text
from otp_genesis.expr.template import fill
from otp_genesis.model.prompt import (
    ClaudeContinue,
    FilePart,
    Part,
    PreviousResponse,
    Prompt,
    SessionContext,
    StaticPart,
)
from otp_genesis.steps.conversation import conversation
from otp_genesis.steps.extraction import SUMMARY_LENGTH, formatted, processed, shortened, summarized
from otp_genesis.steps.picking import NotThere, picked
from otp_genesis.steps.workspace_paths import relative

NOTHING = "nil"
"""How nothing stands in a prompt, as pipeline_ex wrote it."""


@dataclass
class Rendered:
    """A prompt's text, the conversation that it goes on with, and what its author should know."""

    text: str = ""
    session: str | None = None
    notes: list[str] = field(default_factory=list)


async def rendered(prompt: Prompt, ctx: Context) -> Rendered:
    """Return the prompt's parts joined by line ends.

    Raises `UsageError` where a part means what is not there, and what reading a file or filling
    its templates raises.
    """
    if isinstance(prompt, str):
        return Rendered(prompt)
    result = Rendered()
    texts = [await _text(part, ctx, result) for part in prompt if part.condition is not False]
    result.text = "\n".join(texts)
    return result


async def _text(part: Part, ctx: Context, result: Rendered) -> str:
    match part:
        case StaticPart():
            return as_text(part.content)
        case FilePart():
            text = await ctx.codebase.read(relative(part.path, ctx))
            return as_text(fill(text, part.variables)) if part.variables else text
        case PreviousResponse():
            return _previous(part, ctx, result)
        case SessionContext():
            return _history(part, ctx, result)
        case ClaudeContinue():
            result.session = part.session_id or result.session
            return part.new_prompt


def _previous(part: PreviousResponse, ctx: Context, result: Rendered) -> str:
    whole = result_of(part.step, ctx)
    try:
        value = picked(whole, part.extract) if part.extract is not None else whole
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
    """Return the result of a step before, or what the loop around brings where it is `loop`.

    Raises `UsageError`, which names the nearest.
    """
    steps: Mapping[str, Any] = ctx.scope.steps
    if step in steps:
        return steps[step]
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
    found = conversation(ctx.scope, part.session_id)
    if found is None:
        told = f"nothing was said in session {part.session_id!r} before this step"
        result.notes.append(told)
        return ""
    messages = found.messages[-(part.include_last_n or 0) :]
    return "\n".join(f"{message.role}: {message.text}" for message in messages)
