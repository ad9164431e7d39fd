"""The steps of pipeline_ex that ask models, and its smallest ones. What they do is beside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from otp_genesis.contracts.step import Run
from otp_genesis.contracts.step_type import StepMetadata, StepType, step_type
from otp_genesis.steps import claude, claude_robust, claude_session, claude_tasks, gemini
from otp_genesis.steps.legacy_echo import test_echo
from otp_genesis.steps.legacy_shell import bash

SINCE = "0.1"

_SAY = "prompt: [{type: static, content: Say hello.}]"
_AGENT = ("text", "agent")


def _row(run: Run[Any], capabilities: Iterable[str], example: str) -> StepType[Any]:
    """Return the step type that `run` is, named as it."""
    name: str = run.__name__
    metadata = StepMetadata(
        capabilities=frozenset(capabilities), examples=(example,), legacy_since=SINCE
    )
    # A part of a prompt may be a file: the step starts from the files as they are.
    return step_type(name, run, effects="reads", metadata=metadata)


STEPS = (
    _row(claude.claude, _AGENT, f"- {{name: a, type: claude, {_SAY}}}"),
    _row(
        claude.claude_smart, _AGENT, f"- {{name: a, type: claude_smart, preset: analysis, {_SAY}}}"
    ),
    _row(
        claude_session.claude_session,
        (*_AGENT, "sessions"),
        f"- {{name: a, type: claude_session, session_config: {{session_name: talk}}, {_SAY}}}",
    ),
    _row(
        claude.claude_extract,
        (*_AGENT, "structured_output"),
        f"- {{name: a, type: claude_extract, extraction_config: {{format: markdown}}, {_SAY}}}",
    ),
    _row(
        claude_tasks.claude_batch,
        _AGENT,
        f"- {{name: a, type: claude_batch, tasks: [{{task_id: one, {_SAY}}}]}}",
    ),
    _row(
        claude_robust.claude_robust,
        _AGENT,
        f"- {{name: a, type: claude_robust, retry_config: {{max_retries: 2}}, {_SAY}}}",
    ),
    _row(
        claude_tasks.parallel_claude,
        _AGENT,
        f"- {{name: a, type: parallel_claude, parallel_tasks: [{{id: one, {_SAY}}}]}}",
    ),
    _row(gemini.gemini, ("text", "tools"), f"- {{name: a, type: gemini, {_SAY}}}"),
    _row(
        gemini.gemini_instructor,
        ("text", "structured_output", "tools"),
        f"- {{name: a, type: gemini_instructor, {_SAY}}}",
    ),
    test_echo,
    bash,
)
