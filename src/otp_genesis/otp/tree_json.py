"""A supervision tree as one JSON document, version 1."""

from __future__ import annotations

import json
from typing import Any

from otp_genesis.otp.conversations import Conversations, told
from otp_genesis.otp.tree import App, Node, Site, Tree

VERSION = 1


def tree_json(tree: Tree, said: Conversations | None = None) -> str:
    """Return the document; keys are only ever added within a version.

    With `said`, it tells who talks to whom, too.
    """
    document = {
        "version": VERSION,
        "apps": [_app(app) for app in tree.apps],
        "unparsed": [lost.model_dump(mode="json") for lost in tree.unparsed],
        **({"conversations": told(said)} if said is not None else {}),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _app(app: App) -> dict[str, Any]:
    return {
        "folder": app.folder,
        "application": app.root.module if app.root is not None else None,
        "note": app.note,
        "tree": _node(app.root) if app.root is not None else None,
        "unplaced": [_node(node) for node in app.unplaced],
        "outside": [
            {"node": _node(one.node), "started_by_hand": [_site(place) for place in one.started]}
            for one in app.outside
        ],
        "findings_elsewhere": [finding.model_dump(mode="json") for finding in app.elsewhere],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "label": node.label,
        "module": node.module,
        "kind": node.kind,
        "name": node.name,
        "id": node.id,
        "strategy": node.strategy,
        "max_restarts": node.max_restarts,
        "max_seconds": node.max_seconds,
        "restart": node.restart,
        "shutdown": node.shutdown,
        "function": node.function,
        "started_by": node.started_by,
        "at": [_site(place) for place in node.at],
        "defined": _site(node.defined) if node.defined is not None else None,
        "conditions": list(node.conditions),
        "repeated": node.repeated,
        "dynamic": node.dynamic,
        "under": node.under,
        "unsaid": [{"what": one.what, "why": one.why, "code": one.code} for one in node.unsaid],
        "findings": [finding.model_dump(mode="json") for finding in node.findings],
        "children": [_node(child) for child in node.children],
    }


def _site(site: Site) -> dict[str, Any]:
    return {"file": site.file, "line": site.line, "column": site.column}
