"""The keys that documents of pipeline_ex have, or its pages promise, and what becomes of each here.

`works`: it is read; `no effect`: what it asks for is done anyway, or is nothing here;
`not supported`: it is told, with what to write instead. A strict document has none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["works", "no effect", "not supported"]


@dataclass(frozen=True)
class OlderKey:
    """One key: what becomes of it, and what its author is told."""

    state: State
    told: str = ""


def _no(told: str) -> OlderKey:
    return OlderKey("no effect", told)


def _not(told: str) -> OlderKey:
    return OlderKey("not supported", told)


WORKS = OlderKey("works")

_COSTS = _not("write a budget: cost_usd, tokens, calls, time_s")

OLDER_KEYS: dict[str, OlderKey] = {
    "global_vars": WORKS,
    "workspace_dir": WORKS,
    "output_dir": WORKS,
    "defaults": WORKS,
    "gemini_functions": WORKS,
    "environment": WORKS,
    "tags": _no("a run is found by its pipeline's name"),
    "checkpoint_enabled": _no("every finished step is kept; go on with genesis run --resume"),
    "checkpoint_dir": _no("runs are kept in one place; GENESIS_HOME names it"),
    "checkpoint_config": _no("every finished step is kept; genesis runs prune forgets runs"),
    "claude_auth": _no("a provider says itself what it needs: genesis providers"),
    "gemini_auth": _no("a provider says itself what it needs: genesis providers"),
    "monitoring": _no("switch on logs, metrics and traces in genesis.toml: [telemetry]"),
    "exporters": _no("switch on logs, metrics and traces in genesis.toml: [telemetry]"),
    "workspace_config": _no("a workspace is made where it is missing, and never removed"),
    "output_config": _no("name the file in the step: output_to_file"),
    "cache_config": _no("nothing is asked twice within a run"),
    "performance": _no("set limits where they matter: max_parallel, timeout_s"),
    "providers": _not("set strategy and providers in genesis.toml: [providers]"),
    "cost_limits": _COSTS,
    "resource_limits": _not("set timeout_s, attempts and max_iterations where they matter"),
    "safety": _not("steps cannot leave the workspace; programs run in a sandbox"),
    "retry_on_failure": _not("write attempts in the steps that may be tried again"),
    "retry_attempts": _not("write attempts in the steps that may be tried again"),
    "continue_on_error": _not("write on_error: continue in the steps that may fail"),
    "max_execution_time": _not("write timeout_s in the steps"),
    "hooks": _not("write hooks in claude_options"),
    "mcp_servers": _not("write mcp_servers in claude_options"),
    "agents": _not("write agents in claude_options"),
    "enable_skills": _not("write enable_skills in claude_options"),
    "setting_sources": _not("write setting_sources in claude_options"),
    "enable_context_management": _not("write it in claude_options"),
    "memory_config": _not("pass what is to be known on as inputs of the step"),
    "input_schema": _not("declare inputs: NAME: {type: …}"),
    "input": _not("declare inputs: NAME: {type: …}"),
    "output": _not("write output_to_file in the steps, or outputs: {NAME: …}"),
    "extends": _not("call the other document with a step of type pipeline"),
    "include": _not("call the other document with a step of type pipeline"),
    "directories": _not("name paths in the steps"),
}

_DEBUGGING = _no("every step and call is in the run's events: genesis runs events")

WITHIN_KEYS: dict[str, dict[str, OlderKey]] = {
    "environment": {
        "mode": WORKS,
        "debug_level": _DEBUGGING,
        "debug_config": _DEBUGGING,
        "cost_alerts": _COSTS,
        "cost_limits": _COSTS,
        "cost_tracking": _no("what a run cost is in its report and its metrics"),
    },
    "defaults": {
        "output_dir": WORKS,
        "claude_preset": WORKS,
        "claude_options": WORKS,
        "claude_output_format": WORKS,
        "claude_model": WORKS,
        "claude_fallback_model": WORKS,
        "gemini_model": WORKS,
        "gemini_token_budget": WORKS,
        "timeout_seconds": WORKS,
        "continue_on_error": WORKS,
        "retry_on_error": _not("write attempts in the steps that may be tried again"),
    },
}
"""What stands within those workflow keys that work. Of the others the whole mapping does nothing.

