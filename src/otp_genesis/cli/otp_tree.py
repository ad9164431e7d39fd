"""`genesis otp tree`: the supervision tree of a project, with the findings on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from otp_genesis.cli.colours import coloured
from otp_genesis.cli.opened import PLUGINS
from otp_genesis.cli.rules_in_use import rules_in_use

if TYPE_CHECKING:
    from otp_genesis.otp.project import Project
    from otp_genesis.otp.tree import Tree

Format = Literal["text", "mermaid", "svg", "html", "json"]


def tree(
    path: Annotated[Path, typer.Argument(help="The folder of a mix project.")],
    output: Annotated[Format, typer.Option("--format", help="How to print.")] = "text",
    jobs: Annotated[int, typer.Option(min=1, help="Processes that read files.")] = 1,
    plugins: PLUGINS = None,
) -> None:
    """Draw the supervision tree with the findings on it; needs no Elixir and changes nothing."""
    from otp_genesis.otp.project import Project
    from otp_genesis.otp.scan import scan
    from otp_genesis.otp.tree_findings import with_findings
    from otp_genesis.otp.tree_reading import supervision_tree
    from otp_genesis.otp.vocabulary import vocabulary_of

    known = rules_in_use(plugins)
    project = Project.read(path, jobs, vocabulary_of(known))
    findings = scan(project, known).findings
    found = with_findings(supervision_tree(project), findings, project)
    print(_printed(output, found, project, path.resolve().name))


def _printed(output: Format, found: Tree, project: Project, name: str) -> str:
    from otp_genesis.otp.conversations import conversations
    from otp_genesis.otp.tree_html import tree_page
    from otp_genesis.otp.tree_json import tree_json
    from otp_genesis.otp.tree_mermaid import tree_mermaid
    from otp_genesis.otp.tree_svg import tree_svg
    from otp_genesis.otp.tree_text import tree_text

    match output:
        case "json":
            return tree_json(found, conversations(project))
        case "mermaid":
            return tree_mermaid(found)
        case "svg":
            return tree_svg(found)
        case "html":
            return tree_page(found, project, name)
    return tree_text(found, colour=coloured())
