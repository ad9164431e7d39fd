"""One question to a model as the older step types ask it: its limits, its retries, its result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from otp_genesis.contracts.provider import Reply, Request
from otp_genesis.contracts.step import Context
from otp_genesis.errors import ProviderError
from otp_genesis.model.outcome import Usage
from otp_genesis.model.prompt import Prompt
from otp_genesis.steps.claude_options import RetryOptions
from otp_genesis.steps.conversation import Conversation
from otp_genesis.steps.prompting import Rendered, rendered
from otp_genesis.steps.warning import warn

LONGEST_PAUSE_S = 300.0
CLAUDE = ("claude", "anthropic")
"""Who is asked first by a step that says Claude, where the run names nobody."""


class TooSlow(ProviderError):
    """There was no answer in time."""


@dataclass(frozen=True)
class Patience:
    """How often it is asked again after a failure, after which failures, and how long later."""

    again: int = 0
    strategy: Literal["linear", "exponential", "fixed"] = "exponential"
    base_ms: int = 1000
    words: tuple[str, ...] | None = None
    """Of the errors after which it is asked again; `None` where it is those that may pass."""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Patience:
        """Return what `claude_options.retry_config` says, which counts all attempts."""
        if (told := options.get("retry_config")) is None:
            return cls()
        kept = RetryOptions.model_validate(told)
        again = max(kept.max_retries - 1, 0)
        return cls(again, kept.backoff_strategy, kept.base_delay_ms, kept.retry_on)

    def allows(self, error: ProviderError) -> bool:
        """Whether it may be asked again after this error."""
        if self.words is None:
            return error.retryable
        said = _plain(str(error))
        return any(_plain(word) in said for word in self.words)

    def pause_s(self, failures: int, error: ProviderError) -> float:
        """Return how long to wait after so many failures; no less than the provider asks for."""
        doubled: int = 2 ** min(failures - 1, 30)
        times = {"fixed": 1, "linear": failures, "exponential": doubled}
        wait = max(self.base_ms / 1000 * times[self.strategy], error.retry_after_s or 0.0)
        return min(wait, LONGEST_PAUSE_S)


@dataclass(frozen=True)
class Answer:
    """A reply, how long it took, and the failures before it."""

    reply: Reply
    duration_ms: int
    failures: list[dict[str, Any]] = field(default_factory=list)

    @property
    def attempts(self) -> int:
        """How often it was asked in all."""
        return len(self.failures) + 1


def _plain(text: str) -> str:
    """Make `rate_limit`, `rate limit` and `Rate-Limit` one."""
    return text.lower().replace("_", " ").replace("-", " ")


def step_name(ctx: Context) -> str:
    """Return the step's name."""
    return ctx.path.rsplit("/", 1)[-1]


def now() -> str:
    """Return the time as text, in UTC."""
    return datetime.now(UTC).isoformat()


async def text_of(prompt: Prompt, ctx: Context, said: Conversation | None = None) -> Rendered:
    """Return the prompt's text; what its author should know is told. Takes and raises as
    `rendered` does.
    """
    result = await rendered(prompt, ctx, said)
    for note in result.notes:
        await warn(ctx, "prompt", note)
    return result


def asking(
    text: str,
    options: Mapping[str, Any],
    *,
    provider: str | None = None,
    needs: Iterable[str] = (),
    session: str | None = None,
    schema: dict[str, Any] | None = None,
) -> Request:
    """Return the request for `claude_options`.

    The provider gets them all; what a request has a field for is also said there, so that any
    provider heeds it.
    """
    system = filter(None, (options.get("system_prompt"), options.get("append_system_prompt")))
    session = session or options.get("session_id")
    wanted = {"text", *needs}
    if session is not None:
        wanted.add("sessions")
    if schema is not None:
        wanted.add("structured_output")
    return Request(
        prompt=text,
        system="\n\n".join(system) or None,
        output_schema=schema,
        needs=frozenset(wanted),
        provider=provider,
        prefers=CLAUDE,
        model=options.get("model"),
        session=session,
        mcp_servers=options.get("mcp_servers") or {},
        max_turns=options.get("max_turns"),
        options=dict(options),
    )


def limit_s(options: Mapping[str, Any]) -> float | None:
    """Return how long an answer may take by `claude_options`."""
    if (milliseconds := options.get("timeout_ms")) is not None:
        return float(milliseconds) / 1000
    return options.get("timeout_seconds")


async def answered(
    request: Request, ctx: Context, limit: float | None, patience: Patience = Patience()
) -> Answer:
    """Ask, and ask again as `patience` says; raise the last `ProviderError`."""
    failures: list[dict[str, Any]] = []
    while True:
        began = time.perf_counter()
        try:
            reply = await within(limit, request, ctx)
            return Answer(reply, _milliseconds(began), failures)
        except ProviderError as error:
            number = len(failures) + 1
            if number > patience.again or not patience.allows(error):
                raise
            failures.append(
                {
                    "attempt": number,
                    "error": str(error),
                    "execution_time_ms": _milliseconds(began),
                    "timestamp": now(),
                }
            )
            wait = patience.pause_s(number, error)
        await asyncio.sleep(wait)


async def within(limit: float | None, request: Request, ctx: Context) -> Reply:
    """Ask once; an answer that does not come within `limit` seconds is a `ProviderError`."""
    try:
        async with asyncio.timeout(limit):
            return await ctx.models.complete(request)
    except TimeoutError:
        raise TooSlow(f"timeout: no answer within {limit:g} s", retryable=True) from None


def _milliseconds(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)


def result(reply: Reply, schema: Any = None) -> dict[str, Any]:
    """Return a reply as the result of a step: `text`, `success`, `cost`, and `model` if known.

    With a schema that was asked for, `data`, too.
    """
    told: dict[str, Any] = {"text": reply.text, "success": True, "cost": reply.usage.cost_usd}
    if reply.model is not None:
        told["model"] = reply.model
    if schema is not None:
        told["data"] = reply.data
    return told


def full_result(answer: Answer, options: Mapping[str, Any], schema: Any = None) -> dict[str, Any]:
    """Return the same with `session_id` and what the options want told of the call."""
    reply = answer.reply
    told = result(reply, schema)
    if reply.session is not None:
        told["session_id"] = reply.session
    if options.get("retry_config") is not None:
        told["retry_info"] = {
            "attempts_made": answer.attempts,
            "max_retries": options["retry_config"].get("max_retries", 3),
            "final_attempt": True,
        }
    if options.get("telemetry_enabled"):
        tokens = _tokens(reply.usage)
        told["telemetry"] = {"duration_ms": answer.duration_ms, "tokens_used": sum(tokens.values())}
    if options.get("cost_tracking"):
        told["cost_tracking"] = {"total_cost_usd": reply.usage.cost_usd, "tracking_enabled": True}
    if options.get("debug_mode"):
        told["debug_info"] = {"provider": reply.provider, "options_applied": sorted(options)}
    return told


def _tokens(usage: Usage) -> dict[str, int]:
    return {"input": usage.input_tokens, "output": usage.output_tokens}


def gemini_result(reply: Reply, schema: Any = None) -> dict[str, Any]:
    """Return a reply with its text as `content` too, its `tokens`, and the arguments of the first
    function it calls.
    """
    told = {**result(reply, schema), "content": reply.text, "tokens": _tokens(reply.usage)}
    calls = reply.data.get("function_calls") if isinstance(reply.data, Mapping) else None
    if isinstance(calls, list) and calls:
        told["function_calls"] = calls
        first = calls[0].get("arguments") if isinstance(calls[0], Mapping) else None
        if isinstance(first, Mapping):
            told |= first
    return told
