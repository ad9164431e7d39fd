"""The older step types that ask Gemini."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otp_genesis.contracts.provider import Request
from otp_genesis.contracts.step import Context, Params
from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.steps.asking import answered, gemini_result, text_of
from otp_genesis.steps.legacy_params import Gemini, GeminiInstructor, TokenBudget

_PASSED = (
    "token_budget", "response_mime_type", "stop_sequences", "candidate_count",
    "presence_penalty", "frequency_penalty", "system_instruction",
)  # fmt: skip

_DEFINITION = ("description", "parameters")
INSTRUCTED = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("text", "analysis", "summary")},
    "required": ["text", "analysis", "summary"],
}
"""What `gemini_instructor` answers with where the step gives no schema."""


async def gemini(params: Gemini, ctx: Context) -> Outcome:
    """Ask once; the result holds `text` (also as `content`), `success`, `cost` and `tokens`.

    Where the model calls a function, its arguments are in the result, too.
    """
    tools = offered(params.functions, ctx) or list(params.tools)
    options = _written(params)
    if tools:
        options["tools"] = tools
    needs = {"text", *(["tools"] if tools else ())}
    if params.output_schema is not None:
        needs.add("structured_output")
    prompt = await text_of(params.prompt, ctx)
    request = Request(
        prompt=prompt.text,
        system=params.system_instruction,
        output_schema=params.output_schema,
        needs=frozenset(needs),
        provider=params.provider,
        prefers=("gemini",),
        model=params.model,
        max_output_tokens=_longest(params.token_budget),
        options=options,
    )
    answer = await answered(request, ctx, params.timeout_ms / 1000)
    return Ok(output=gemini_result(answer.reply, params.output_schema))


async def gemini_instructor(params: GeminiInstructor, ctx: Context) -> Outcome:
    """Ask once for data of a schema; the result is that data."""
    options = {"token_budget": {"temperature": 0.3 if params.functions else 0.7}}
    options["token_budget"] |= _written(params).get("token_budget", {})
    needs = {"text", "structured_output"}
    told: dict[str, Any] = dict(options)
    if params.functions:
        told["tools"] = offered(params.functions, ctx)
        needs.add("tools")
    prompt = await text_of(params.prompt, ctx)
    request = Request(
        prompt=prompt.text,
        output_schema=params.schema or params.output_schema or INSTRUCTED,
        needs=frozenset(needs),
        provider=params.provider,
        prefers=("gemini",),
        model=params.model,
        max_output_tokens=_longest(params.token_budget) or 2048,
        options=told,
    )
    answer = await answered(request, ctx, params.timeout_ms / 1000)
    return Ok(output=answer.reply.data)


def offered(names: Sequence[str], ctx: Context) -> list[dict[str, Any]]:
    """Return the functions of the workflow's `gemini_functions`: `name`, `description`, and
    `parameters` as JSON Schema.

    Raises `UsageError` for a name that is not defined there.
    """
    defined = ctx.scope.facts.get("workflow", {}).get("gemini_functions", {})
    return [_function(name, defined) for name in names]


def _function(name: str, defined: Mapping[str, Any]) -> dict[str, Any]:
    if name not in defined:
        near = did_you_mean(name, defined)
        raise UsageError(f"the workflow's 'gemini_functions' define no function {name!r}{near}")
    told = defined[name]
    return {"name": name, **{key: told[key] for key in _DEFINITION if key in told}}


def _written(params: Params) -> dict[str, Any]:
    """Return what is passed on as it is written."""
    dumped = params.model_dump(mode="json", include=set(_PASSED), exclude_none=True)
    return {key: value for key, value in dumped.items() if value}


def _longest(budget: TokenBudget | None) -> int | None:
    return None if budget is None else budget.max_output_tokens
