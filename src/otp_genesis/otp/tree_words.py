"""What text and pictures say of a node."""

from __future__ import annotations

from otp_genesis.otp.tree import App, Node

PICTURED = frozenset({"children", "module", "spec", "strategy"})


def kind_words(node: Node) -> str:
    """Return a node's kind, and its module where the node is called by its name."""
    kind = node.kind.replace("_", " ")
    foreign = node.is_code or node.started_by is not None
    if node.module and node.label != node.module and node.defined and not foreign:
        return f"{kind} ({node.module})"
    return kind


def details(node: Node) -> list[str]:
    """Return how a node restarts, and is restarted, as the source says it."""
    told = []
    if node.name and node.name not in (node.label, node.module):
        told.append(f"name {node.name}")
    if node.strategy:
        told.append(node.strategy)
    if node.strategy and node.max_restarts is not None and node.max_seconds is not None:
        told.append(f"{node.max_restarts} in {node.max_seconds} s")
    if node.restart and node.restart != "permanent":
        told.append(node.restart)
    return told


def circumstances(node: Node) -> list[str]:
    """Return when, how often and by whom a node is started, where that is not once, always."""
    told = list(node.conditions)
    if node.repeated:
        told.append(f"for each of {node.repeated}")
    if node.under:
        told.append(f"under {node.under}")
    return told


def unsaid_words(node: Node) -> list[str]:
    """Return what the source does not say of a node, as far as it changes the picture."""
    if node.module is None and node.unsaid:
        return [node.unsaid[0].why]
    return [
        f"{one.what} not said: {one.why}: {one.code}" for one in node.unsaid if one.what in PICTURED
    ]


def app_title(app: App) -> str:
    """Return the heading of one application of several."""
    return app.folder.rstrip("/") or "the project"
