"""A supervision tree as one self-contained page, with the findings below the drawing."""

from __future__ import annotations

from markupsafe import Markup

from otp_genesis.otp.html import page
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import SEVERITIES, Finding
from otp_genesis.otp.scan_html import code_frame
from otp_genesis.otp.tree import Tree
from otp_genesis.otp.tree_svg import tree_svg


def tree_page(tree: Tree, project: Project, name: str) -> str:
    """Return the page; everything that comes from the project is escaped."""
    found: dict[str, tuple[Finding, ...]] = {}
    for app in tree.apps:
        for node in app.nodes():
            if node.module is not None and node.findings:
                found[node.module] = node.findings
    elsewhere = [finding for app in tree.apps for finding in app.elsewhere]
    every = [*elsewhere, *(finding for findings in found.values() for finding in findings)]
    counts = {one: sum(1 for finding in every if finding.severity == one) for one in SEVERITIES}
    values = {
        "name": name,
        # The drawing escapes what it shows.
        "drawing": Markup(tree_svg(tree, linked=True)),
        "counts": counts,
        "groups": [*found.items(), ("", tuple(elsewhere))],
        "frame": lambda finding: code_frame(project, finding.file, finding.line),
    }
    return page("tree.html.jinja", values)
