"""Tools of real MCP servers: started, called, gone again."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from otp_genesis.contracts.question import McpServer
from otp_genesis.contracts.tool import ToolFailed
from otp_genesis.errors import ProviderError
from otp_genesis.providers.mcp_tools import mcp_tools

SERVER = '''
import os
from mcp.server import MCPServer

server = MCPServer("sums")


@server.tool()
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return f"{a + b} by {os.getpid()} {os.environ.get('GIVEN')}"


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("what is said stays with the server")


server.run(transport="stdio")
'''


@pytest.fixture
def server(tmp_path: Path) -> McpServer:
    """A server of tools that is started as a program."""
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    return McpServer(command=sys.executable, args=(str(script),), env={"GIVEN": "this"})


def test_a_server_is_started_called_and_gone(server: McpServer) -> None:
    """Its tools have its name before theirs; afterwards its process is gone."""

    async def go() -> tuple[list[str], str]:
        async with mcp_tools({"sums": server}) as tools:
            by_name = {tool.name: tool for tool in tools}
            return sorted(by_name), await by_name["mcp__sums__add"].call({"a": 2, "b": 3})

    names, said = asyncio.run(go())
    total, _, pid, given = said.split()

    assert names == ["mcp__sums__add", "mcp__sums__fail"]
    assert (total, given) == ("5", "this")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_what_a_tool_fails_with_is_for_the_model(server: McpServer) -> None:
    """A failing tool, and arguments that it does not take, are `ToolFailed`."""

    async def go(name: str, arguments: dict[str, object]) -> str:
        async with mcp_tools({"sums": server}) as tools:
            by_name = {tool.name: tool for tool in tools}
            with pytest.raises(ToolFailed) as failure:
                await by_name[name].call(arguments)
            return str(failure.value)

    assert "Error executing tool fail" in asyncio.run(go("mcp__sums__fail", {}))
    assert "b" in asyncio.run(go("mcp__sums__add", {"a": 1}))


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (McpServer(command="no-such-program-anywhere"), "the MCP server 's' cannot be reached: "),
        (McpServer(), "the MCP server 's' has no command"),
        (McpServer(type="http"), "the MCP server 's' has no url"),
        (McpServer(type="http", url="http://127.0.0.1:9"), "the MCP server 's' cannot be reached"),
        (McpServer(command=sys.executable, args=("-c", "pass")), "cannot be reached"),
    ],
    ids=["missing", "no-command", "no-url", "nobody-there", "ends-at-once"],
)
def test_a_server_that_cannot_be_reached(server: McpServer, message: str) -> None:
    """The message names it and says why."""

    async def go() -> None:
        async with mcp_tools({"s": server}):
            pass

    with pytest.raises(ProviderError) as failure:
        asyncio.run(go())

    assert message in str(failure.value)
    assert not failure.value.retryable