All of `environment` can be read in expressions, whatever it holds.
"""

_ERRORS = _not(
    "write on_error: continue here, and below it a step with the condition "
    "steps.NAME.success == false"
)
_RETRIES = _not("write attempts: how often it is tried in all")

STEP_KEYS: dict[str, OlderKey] = {
    "timeout_seconds": WORKS,
    "continue_on_error": WORKS,
    "retry_count": WORKS,
    "max_retries": WORKS,
    "role": WORKS,
    "streaming": _no("a result is kept whole, however large it is"),
    "tags": _no("it is for readers only"),
    "metadata": _no("it is for readers only"),
    "depends_on": _no("steps run in the order they are written in"),
    "retry": _RETRIES,
    "retry_on_error": _RETRIES,
    "retry_config": _not("write attempts, or retry_config in claude_options"),
    "error_output": _ERRORS,
    "error_handler": _ERRORS,
    "error_handling": _ERRORS,
    "cache": _not("a finished step is not done again when its run is resumed; nothing else is"),
    "codebase_context": _not("ask with a step of type codebase_query, and name its result"),
    "variables": _not("set them with a step of type set_variable before this one"),
    "checkpoint": _no("every finished step is kept"),
}
"""What any step may say there; where its type has a key of that name, that one is meant."""

_FOR_LOOP = _not("write a for_loop with parallel: true over a list")
_SIDE_BY_SIDE = _no("max_workers says how many run at once; the others wait")
_EXTRACTED = _not("say in the prompt what the answer is to look like")
_INHERITED = _no("providers and functions are those of the runtime, in every document")
_RESUMED = _no("every finished step is kept, in nested documents too")

TYPE_KEYS: dict[str, dict[str, OlderKey]] = {
    "parallel_claude": {
        "task_generator": _FOR_LOOP,
        "task_template": _FOR_LOOP,
        "parallel_config.queue_size": _SIDE_BY_SIDE,
        "parallel_config.timeout_per_task": _not("write timeout_ms in the tasks' claude_options"),
        "parallel_config.retry_failed": _not("write retry_config in the tasks' claude_options"),
    },
    "claude_extract": {
        f"extraction_config.{key}": _EXTRACTED
        for key in (
            "sections", "summary_style", "max_points", "heading_level", "include_toc",
            "code_block_processing", "recommendation_format",
        )
    },
    "pipeline": {
        "input_schema": _not("declare inputs in the other document: NAME: {type: …}"),
        "config.inherit_providers": _INHERITED,
        "config.inherit_functions": _INHERITED,
        "config.workspace_dir": _not("a nested pipeline works in the workspace of the run"),
        "config.checkpoint_enabled": _RESUMED,
        "config.max_retries": _RETRIES,
        "config.continue_on_error": _not("write on_error: continue in the step"),
        "config.enable_tracing": _DEBUGGING,
        "config.capture_errors": _DEBUGGING,
        "config.cache_enabled": _RESUMED,
    },
    "for_loop": {
        "max_iterations": _not("cut the list: data_source: '{{ items[0:10] }}'"),
        "ordered_results": _no("the results are in the order of the items"),
        "memory_limit": _no("a run keeps no more than its results"),
    },
    "while_loop": {"memory_limit": _no("a run keeps no more than its results")},
}  # fmt: skip
"""What pages promise of one type of step only, as dot paths. What its parameters have counts."""

_IN_TEXT = _not("write the words around it as static parts before and after")

PART_KEYS: dict[str, dict[str, OlderKey]] = {
    "file": {
        "inject_as": _IN_TEXT,
        "component": _no("a file is a file, wherever it lies"),
        "summary": _not("let a step summarise the file, and name its result"),
        "summary_focus": _not("let a step summarise the file, and name its result"),
        "transform": _not("read it with file_ops, and change it with data_transform"),
    },
    "previous_response": {
        "transform": _not("change it with a step of type data_transform before this one"),
        "summary_focus": _not("say in the prompt what matters"),
    },
}
"""What pages promise of one type of prompt part only."""
