"""The older step types that ask Claude one thing: plain, by preset, in a session, extracting."""

from __future__ import annotations

from typing import Any

from otp_genesis.contracts.step import Context
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
)
from otp_genesis.steps.claude_options import Preset, laid_over, smart
from otp_genesis.steps.conversation import Conversation, conversation
from otp_genesis.steps.extraction import formatted, processed
from otp_genesis.steps.ineffective import warn
from otp_genesis.steps.legacy_params import (
    Claude,
    ClaudeExtract,
    ClaudeSession,
    ClaudeSmart,
    ExtractionConfig,
)


async def claude(params: Claude, ctx: Context) -> Outcome:
    """Ask once, with the step's own options; the result holds `text`, `success` and `cost`."""
    options = laid_over(None, params.claude_options)
    answer = await _asked(params, options, ctx)
    return Ok(output=result(answer.reply))


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
    return Ok(output={**full_result(answer, options), "claude_smart_metadata": metadata})


async def _asked(
    params: Claude, options: dict[str, Any], ctx: Context, schema: dict[str, Any] | None = None
) -> Answer:
    prompt = await text_of(params.prompt, ctx)
    session = prompt.session and _session_id(prompt.session, ctx)
    request = asking(prompt.text, options, provider=params.provider, session=session, schema=schema)
    return await answered(request, ctx, limit_s(options), Patience.of(options))


def _session_id(name: str, ctx: Context) -> str:
    """Return the provider's id of the session that was had under a name, or else the name."""
    known = conversation(ctx.scope, name)
    return (known.session_id if known else None) or name


async def claude_session(params: ClaudeSession, ctx: Context) -> Outcome:
    """Ask within a conversation; later steps that name the same session go on with it."""
    prompt = await text_of(params.prompt, ctx)
    config = params.session_config
    name = config.session_name or prompt.session or step_name(ctx)
    said = conversation(ctx.scope, name) or Conversation(name=name, session_id=config.session_id)
    if config.max_turns is not None and said.turns >= config.max_turns:
        return Failed(error=f"session {name!r} has had its {config.max_turns} turns")
    options = laid_over(params.preset, params.claude_options)
    request = asking(
        prompt.text,
        options,
        provider=params.provider,
        needs=("sessions",),
        session=said.session_id or _named_elsewhere(prompt.session, name, ctx),
    )
    answer = await answered(request, ctx, limit_s(options), Patience.of(options))
    said = said.after(prompt.text, answer.reply.text, answer.reply.session or request.session)
    if said.session_id is None:
        told = f"{answer.reply.provider!r} gave no id for the conversation: it cannot go on with it"
        await warn(ctx, "session", told)
    metadata = {
        "session_id": said.session_id,
        "session_name": name,
        "session_persisted": config.persist,
        "checkpoint_frequency": config.checkpoint_frequency,
        "continue_on_restart": config.continue_on_restart,
    }
    output = {**full_result(answer, options), "claude_session_metadata": metadata}
    return Ok(output=output, variables=said.variables())


def _named_elsewhere(session: str | None, name: str, ctx: Context) -> str | None:
    """Return the id of a conversation that the prompt goes on with and that is not the step's."""
    return None if session in (None, name) else _session_id(str(session), ctx)


async def claude_extract(params: ClaudeExtract, ctx: Context) -> Outcome:
    """Ask once, and put the answer's text into a form: a format, then sections that are added."""
    options = laid_over(params.preset, params.claude_options)
    answer = await _asked(params, options, ctx, params.schema)
    config = params.extraction_config
    raw = full_result(answer, options)
    text = formatted(raw["text"], config.format, config.max_summary_length)
    text, unknown = processed(text, config.post_processing)
    for name in unknown:
        await warn(ctx, "no-effect", f"there is no post_processing {name!r}; it does nothing")
    output = {**raw, "text": text, "extraction_applied": True}
    if params.schema is not None:
        output["data"] = answer.reply.data
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
