"""Puts the findings of a scan on the nodes of a tree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import SEVERITIES, Finding
from otp_genesis.otp.tree import App, Node, Tree


def with_findings(tree: Tree, findings: Iterable[Finding], project: Project) -> Tree:
    """Return the tree with each finding on every node of the module that it is in."""
    by_module: dict[str | None, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_module[finding.module].append(finding)
    shown = {node.module for app in tree.apps for node in app.nodes() if _takes(node)}
    loose = [
        finding for module, found in by_module.items() if module not in shown for finding in found
    ]
    return replace(tree, apps=tuple(_app(app, by_module, loose, project) for app in tree.apps))


def counts(node: Node) -> str:
    """Return how many findings of each severity a node has, empty for none."""
    return counted(node.findings)


def counted(findings: Iterable[Finding]) -> str:
    """Return how many findings there are of each severity, the gravest first."""
    found = Counter(finding.severity for finding in findings)
    return ", ".join(f"{found[one]} {one}" for one in SEVERITIES if found[one])


def worst(node: Node) -> str | None:
    """Return the gravest severity on a node."""
    found = {finding.severity for finding in node.findings}
    return next((one for one in SEVERITIES if one in found), None)


def _takes(node: Node) -> bool:
    return node.defined is not None and not (node.is_code or node.started_by)


def _app(
    app: App, found: Mapping[str | None, list[Finding]], loose: list[Finding], project: Project
) -> App:
    elsewhere = [one for one in loose if project.app_of(one.file) == app.folder]
    return replace(
        app,
        root=_node(app.root, found) if app.root is not None else None,
        unplaced=tuple(_node(node, found) for node in app.unplaced),
        outside=tuple(replace(one, node=_node(one.node, found)) for one in app.outside),
        elsewhere=tuple(sorted(elsewhere, key=lambda one: (one.file, one.line, one.column))),
    )


def _node(node: Node, found: Mapping[str | None, list[Finding]]) -> Node:
    mine = tuple(found.get(node.module, ())) if _takes(node) else ()
    below = tuple(_node(child, found) for child in node.children)
    return replace(node, findings=mine, children=below)
