"""The older step type that has a conversation with Claude."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otp_genesis.contracts.step import Context
from otp_genesis.model.outcome import Failed, Ok, Outcome
from otp_genesis.model.prompt import ClaudeContinue
from otp_genesis.steps.asking import (
    Patience,
    answered,
    asking,
    full_result,
    limit_s,
    step_name,
    text_of,
)
from otp_genesis.steps.claude_options import laid_over, together
from otp_genesis.steps.conversation import Conversation, conversation, provider_id
from otp_genesis.steps.legacy_params import ClaudeSession, SessionConfig, Turn
from otp_genesis.steps.warning import warn


async def claude_session(params: ClaudeSession, ctx: Context) -> Outcome:
    """Ask within a conversation; later steps that name the same session go on with it.

    With `conversation` each entry is said once the one before it was answered: the result is that
    of the last answer, `cost` that of all, and `turns` holds the result of each.
    """
    turns = params.conversation
    if params.prompt is not None:
        turns = (Turn(prompt=params.prompt), *turns)
    talk = _Talk.begun(params, turns[0], ctx)
    if refused := _refused(params.session_config, talk.said, len(turns)):
        return Failed(error=refused)
    results = [await talk.say(turn) for turn in turns]
    output = dict(results[-1])
    if params.conversation:
        output |= _of_all(turns, results)
    output["claude_session_metadata"] = talk.metadata()
    return Ok(output=output, variables=talk.said.variables())


def _refused(config: SessionConfig, said: Conversation, more: int) -> str | None:
    """Return why so much more cannot be said, if it cannot: nothing is asked in vain."""
    limit = config.max_turns
    if limit is None or said.turns + more <= limit:
        return None
    if said.turns >= limit:
        return f"session {said.name!r} has had its {limit} turns"
    had = f"it has had {said.turns}, and the step says {more} more"
    return f"session {said.name!r} may have {limit} turns: {had}"


def _of_all(turns: Sequence[Turn], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    rows = [
        {"turn": number if turn.turn is None else turn.turn, **result}
        for number, (turn, result) in enumerate(zip(turns, results, strict=True), start=1)
    ]
    told: dict[str, Any] = {"turns": rows, "cost": sum(result["cost"] for result in results)}
    if "cost_tracking" in results[-1]:
        told["cost_tracking"] = {**results[-1]["cost_tracking"], "total_cost_usd": told["cost"]}
    return told


class _Talk:
    """The conversation of one step."""

    def __init__(self, params: ClaudeSession, said: Conversation, ctx: Context):
        self.params, self.said, self.ctx = params, said, ctx
        self._warned = False

    @classmethod
    def begun(cls, params: ClaudeSession, first: Turn, ctx: Context) -> _Talk:
        """Return the conversation that the step goes on with, or a new one."""
        config = params.session_config
        name = config.session_name or _goes_on_with(first) or step_name(ctx)
        new = Conversation(name=name, session_id=config.session_id)
        return cls(params, conversation(ctx.scope, name) or new, ctx)

    async def say(self, turn: Turn) -> dict[str, Any]:
        """Ask one thing more and return its result."""
        params, ctx = self.params, self.ctx
        prompt = await text_of(turn.prompt, ctx, self.said)
        options = laid_over(params.preset, together(params.claude_options, turn.claude_options))
        request = asking(
            prompt.text,
            options,
            provider=params.provider,
            needs=("sessions",),
            session=self.said.session_id or self._named_elsewhere(prompt.session),
            schema=params.output_schema,
        )
        answer = await answered(request, ctx, limit_s(options), Patience.of(options))
        reply = answer.reply
        self.said = self.said.after(prompt.text, reply.text, reply.session or request.session)
        if self.said.session_id is None and not self._warned:
            self._warned = True
            told = f"{reply.provider!r} gave no id for the conversation: it cannot go on with it"
            await warn(ctx, "session", told)
        return full_result(answer, options, params.output_schema)

    def _named_elsewhere(self, session: str | None) -> str | None:
        """Return the id of a conversation that the prompt goes on with and that is not this one."""
        return None if session in (None, self.said.name) else provider_id(session, self.ctx.scope)

    def metadata(self) -> dict[str, Any]:
        """Return what the result says of the session."""
        config = self.params.session_config
        return {
            "session_id": self.said.session_id,
            "session_name": self.said.name,
            "session_persisted": config.persist,
            "checkpoint_frequency": config.checkpoint_frequency,
            "continue_on_restart": config.continue_on_restart,
        }


def _goes_on_with(turn: Turn) -> str | None:
    """Return the session that a prompt's parts name."""
    named = None
    for part in turn.prompt if not isinstance(turn.prompt, str) else ():
        if isinstance(part, ClaudeContinue) and part.condition is not False:
            named = part.session_id or named
    return named
