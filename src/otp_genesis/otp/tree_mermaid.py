"""A supervision tree as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from otp_genesis.otp.tree import SUPERVISORS, App, Node, Tree
from otp_genesis.otp.tree_findings import counts, worst
from otp_genesis.otp.tree_words import (
    app_title,
    circumstances,
    details,
    kind_words,
    unsaid_words,
)

STYLES = (
    "classDef supervisor fill:#e8f0fe,stroke:#1a56b0,color:#10243e",
    "classDef worker fill:#f6f6f6,stroke:#777777,color:#222222",
    "classDef unknown fill:#ffffff,stroke:#999999,color:#555555,stroke-dasharray:4 3",
    "classDef critical stroke:#c0392b,stroke-width:3px",
    "classDef high stroke:#c0392b,stroke-width:2px",
    "classDef medium stroke:#b9770e,stroke-width:2px",
)
ESCAPES = str.maketrans(
    {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;"}
    # `%%{` would begin a directive, wherever it stands.
    | {"{": "#123;", "}": "#125;", "\n": " "}
)


def tree_mermaid(tree: Tree) -> str:
    """Return the flowchart, from top to bottom."""
    writer = _Writer()
    lines = ["flowchart TD"]
    for app in tree.apps:
        lines += writer.app(app, titled=len(tree.apps) > 1)
    lines += [f"  {style}" for style in STYLES]
    lost_files = [f"{lost.file}: not read: {lost.reason}" for lost in tree.unparsed]
    lines += [f"  %% {escaped(told)}" for told in lost_files]
    return "\n".join(lines)


class _Writer:
    def __init__(self) -> None:
        self._ids = count(1)

    def app(self, app: App, *, titled: bool) -> Iterator[str]:
        """Yield the lines of one application."""
        title = f"{app_title(app)}: " if titled else ""
        if app.note:
            yield f'  n{next(self._ids)}["{escaped(title + app.note)}"]:::unknown'
        if app.root is not None:
            yield from self._group(app_title(app), [app.root]) if titled else self.node(app.root)
        if app.unplaced:
            told = f"{title}under supervisors that the tree does not hold"
            yield from self._group(told, app.unplaced)
        if app.outside:
            yield from self._group(f"{title}not in the tree", [one.node for one in app.outside])

    def _group(self, title: str, nodes: list[Node] | tuple[Node, ...]) -> Iterator[str]:
        yield f'  subgraph g{next(self._ids)}["{escaped(title)}"]'
        for node in nodes:
            yield from (f"  {line}" for line in self.node(node))
        yield "  end"

    def node(self, node: Node, above: str | None = None) -> Iterator[str]:
        """Yield a node, the edge that leads to it, and all below it."""
        name = f"n{next(self._ids)}"
        yield f'  {name}["{_label(node)}"]:::{_style(node)}'
        if (grave := worst(node)) in ("critical", "high", "medium"):
            yield f"  class {name} {grave}"
        if above is not None:
            when = escaped("; ".join(circumstances(node)))
            arrow = "-.->" if node.dynamic or node.conditions else "-->"
            told = f'|"{when}"|' if when else ""
            yield f"  {above} {arrow}{told} {name}"
        for child in node.children:
            yield from self.node(child, name)


def _label(node: Node) -> str:
    lines = [node.label, ", ".join([kind_words(node), *details(node)]), *unsaid_words(node)]
    lines += [counts(node)] if node.findings else []
    return "<br/>".join(escaped(line) for line in lines)


def _style(node: Node) -> str:
    if node.kind in SUPERVISORS or node.kind == "application":
        return "supervisor"
    return "unknown" if node.kind == "unknown" else "worker"


def escaped(text: str) -> str:
    """Return text that stands in a quoted label as it is."""
    return text.translate(ESCAPES)
