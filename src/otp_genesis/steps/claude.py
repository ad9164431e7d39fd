"""The older step types that ask Claude one thing: plain, by preset, extracting."""

from __future__ import annotations

from typing import Any

from otp_genesis.contracts.step import Context
from otp_genesis.model.outcome import Ok, Outcome
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
)
from otp_genesis.steps.claude_options import Preset, laid_over, smart
from otp_genesis.steps.conversation import provider_id
from otp_genesis.steps.extraction import formatted, processed
from otp_genesis.steps.legacy_params import (
    Claude,
    ClaudeExtract,
    ClaudeSmart,
    ExtractionConfig,
)
from otp_genesis.steps.warning import warn


async def claude(params: Claude, ctx: Context) -> Outcome:
    """Ask once, with the step's own options; the result holds `text`, `success` and `cost`."""
    options = laid_over(None, params.claude_options)
    answer = await _asked(params, options, ctx)
    return Ok(output=result(answer.reply, params.output_schema))


async def claude_smart(params: ClaudeSmart, ctx: Context) -> Outcome:
    """Ask once, with the options of a preset and the step's own laid over them."""
    preset: Preset = params.preset or "development"
    options = smart(preset, laid_over(preset, params.claude_options))
    answer = await _asked(params, options, ctx)
    metadata = {
        "preset_applied": preset,
        "environment_aware": params.environment_aware,
        "optimization_applied": True,
    }
    told = full_result(answer, options, params.output_schema)
    return Ok(output={**told, "claude_smart_metadata": metadata})


async def _asked(
    params: Claude, options: dict[str, Any], ctx: Context, schema: dict[str, Any] | None = None
) -> Answer:
    schema = schema or params.output_schema
    prompt = await text_of(params.prompt, ctx)
    session = prompt.session and provider_id(prompt.session, ctx.scope)
    request = asking(prompt.text, options, provider=params.provider, session=session, schema=schema)
    return await answered(request, ctx, limit_s(options), Patience.of(options))


async def claude_extract(params: ClaudeExtract, ctx: Context) -> Outcome:
    """Ask once, and put the answer's text into a form: a format, then sections that are added."""
    options = laid_over(params.preset, params.claude_options)
    answer = await _asked(params, options, ctx, params.schema)
    config = params.extraction_config
    schema = params.schema or params.output_schema
    raw = full_result(answer, options, schema)
    text = formatted(raw["text"], config.format, config.max_summary_length)
    text, unknown = processed(text, config.post_processing)
    for name in unknown:
        await warn(ctx, "no-effect", f"there is no post_processing {name!r}; it does nothing")
    output = {**raw, "text": text, "extraction_applied": True}
    if config.include_metadata:
        output["extraction_metadata"] = _extraction(config, raw["text"], text, step_name(ctx))
    return Ok(output=output)


def _extraction(config: ExtractionConfig, before: str, after: str, step: str) -> dict[str, Any]:
    return {
        "format": config.format,
        "use_content_extractor": config.use_content_extractor,
        "post_processing_applied": list(config.post_processing),
        "extraction_timestamp": now(),
        "original_length": len(before),
        "processed_length": len(after),
        "step_name": step,
    }
