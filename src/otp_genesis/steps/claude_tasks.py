"""The older step types that ask several things at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from otp_genesis.contracts.step import WRITE_OUTPUT, Context
from otp_genesis.errors import CodebaseError, ExpressionError, ProviderError, UsageError
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.model.prompt import FilePart, Prompt, StaticPart
from otp_genesis.steps.asking import (
    Answer,
    Patience,
    TooSlow,
    answered,
    asking,
    full_result,
    limit_s,
    now,
    result,
    step_name,
    text_of,
)
from otp_genesis.steps.claude_options import laid_over, together
from otp_genesis.steps.legacy_params import BatchTask, ClaudeBatch, ParallelClaude, ParallelTask
from otp_genesis.steps.side_by_side import at_most
from otp_genesis.steps.warning import warn

_MENDABLE = (ProviderError, UsageError, ExpressionError, CodebaseError)
"""What fails one task. Anything else ends the step: it would meet all of them."""


@dataclass(frozen=True)
class Done:
    """What came of one task."""

    name: str
    status: Literal["success", "error", "timeout", "skipped"]
    result: dict[str, Any]
    duration_ms: int
    file: str | None = None


async def _ask(
    prompt: Prompt, options: dict[str, Any], provider: str | None, ctx: Context
) -> Answer:
    text = await text_of(prompt, ctx)
    request = asking(text.text, options, provider=provider, session=text.session)
    return await answered(request, ctx, limit_s(options), Patience.of(options))


async def claude_batch(params: ClaudeBatch, ctx: Context) -> Outcome:
    """Ask for each task, some at once; the result lists what came of each.

    A failed task fails no other and not the step; `success` says whether all were answered.
    """
    config = params.batch_config
    tasks = params.tasks or (BatchTask(task_id="default_task", prompt=params.prompt),)
    done = await at_most(
        config.max_parallel,
        [partial(_batch_task, params, index, task, ctx) for index, task in enumerate(tasks)],
    )
    await _tell_failures(done, ctx)
    output = _batch_output(done)
    if config.consolidate_results:
        output["text"] = _report(done)
        output["claude_batch_metadata"] = _batch_metadata(done, step_name(ctx))
    return Ok(output=output)


async def _batch_task(params: ClaudeBatch, index: int, task: BatchTask, ctx: Context) -> Done:
    options = laid_over(params.preset, together(params.claude_options, task.claude_options))
    limit_ms = params.batch_config.timeout_per_task
    prompt: Prompt
    if task.prompt is not None:
        prompt = task.prompt
    else:
        prompt = (FilePart(path=str(task.file)), StaticPart(content="Analyze this file"))
    name, began = task.task_id or f"task_{index}", time.perf_counter()
    status: Literal["success", "error", "timeout"] = "success"
    try:
        async with asyncio.timeout(limit_ms / 1000):
            answer = await _ask(prompt, options, params.provider, ctx)
        told = full_result(answer, options)
        _write(task.output_to_file, told, ctx)
    except (TimeoutError, TooSlow) as error:
        status = "timeout"
        told = {"error": str(error) or f"timeout: no answer within {limit_ms} ms"}
    except _MENDABLE as error:
        status, told = "error", {"error": str(error)}
    return Done(name, status, told, round((time.perf_counter() - began) * 1000), task.file)


def _write(name: str | None, told: dict[str, Any], ctx: Context) -> None:
    """Write a task's result to its file, where it names one."""
    if name is not None:
        ctx.facts[WRITE_OUTPUT](name, told)


async def _tell_failures(done: Iterable[Done], ctx: Context) -> None:
    for one in done:
        if one.status in ("error", "timeout"):
            await warn(ctx, "task-failed", f"task {one.name!r} failed: {one.result['error']}")


def _batch_output(done: list[Done]) -> dict[str, Any]:
    successful = sum(1 for one in done if one.status == "success")
    times = [one.duration_ms for one in done]
    return {
        "success": successful == len(done),
        "batch_processed": True,
        "total_tasks": len(done),
        "successful_tasks": successful,
        "failed_tasks": len(done) - successful,
        "batch_results": [_batch_row(one) for one in done],
        "performance_statistics": {
            "total_execution_time_ms": sum(times),
            "average_task_time_ms": sum(times) // len(times),
            "min_task_time_ms": min(times),
            "max_task_time_ms": max(times),
        },
    }


def _batch_row(one: Done) -> dict[str, Any]:
    row: dict[str, Any] = {"task_id": one.name, "status": one.status, "file": one.file}
    row |= {"result": one.result} if one.status == "success" else one.result
    return {**row, "execution_time_ms": one.duration_ms}


def _report(done: list[Done]) -> str:
    """Return the tasks as a page, those that were answered first."""
    good = [one for one in done if one.status == "success"]
    bad = [one for one in done if one.status != "success"]
    parts = [f"**Status**: Success\n\n{one.result['text']}\n" for one in good]
    parts += [
        f"**Status**: {one.status.upper()}\n**Error**: {one.result['error']}\n" for one in bad
    ]
    heads = [f"## Task: {one.name}\n**File**: {one.file or 'N/A'}\n" for one in (*good, *bad)]
    tasks = "\n\n---\n\n".join(head + part for head, part in zip(heads, parts, strict=True))
    counts = f"**Total Tasks**: {len(done)}\n**Successful**: {len(good)}\n**Failed**: {len(bad)}"
    return f"# Batch Processing Results\n\n{counts}\n\n{tasks}\n"


def _batch_metadata(done: list[Done], step: str) -> dict[str, Any]:
    names = {"successful": "success", "failed": "error", "timeout": "timeout"}
    return {
        "step_name": step,
        "batch_processed_at": now(),
        "total_tasks": len(done),
        "task_breakdown": {
            name: sum(1 for one in done if one.status == status) for name, status in names.items()
        },
        "files_processed": list(dict.fromkeys(one.file for one in done if one.file)),
    }


async def parallel_claude(params: ParallelClaude, ctx: Context) -> Outcome:
    """Ask for each task, all at once as far as `max_workers` allows.

    The result holds `individual_results` by task and their texts as `combined_results`. A failed
    task fails no other and not the step; its result then holds `error`.
    """
    done = await at_most(
        params.parallel_config.max_workers,
        [partial(_parallel_task, params, task, ctx) for task in params.parallel_tasks],
    )
    await _tell_failures(done, ctx)
    texts = [f"\n===[{one.name}]===\n{_said(one)}" for one in done]
    return Ok(
        output={
            "combined_results": "\n".join(texts),
            "individual_results": {one.name: one.result for one in done},
            "success": all(one.status != "error" for one in done),
        }
    )


def _said(one: Done) -> str:
    if one.status == "error":
        return f"error: {one.result['error']}"
    return str(one.result.get("text", one.result.get("reason")))


async def _parallel_task(params: ParallelClaude, task: ParallelTask, ctx: Context) -> Done:
    if task.condition is False:
        skipped = {"success": True, "skipped": True, "reason": "Condition not met"}
        return Done(task.id, "skipped", skipped, 0)
    options = laid_over(None, task.claude_options)
    began = time.perf_counter()
    status: Literal["success", "error"] = "success"
    try:
        answer = await _ask(task.prompt, options, params.provider, ctx)
        told = result(answer.reply)
        _write(task.output_to_file, told, ctx)
    except _MENDABLE as error:
        status, told = "error", {"success": False, "error": str(error)}
    return Done(task.id, status, told, round((time.perf_counter() - began) * 1000))
