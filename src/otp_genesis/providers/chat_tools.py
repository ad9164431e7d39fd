"""The functions of one request: what the model is told of them, and what is done when it calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from otp_genesis.contracts.call_site import CallSite
from otp_genesis.contracts.provider import Request
from otp_genesis.contracts.tool import Tool, ToolFailed
from otp_genesis.errors import CodebaseError, ProviderError, did_you_mean
from otp_genesis.model.json_schema import misfits
from otp_genesis.providers.chat import Call, Function, Result

FOREIGN = "mcp__"
"""Begins the names of tools of MCP servers."""
ANY_OBJECT: dict[str, Any] = {"type": "object", "properties": {}}

Tell = Callable[[Result], Awaitable[None]]


class ChatTools:
    """Tools that are called here, and functions that are only offered."""

    def __init__(self, tools: Iterable[Tool], offered: Iterable[Function], site: CallSite):
        self._tools = {tool.name: tool for tool in tools}
        self._offered = frozenset(one.name for one in offered)
        self._site = site
        # What writes is done in the order of the calls; what only reads goes on beside it.
        self._writing = asyncio.Lock()

    def is_offered(self, call: Call) -> bool:
        """Whether it is for the caller to do, not for us."""
        return call.name in self._offered

    async def results(self, calls: Iterable[Call], tell: Tell) -> tuple[Result, ...]:
        """Do all calls, side by side, and return what came of them in the order of the calls."""

        async def done(call: Call) -> Result:
            result = await self._done(call)
            await tell(result)
            return result

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(done(call)) for call in calls]
        except BaseExceptionGroup as several:
            # A flaw of one tool; the others have been cancelled.
            raise several.exceptions[0] from None
        return tuple(task.result() for task in tasks)

    async def _done(self, call: Call) -> Result:
        tool = self._tools.get(call.name)
        if tool is None:
            hint = did_you_mean(call.name, (*self._tools, *self._offered))
            return Result(call, f"there is no tool {call.name!r}{hint}", failed=True)
        try:
            arguments = arguments_of(call)
            _require_fit(arguments, tool)
            if not tool.writes:
                return Result(call, await tool.call(arguments))
            async with self._writing:
                # A server elsewhere may be called by a step that has no files to be changed.
                foreign = tool.name.startswith(FOREIGN)
                if self._site.codebase is not None or not foreign:
                    await self._site.about_to_write()
                return Result(call, await tool.call(arguments))
        except (ToolFailed, CodebaseError) as error:
            return Result(call, str(error), failed=True)


def _require_fit(arguments: dict[str, Any], tool: Tool) -> None:
    try:
        wrong = misfits(arguments, dict(tool.parameters))
    # A stranger's schema may be wrong in any way: a type that is none, a reference to nothing.
    except Exception as error:
        message = f"the schema of the tool {tool.name!r} cannot be read: {error}"
        raise ToolFailed(message) from None
    if wrong:
        raise ToolFailed("the arguments do not fit: " + "; ".join(wrong))


def arguments_of(call: Call) -> dict[str, Any]:
    """Return the arguments; raise `ToolFailed` where they are no JSON object."""
    try:
        arguments = json.loads(call.arguments) if call.arguments.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ToolFailed(f"the arguments are no JSON: {error}") from None
    if not isinstance(arguments, dict):
        raise ToolFailed("the arguments must be a JSON object")
    return arguments


def offered_of(request: Request) -> tuple[Function, ...]:
    """Return the functions of `options["tools"]`; what is no definition there is not for us."""
    said = request.options.get("tools")
    if not isinstance(said, list | tuple):
        return ()
    return tuple(
        Function(one["name"], str(one.get("description", "")), one.get("parameters") or ANY_OBJECT)
        for one in said
        if isinstance(one, Mapping) and isinstance(one.get("name"), str)
    )


def functions_of(tools: Iterable[Tool], offered: Iterable[Function]) -> tuple[Function, ...]:
    """Return all that the model is told of; raise `ProviderError` where two have one name."""
    own = (Function(one.name, one.description, one.parameters) for one in tools)
    told: dict[str, Function] = {}
    for one in (*own, *offered):
        if one.name in told:
            message = f"two tools are called {one.name!r}: rename one of them"
            raise ProviderError(message, retryable=False)
        told[one.name] = one
    return tuple(told.values())
