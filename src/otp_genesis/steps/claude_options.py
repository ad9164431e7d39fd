"""What `claude_options` may say, and the presets it is laid over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from otp_genesis.contracts.step import NoEffect, Params

Preset = Literal["development", "production", "analysis", "chat", "test"]
_STREAM = NoEffect("an answer is told as a whole")


class RetryOptions(Params):
    """How often one question is asked again, and after which errors."""

    max_retries: int = Field(default=3, ge=0, le=100)
    """How often it is asked in all; 0 and 1 mean once."""
    backoff_strategy: Literal["linear", "exponential", "fixed"] = "exponential"
    retry_on: tuple[str, ...] | None = None
    """Words of the errors after which it is asked again; without it, those that may pass."""
    base_delay_ms: int = Field(default=1000, ge=0)
    """The first pause."""


class McpServer(Params):
    """A server of tools, for the provider to start or to call."""

    type: Literal["stdio", "sse", "http"] = "stdio"
    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    headers: dict[str, str] = {}
    url: str | None = None


class HookGroup(Params):
    """Hooks for the tools whose names match."""

    matcher: str | None = None
    hooks: tuple[str, ...] = ()
    """`log_tool_use`, `validate_bash`, `audit_tool`."""


class Agent(Params):
    """An agent that the model may hand work to."""

    description: str
    prompt: str
    tools: tuple[str, ...] | None = None
    model: str | None = None


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class ClaudeOptions(Params):
    """What is passed to the provider, and what of it every provider is told.

    `system_prompt`, `model` and `session_id` are told to any provider; the limits of time and the
    retries are kept by the step. The rest is for a provider that knows it.
    """

    max_turns: int | None = Field(default=None, ge=1)
    output_format: Literal["text", "json", "stream_json", "stream-json"] | None = None
    verbose: bool | None = None
    system_prompt: str | None = None
    append_system_prompt: str | None = None
    allowed_tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] | None = None
    enable_skills: bool | None = None
    cwd: str | None = None
    add_dir: Annotated[tuple[str, ...] | None, BeforeValidator(_listed)] = None
    model: str | None = None
    fallback_model: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    permission_mode: Literal["default", "accept_edits", "bypass_permissions", "plan"] | None = None
    permission_prompt_tool: str | None = None
    mcp_servers: dict[str, McpServer] | None = None
    mcp_config: str | None = None
    strict_mcp_config: bool | None = None
    hooks: dict[str, tuple[HookGroup, ...]] | None = None
    agents: dict[str, Agent] | None = None
    agent: str | None = None
    session_id: str | None = None
    """The conversation to go on with."""
    resume_session: bool | None = None
    fork_session: bool | None = None
    timeout_ms: int | None = Field(default=None, ge=1)
    """How long an answer may take."""
    timeout_seconds: float | None = Field(default=None, gt=0)
    """The same in seconds; `timeout_ms` counts where both are given."""
    retry_config: RetryOptions | None = None
    debug_mode: bool | None = None
    telemetry_enabled: bool | None = None
    """Whether the result holds `telemetry`."""
    cost_tracking: bool | None = None
    """Whether the result holds `cost_tracking`."""
    print: Annotated[bool | None, NoEffect("a step's result is always returned")] = None
    async_streaming: Annotated[bool | None, _STREAM] = None
    stream_handler: Annotated[
        Literal["console", "simple", "debug", "file", "callback", "buffer"] | None, _STREAM
    ] = None
    stream_buffer_size: Annotated[int | None, Field(ge=1), _STREAM] = None
    stream_handler_opts: Annotated[dict[str, Any] | None, _STREAM] = None
    pass_through_streaming: Annotated[bool | None, _STREAM] = None


_READING = ("Read", "Glob", "Grep")

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "development": {
        "max_turns": 20, "verbose": True, "output_format": "stream_json",
        "allowed_tools": ("Write", "Edit", "Read", "Bash", "Search", "Glob", "Grep"),
        "model": "sonnet", "timeout_ms": 300_000, "debug_mode": True,
        "telemetry_enabled": True, "cost_tracking": True,
        "retry_config": {
            "max_retries": 3, "backoff_strategy": "exponential",
            "retry_on": ("timeout", "api_error"),
        },
        "system_prompt": "You are a capable assistant to software developers.",
    },
    "production": {
        "max_turns": 10, "verbose": False, "output_format": "json", "allowed_tools": ("Read",),
        "model": "opus", "fallback_model": "sonnet", "timeout_ms": 120_000, "debug_mode": False,
        "telemetry_enabled": True, "cost_tracking": True,
        "retry_config": {
            "max_retries": 2, "backoff_strategy": "linear", "retry_on": ("timeout",),
        },
        "system_prompt": "You work in production: be careful, exact and brief.",
    },
    "analysis": {
        "max_turns": 5, "verbose": True, "output_format": "json", "allowed_tools": _READING,
        "model": "opus", "timeout_ms": 180_000, "debug_mode": False,
        "telemetry_enabled": True, "cost_tracking": True,
        "retry_config": {
            "max_retries": 2, "backoff_strategy": "exponential",
            "retry_on": ("timeout", "api_error"),
        },
        "system_prompt": "You are an expert in the analysis of code.",
    },
    "chat": {
        "max_turns": 15, "verbose": False, "output_format": "text", "allowed_tools": (),
        "timeout_ms": 60_000, "debug_mode": False, "telemetry_enabled": False,
        "cost_tracking": True,
        "retry_config": {
            "max_retries": 1, "backoff_strategy": "linear", "retry_on": ("timeout",),
        },
        "system_prompt": "You are a helpful partner in a conversation.",
    },
    "test": {
        "max_turns": 3, "verbose": True, "output_format": "json", "allowed_tools": ("Read",),
        "timeout_ms": 30_000, "debug_mode": True, "telemetry_enabled": False,
        "cost_tracking": False,
        "retry_config": {"max_retries": 1, "backoff_strategy": "linear", "retry_on": ()},
        "system_prompt": "You assist in a test: answer briefly.",
    },
}  # fmt: skip

SMART: Mapping[Preset, str] = {
    "development": "Explain what you do, and say what could be done better.",
    "production": "Avoid what cannot be undone, and name every risk.",
    "analysis": "Give reasons for every finding, and name the place it is at.",
    "chat": "Keep to the subject, and ask where something is unclear.",
    "test": "Do only what is asked.",
}
"""What `claude_smart` appends to the system prompt where the step appends nothing."""


def laid_over(preset: Preset | None, own: ClaudeOptions | None) -> dict[str, Any]:
    """Return the preset's options with the step's own laid over them, mapping by mapping."""
    written = {} if own is None else own.model_dump(mode="json", exclude_unset=True)
    known = {} if preset is None else dict(PRESETS[preset])
    return _merged(known, {key: value for key, value in written.items() if value is not None})


def together(under: ClaudeOptions | None, over: ClaudeOptions | None) -> ClaudeOptions | None:
    """Return the options of a step with those of one question in it laid over them, key by key."""
    if over is None:
        return under
    return ClaudeOptions.model_validate(_given(under) | _given(over))


def _given(options: ClaudeOptions | None) -> dict[str, Any]:
    return {} if options is None else options.model_dump(exclude_unset=True)


def smart(preset: Preset, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options as `claude_smart` narrows them for a preset.

    All presets but `development`, whose tools are added, allow their own tools and no others.
    """
    tools = list(PRESETS[preset]["allowed_tools"])
    if preset == "development":
        tools = list(dict.fromkeys((*options["allowed_tools"], *tools)))
    appended = options.get("append_system_prompt") or SMART[preset]
    return {**options, "allowed_tools": tools, "append_system_prompt": appended}


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {**under, **over}
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(under.get(key), Mapping):
            both[key] = _merged(under[key], value)
    return both
