"""The keys that workflows of pipeline_ex have, and what becomes of each here.

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
    "cost_limits": _not("set limits of providers in genesis.toml: [providers.NAME]"),
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
    "extends": _not("call the other document with a step of type pipeline"),
    "include": _not("call the other document with a step of type pipeline"),
    "directories": _not("name paths in the steps"),
}
