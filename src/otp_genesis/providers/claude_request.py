"""A request, with its `claude_options`, in the options of the SDK."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter, ValidationError

from otp_genesis.contracts.question import McpServer, Request
from otp_genesis.contracts.tool import Tool, ToolFailed
from otp_genesis.deferred import deferred
from otp_genesis.errors import CodebaseError, ProviderError
from otp_genesis.providers.claude_guard import OWN_SERVER

if TYPE_CHECKING:
    import claude_agent_sdk as sdk
else:
    sdk = deferred("claude_agent_sdk")

UNMAPPED: Mapping[str, str] = {
    "temperature": "the CLI does not let it be set",
    "enable_skills": "skills of the user or the project are not loaded: they may run commands",
}
"""Options that have no effect here, each with the reason."""
FILE_TOOLS = ("Read", "Write", "Edit", "NotebookEdit", "Glob", "Grep", "Bash")
DEFAULT_TOOLS = (*FILE_TOOLS, "Task", "TodoWrite")
"""What the agent has where the step does not say."""
_MODES: Mapping[str, Literal["default", "acceptEdits", "bypassPermissions", "plan"]] = {
    "default": "default",
    "accept_edits": "acceptEdits",
    "bypass_permissions": "bypassPermissions",
    "plan": "plan",
}
_LONGEST_ARGUMENT = 100_000
"""A system prompt that is longer goes through a file: the kernel limits arguments."""
_NOT_FOR_SERVERS = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN")
_SERVERS = TypeAdapter(dict[str, McpServer])


def _least(*limits: float | None) -> float | None:
    """Return the lowest of the limits that there are."""
    return min((one for one in limits if one is not None), default=None)


@dataclass(frozen=True)
class Asked:
    """What a request and its options say together, the request first."""

    request: Request
    options: Mapping[str, Any]
    root: Path | None
    """The project's folder, where there is one."""
    scratch: Path
    """A folder that is gone when the call is over."""
    default_model: str | None = None
    max_budget_usd: float | None = None

    @classmethod
    def of(
        cls, request: Request, root: Path | None, scratch: Path, model: str | None,
        budget: float | None,
    ) -> Asked:  # fmt: skip
        """Return it; options that say nothing are left out."""
        said = {name: value for name, value in request.options.items() if value is not None}
        return cls(request, said, root, scratch, model, budget)

    @property
    def max_turns(self) -> int | None:
        """How often the model may be asked: as is said, and no more than a budget allows."""
        said = self.request.max_turns or self.options.get("max_turns")
        least = _least(said, self._left.get("calls"))
        return None if least is None else int(least)

    @property
    def most_usd(self) -> float | None:
        """What the call may cost; the CLI counts from the beginning of this call."""
        said = self.options.get("max_budget_usd", self.max_budget_usd)
        return _least(said, self._left.get("cost_usd"))

    @property
    def _left(self) -> Mapping[str, float]:
        return {} if self.request.site is None else self.request.site.left

    @property
    def mode(self) -> Literal["default", "acceptEdits", "bypassPermissions", "plan"]:
        """The SDK's permission mode."""
        return _MODES.get(str(self.options.get("permission_mode", "default")), "default")

    @property
    def session(self) -> str | None:
        """The conversation that this goes on with."""
        if self.options.get("resume_session") is False:
            return None
        return self.request.session or self.options.get("session_id")

    @property
    def new_session(self) -> str | None:
        """The name of a conversation that is begun."""
        begun = self.options.get("resume_session") is False
        return self.options.get("session_id") if begun else None

    @property
    def allowed_tools(self) -> tuple[str, ...] | None:
        """The tools that are named, as they are named."""
        named = self.options.get("allowed_tools")
        return None if named is None else tuple(named)

    def tools(self) -> list[str]:
        """Return the CLI's own tools that the model is offered."""
        named = self.allowed_tools
        bases = [one.partition("(")[0] for one in named or () if not one.startswith("mcp__")]
        more = ["Task"] if self.options.get("agents") and "Task" not in bases else []
        if self.root is None:
            return [one for one in (*bases, *more) if one not in FILE_TOOLS]
        if self.request.tools or (named is not None and self.mode == "default"):
            return list(dict.fromkeys((*bases, *more)))
        return list(dict.fromkeys((*DEFAULT_TOOLS, *bases, *more)))

    def pre_approved(self, servers: Mapping[str, McpServer]) -> list[str]:
        """Return the rules by which the CLI does not ask, which nobody could answer."""
        named = self.allowed_tools
        rules = [one for one in named or () if not one.startswith("Bash(")]
        rules += [f"mcp__{OWN_SERVER}__{name}" for name in self.request.tools]
        for server in servers:
            own = f"mcp__{server}"
            chosen = [one for one in rules if one == own or one.startswith(f"{own}__")]
            if not chosen and (named is None or server in self.request.mcp_servers):
                rules.append(own)
        return list(dict.fromkeys(rules))

    def unmapped(self) -> dict[str, str]:
        """Return what is said in vain, each with the reason."""
        return {name: why for name, why in UNMAPPED.items() if self.options.get(name)}

    async def servers(self) -> dict[str, McpServer]:
        """Return the servers of tools by name; raise `ProviderError` where they are no such."""
        found = await self._from_config()
        found |= self.options.get("mcp_servers") or {}
        try:
            servers = _SERVERS.validate_python(found)
        except ValidationError as error:
            raise _wrong(f"mcp_servers: {error}") from None
        return {**servers, **self.request.mcp_servers}

    async def _from_config(self) -> dict[str, Any]:
        text = str(self.options.get("mcp_config") or "").strip()
        if not text:
            return {}
        codebase = None if self.request.site is None else self.request.site.codebase
        try:
            if not text.startswith("{"):
                if codebase is None:
                    raise _wrong("mcp_config names a file, and this step does not work on files")
                text = await codebase.read(text)
            return dict(json.loads(text)["mcpServers"])
        except (CodebaseError, ValueError, KeyError, TypeError) as error:
            raise _wrong(f"mcp_config: {error}") from None

    async def folder(self, path: str, what: str) -> Path:
        """Return a folder of the project by its path there; raise `ProviderError`."""
        codebase = None if self.request.site is None else self.request.site.codebase
        if self.root is None or codebase is None:
            raise _wrong(f"{what}: this step does not work on files")
        within = self.root / path
        relative = os.path.relpath(within, self.root) if Path(path).is_absolute() else path
        if os.path.normpath(within) == str(self.root):
            return self.root
        try:
            facts = await codebase.describe(relative)
        except CodebaseError as error:
            raise _wrong(f"{what}: {error}") from None
        if facts is None or not facts.folder:
            raise _wrong(f"{what}: there is no folder {path!r} in the project")
        return Path(os.path.normpath(within))


