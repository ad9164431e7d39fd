"""Tools of MCP servers, for the time of one answer: the official SDK's client, our `Tool`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from otp_genesis.contracts.question import McpServer
from otp_genesis.contracts.tool import Tool, ToolFailed
from otp_genesis.deferred import deferred
from otp_genesis.errors import ProviderError

if TYPE_CHECKING:
    import httpx2
    import mcp
    from mcp.client import sse as mcp_sse
    from mcp.client import stdio as mcp_stdio
    from mcp.client import streamable_http as mcp_http
else:
    httpx2 = deferred("httpx2")
    mcp = deferred("mcp")
    mcp_sse = deferred("mcp.client.sse")
    mcp_stdio = deferred("mcp.client.stdio")
    mcp_http = deferred("mcp.client.streamable_http")

CALL_LIMIT_S = 300.0


@asynccontextmanager
async def mcp_tools(servers: Mapping[str, McpServer]) -> AsyncIterator[tuple[Tool, ...]]:
    """Start, or connect to, the servers and yield their tools, as `mcp__SERVER__TOOL`.

    Servers that were started are gone when the block ends. Raises `ProviderError` where one cannot
    be reached.
    """
    async with AsyncExitStack() as stack:
        tools: list[Tool] = []
        for name, server in servers.items():
            tools += await _opened(name, server, stack)
        yield tuple(tools)


async def _opened(name: str, server: McpServer, stack: AsyncExitStack) -> list[Tool]:
    try:
        transport = await _transport(name, server, stack)
        client = await stack.enter_async_context(
            mcp.Client(transport, read_timeout_seconds=CALL_LIMIT_S)
        )
        listed = await client.list_tools()
    except ModuleNotFoundError:
        message = "tools of MCP servers need the package mcp: pip install 'otp-genesis[mcp]'"
        raise ProviderError(message, retryable=False) from None
    except ProviderError:
        raise
    # The transports raise what their libraries raise, in groups.
    except Exception as error:
        message = f"the MCP server {name!r} cannot be reached: {_told(error)}"
        raise ProviderError(message, retryable=False) from error
    return [
        Tool(
            name=f"mcp__{name}__{one.name}",
            description=one.description or "",
            parameters=one.input_schema,
            call=_caller(client, one.name),
            writes=not (one.annotations is not None and one.annotations.read_only_hint),
        )
        for one in listed.tools
    ]


async def _transport(name: str, server: McpServer, stack: AsyncExitStack) -> Any:
    if server.type == "stdio":
        if server.command is None:
            raise ProviderError(f"the MCP server {name!r} has no command", retryable=False)
        parameters = mcp.StdioServerParameters(
            command=server.command, args=list(server.args), env=dict(server.env)
        )
        # What it says on stderr is not ours to print.
        silence = stack.enter_context(_nowhere())
        return mcp_stdio.stdio_client(parameters, errlog=silence)
    if server.url is None:
        raise ProviderError(f"the MCP server {name!r} has no url", retryable=False)
    if server.type == "sse":
        return mcp_sse.sse_client(server.url, headers=dict(server.headers))
    http = await stack.enter_async_context(httpx2.AsyncClient(headers=dict(server.headers)))
    return mcp_http.streamable_http_client(server.url, http_client=http)


@contextmanager
def _nowhere() -> Iterator[TextIO]:
    with Path(os.devnull).open("w", encoding="utf-8") as file:
        yield file


def _caller(client: mcp.Client, tool: str) -> Any:
    async def call(arguments: Mapping[str, Any]) -> str:
        try:
            result = await client.call_tool(tool, dict(arguments))
        except mcp.MCPError as error:
            raise ToolFailed(str(error)) from None
        said = "\n".join(_text(part) for part in result.content)
        if result.is_error:
            raise ToolFailed(said or "it failed without a word")
        return said

    return call


def _text(part: Any) -> str:
    return part.text if part.type == "text" else f"[{part.type}, which cannot be shown]"


def _told(error: BaseException) -> str:
    """Return the first cause in a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
