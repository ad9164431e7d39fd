"""The hooks of the agent: the guard before every tool, and those that `hooks` names."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from otp_genesis.deferred import deferred
from otp_genesis.model.event import Noted
from otp_genesis.providers.claude_guard import Denied, Guard, Stopped

if TYPE_CHECKING:
    import claude_agent_sdk as sdk
else:
    sdk = deferred("claude_agent_sdk")

EVENTS = ("PreToolUse", "PostToolUse", "PostToolUseFailure", "UserPromptSubmit", "Stop")
"""When the hooks that are named can be called."""
NAMED = ("log_tool_use", "validate_bash", "audit_tool")
_DANGEROUS = ("rm -rf", "sudo", "chmod 777")
_LONGEST = 500
_PATIENCE_S = 3600.0
Hook = Callable[[Any, Any, Any], Awaitable[Any]]


def hooks_of(
    guard: Guard, asked_for: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[Any, list[sdk.HookMatcher]]:
    """Return the hooks of one call: the guard first."""
    found: dict[Any, list[sdk.HookMatcher]] = {
        "PreToolUse": [
            sdk.HookMatcher(hooks=[_guarding(guard)], timeout=_PATIENCE_S, on_failure="block")
        ]
    }
    for event, groups in asked_for.items():
        for group in groups:
            named = [_named(name, guard) for name in group.get("hooks", ()) if name in NAMED]
            if named and event in EVENTS:
                matcher = sdk.HookMatcher(matcher=group.get("matcher"), hooks=named)
                found.setdefault(event, []).append(matcher)
    return found


def _guarding(guard: Guard) -> Hook:
    async def before(call: Any, call_id: Any, context: Any) -> Any:
        try:
            changed = await guard.asked(
                call["tool_name"], call.get("tool_input") or {}, call.get("cwd") or ""
            )
        except Denied as denied:
            said = _decision("deny", permissionDecisionReason=str(denied))
            if isinstance(denied, Stopped):
                said |= {"continue_": False, "stopReason": str(denied)}
            return said
        return {} if changed is None else _decision("allow", updatedInput=changed)

    return before


def _decision(decision: str, **more: Any) -> dict[str, Any]:
    said = {"hookEventName": "PreToolUse", "permissionDecision": decision, **more}
    return {"hookSpecificOutput": said}


def _named(name: str, guard: Guard) -> Hook:
    async def validate(call: Any, call_id: Any, context: Any) -> Any:
        command = str((call.get("tool_input") or {}).get("command", ""))
        found = [one for one in _DANGEROUS if one in command]
        if call.get("tool_name") != "Bash" or not found:
            return {}
        return _decision("deny", permissionDecisionReason=f"the command holds {found[0]!r}")

    async def note(call: Any, call_id: Any, context: Any) -> Any:
        tool = call.get("tool_name") or call.get("hook_event_name", "")
        arguments = json.dumps(call.get("tool_input"), ensure_ascii=False, default=str)
        when = "" if call.get("hook_event_name") == "PreToolUse" else " done"
        message = f"{name}: {tool}{when} {arguments[:_LONGEST]}"
        await guard.site.tell(Noted(at=time.time(), path=guard.site.path, message=message))
        return {}

    return validate if name == "validate_bash" else note