def _wrong(message: str) -> ProviderError:
    return ProviderError(message, retryable=False)


async def sdk_options(asked: Asked, own_tools: Sequence[Tool]) -> sdk.ClaudeAgentOptions:
    """Return the SDK's options, without the process' part: environment, program, hooks.

    Raises `ProviderError` for what makes no sense.
    """
    request, said = asked.request, asked.options
    servers = await asked.servers()
    extra: dict[str, str | None] = {}
    if servers:
        extra["mcp-config"] = _servers_file(servers, asked.scratch)
    if agent := said.get("agent"):
        extra["agent"] = str(agent)
    options = sdk.ClaudeAgentOptions(
        tools=asked.tools(),
        allowed_tools=asked.pre_approved(servers),
        disallowed_tools=list(said.get("disallowed_tools") or ()),
        system_prompt=_system_prompt(asked),
        permission_mode=asked.mode,
        permission_prompt_tool_name=said.get("permission_prompt_tool"),
        max_turns=asked.max_turns,
        max_budget_usd=asked.most_usd,
        model=request.model or said.get("model") or asked.default_model,
        fallback_model=said.get("fallback_model"),
        agents=_agents(said.get("agents") or {}),
        output_format=_output_format(request),
        include_partial_messages=request.stream,
        verbatim_prompts=True,
        strict_mcp_config=True,
        setting_sources=[],
        skills=[],
        client_app="",
        extra_args=extra,
    )
    if own_tools:
        options.mcp_servers = {OWN_SERVER: _own_server(own_tools)}
    return await _with_places(options, asked)


