"""The older step type that asks again, and at last gives something else than an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from otp_genesis.contracts.step import Context
from otp_genesis.errors import ProviderError
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.steps.asking import (
    Answer,
    Patience,
    answered,
    asking,
    full_result,
    limit_s,
    now,
    result,
    step_name,
    text_of,
    within,
)
from otp_genesis.steps.claude_options import laid_over
from otp_genesis.steps.legacy_params import ClaudeRobust
from otp_genesis.steps.warning import warn


async def claude_robust(params: ClaudeRobust, ctx: Context) -> Outcome:
    """Ask, and ask again after errors; where all failed, do what `fallback_action` says.

    The retries are those of `retry_config`; those of the preset are not made beside them.
    """
    config = params.retry_config
    options = laid_over(params.preset, params.claude_options)
    options.pop("retry_config", None)
    if params.claude_options is not None and params.claude_options.retry_config is not None:
        told = "'claude_options.retry_config' has no effect: the step's own 'retry_config' counts"
        await warn(ctx, "no-effect", told)
    prompt = await text_of(params.prompt, ctx)
    request = asking(
        prompt.text,
        options,
        provider=params.provider,
        session=prompt.session,
        schema=params.output_schema,
    )
    patience = Patience(
        config.max_retries, config.backoff_strategy, config.base_delay_ms, config.retry_conditions
    )
    try:
        answer = await answered(request, ctx, limit_s(options), patience)
    except ProviderError as error:
        return await _fallen_back(params, options, str(error), ctx)
    output = full_result(answer, options, params.output_schema)
    output["robustness_metadata"] = {
        "attempt_number": answer.attempts,
        "total_attempts": answer.attempts,
        "execution_time_ms": answer.duration_ms,
        "error_history": answer.failures,
        "retry_strategy_used": config.backoff_strategy,
        "recovery_successful": bool(answer.failures),
    }
    return Ok(output={**output, "claude_robust_metadata": _metadata(params, ctx)})


async def _fallen_back(
    params: ClaudeRobust, options: dict[str, Any], error: str, ctx: Context
) -> Outcome:
    action = params.retry_config.fallback_action
    if action == "fail":
        return Failed(error=error)
    if action == "skip":
        await warn(ctx, "fallback", f"skipped after: {error}")
        return Ok(output={"success": True, "skipped": True, "reason": error})
    if action not in FALLBACKS:
        told = f"there is no fallback_action {action!r}; 'graceful_degradation' is done instead"
        await warn(ctx, "no-effect", told)
        action = "graceful_degradation"
    try:
        output = await FALLBACKS[action](params, options, error, ctx)
    except ProviderError as second:
        return Failed(error=f"Robust execution failed: {error}. Fallback also failed: {second}")
    await warn(ctx, "fallback", f"{action!r} was given instead of an answer: {error}")
    output["claude_robust_metadata"] = _metadata(params, ctx)
    return Ok(output=output)


async def _degraded(
    params: ClaudeRobust, options: dict[str, Any], error: str, ctx: Context
) -> dict[str, Any]:
    text = f"No answer was had in step {step_name(ctx)}, which went on without one: {error}\n"
    return {**_nothing(text, "graceful_degradation", error), "degraded_mode": True}


async def _emergency(
    params: ClaudeRobust, options: dict[str, Any], error: str, ctx: Context
) -> dict[str, Any]:
    text = f"No answer was had in step {step_name(ctx)}; a person should look at it: {error}\n"
    told = _nothing(text, "emergency_response", error)
    return {**told, "emergency_mode": True, "requires_attention": True}


def _nothing(text: str, kind: str, error: str) -> dict[str, Any]:
    return {
        "text": text,
        "success": True,
        "cost": 0.0,
        "fallback_type": kind,
        "original_error": error,
    }


async def _simplified(
    params: ClaudeRobust, options: dict[str, Any], error: str, ctx: Context
) -> dict[str, Any]:
    text = f"Provide a brief, simple response for: {step_name(ctx)}"
    simple = {"max_turns": 1, "temperature": 0.3, "model": options.get("model")}
    request = asking(text, simple, provider=params.provider)
    answer = Answer(await within(limit_s(options), request, ctx), 0)
    return {
        **result(answer.reply),
        "fallback_type": "simplified_prompt",
        "original_error": error,
        "simplified_execution": True,
    }


async def _cached(
    params: ClaudeRobust, options: dict[str, Any], error: str, ctx: Context
) -> dict[str, Any]:
    raise ProviderError("No cached response available", retryable=False)


_Fallback = Callable[[ClaudeRobust, dict[str, Any], str, Context], Awaitable[dict[str, Any]]]

FALLBACKS: dict[str, _Fallback] = {
    "graceful_degradation": _degraded,
    "emergency_response": _emergency,
    "simplified_prompt": _simplified,
    "use_cached_response": _cached,
}
"""What is given where no answer was had, beside `skip` and `fail`."""


def _metadata(params: ClaudeRobust, ctx: Context) -> dict[str, Any]:
    return {
        "step_name": step_name(ctx),
        "retry_config_used": params.retry_config.model_dump(mode="json"),
        "robustness_applied": True,
        "error_recovery_enabled": True,
        "fallback_configured": "fallback_action" in params.retry_config.model_fields_set,
        "robust_execution_timestamp": now(),
    }
