"""`genesis mcp`: a project as tools for an agent elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mcp(
    project: Annotated[Path, typer.Option(help="The folder of a mix project.")] = Path(),
) -> None:
    """Serve a project's tools over the Model Context Protocol, on stdin and stdout."""
    from otp_genesis.mcp_server import project_server

    project_server(project).run(transport="stdio")
