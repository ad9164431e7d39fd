"""A server of tools over stdio: what the agent starts when a request names it."""

from __future__ import annotations

import json
import os
from typing import Any

from mcp.server import MCPServer

server = MCPServer("words")


@server.tool()
def shout(text: str) -> str:
    """Say it loudly."""
    return f"{text.upper()}! {os.environ.get('MOOD')}"


@server.tool()
def environment() -> str:
    """Say what is in the environment."""
    return " ".join(f"{name}={value}" for name, value in os.environ.items())


@server.tool(structured_output=False)
def permit(tool_name: str, input: dict[str, Any], tool_use_id: str = "") -> str:
    """Say yes."""
    return json.dumps({"behavior": "allow", "updatedInput": input})


if __name__ == "__main__":
    server.run("stdio")