async def _with_places(options: sdk.ClaudeAgentOptions, asked: Asked) -> sdk.ClaudeAgentOptions:
    said = asked.options
    more = [await asked.folder(str(path), "add_dir") for path in said.get("add_dir") or ()]
    cwd = asked.root or asked.scratch / "empty"
    if asked.root is not None and (place := said.get("cwd")):
        cwd = await asked.folder(str(place), "cwd")
    fork = bool(said.get("fork_session")) and asked.session is not None
    return replace(
        options, add_dirs=list(more), cwd=cwd, resume=asked.session,
        session_id=asked.new_session, fork_session=fork,
    )  # fmt: skip


def _system_prompt(asked: Asked) -> Any:
    said = asked.options
    own = asked.request.system or said.get("system_prompt")
    appended = said.get("append_system_prompt")
    if own is None and asked.root is not None:
        preset = {"type": "preset", "preset": "claude_code"}
        return {**preset, "append": appended} if appended else preset
    text = "\n\n".join(part for part in (own, appended) if part)
    if len(text.encode()) <= _LONGEST_ARGUMENT:
        return text
    file = asked.scratch / "system.txt"
    file.write_text(text, encoding="utf-8")
    return {"type": "file", "path": str(file)}


def _agents(named: Mapping[str, Mapping[str, Any]]) -> dict[str, sdk.AgentDefinition] | None:
    return {
        name: sdk.AgentDefinition(
            description=agent["description"],
            prompt=agent["prompt"],
            tools=None if agent.get("tools") is None else list(agent["tools"]),
            model=agent.get("model"),
        )
        for name, agent in named.items()
    } or None


def is_wrapped(schema: Mapping[str, Any]) -> bool:
    """Whether the answer is asked for as the member `value`: the CLI takes objects only."""
    return schema.get("type") != "object"


def _output_format(request: Request) -> dict[str, Any] | None:
    schema = request.output_schema
    if schema is None:
        return None
    if is_wrapped(schema):
        kept: dict[str, Any] = {
            name: schema[name] for name in ("$defs", "definitions") if name in schema
        }
        inner = {name: value for name, value in schema.items() if name not in kept}
        schema = {
            "type": "object", "properties": {"value": inner}, "required": ["value"],
            "additionalProperties": False, **kept,
        }  # fmt: skip
    return {"type": "json_schema", "schema": schema}


def _servers_file(servers: Mapping[str, McpServer], scratch: Path) -> str:
    """Write how the servers are reached where nobody else reads it; return the path."""
    file = scratch / "servers.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"mcpServers": {n: _server(s) for n, s in servers.items()}}))
    return str(file)


def _server(server: McpServer) -> dict[str, Any]:
    if server.type != "stdio":
        return {"type": server.type, "url": server.url, "headers": server.headers}
    # The CLI hands its environment on.
    without = [part for name in _NOT_FOR_SERVERS if name not in server.env for part in ("-u", name)]
    args = [*without, server.command or "", *server.args]
    return {"type": "stdio", "command": "env", "args": args, "env": server.env}


def _own_server(tools: Sequence[Tool]) -> Any:
    return sdk.create_sdk_mcp_server(OWN_SERVER, tools=[_own_tool(tool) for tool in tools])


def _own_tool(tool: Tool) -> sdk.SdkMcpTool[Any]:
    async def call(arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            text, failed = await tool.call(arguments), False
        except ToolFailed as error:
            text, failed = str(error), True
        return {"content": [{"type": "text", "text": text}], "is_error": failed}

    schema = {"type": "object", "properties": {}, **tool.parameters}
    return sdk.SdkMcpTool(tool.name, tool.description, schema, call)
