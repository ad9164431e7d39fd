"""A supervision tree for a terminal, in box drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from otp_genesis.otp.tree import App, Node, Outside, Tree
from otp_genesis.otp.tree_findings import counted, counts, worst
from otp_genesis.otp.tree_words import (
    app_title,
    circumstances,
    details,
    kind_words,
    unsaid_words,
)

COLOURS = {"critical": 31, "high": 31, "medium": 33, "low": 36, "info": 90}
BOLD, GREY = 1, 90


def tree_text(tree: Tree, *, colour: bool) -> str:
    """Return the trees, what is in none, and how many findings sit where."""
    painter = _Painter(colour)
    lines: list[str] = []
    for app in tree.apps:
        if lines:
            lines.append("")
        if len(tree.apps) > 1:
            lines.append(painter.paint(app_title(app), BOLD))
        lines += painter.app(app)
    lines += [f"{lost.file}: not read: {lost.reason}" for lost in tree.unparsed]
    return "\n".join(lines)


class _Painter:
    def __init__(self, colour: bool):
        self.colour = colour

    def paint(self, text: str, code: int) -> str:
        """Return `text` in a colour, where colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def app(self, app: App) -> Iterator[str]:
        """Yield the lines of one application."""
        if app.note:
            yield app.note
        if app.root is not None:
            yield from self.branch(app.root)
        if app.unplaced:
            yield from ("", "under supervisors that the tree does not hold:")
            yield from self.branches(app.unplaced, "")
        if app.outside:
            yield from ("", "not in the tree:")
            for at, one in enumerate(app.outside):
                yield from self.outside(one, at == len(app.outside) - 1)
        if app.elsewhere:
            yield from ("", f"findings in modules that are no process here: {told(app)}")

    def outside(self, one: Outside, is_last: bool) -> Iterator[str]:
        """Yield the lines of a process that is in no tree."""
        stem, below = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        hand = [f"started by hand at {place}" for place in one.started]
        lines = list(self.branch(one.node, "; ".join(hand)))
        yield f"{stem}{lines[0]}"
        yield from (f"{below}{line}" for line in lines[1:])

    def branch(self, node: Node, more: str = "") -> Iterator[str]:
        """Yield the line of a node and those of all below it."""
        yield self.line(node, more)
        yield from self.branches(node.children, "")

    def branches(self, nodes: Sequence[Node], indent: str) -> Iterator[str]:
        """Yield the lines of nodes that stand side by side."""
        for at, node in enumerate(nodes):
            is_last = at == len(nodes) - 1
            bar = "╌" if node.dynamic else "─"
            yield f"{indent}{'└' if is_last else '├'}{bar} {self.line(node)}"
            yield from self.branches(node.children, indent + ("   " if is_last else "│  "))

    def line(self, node: Node, more: str = "") -> str:
        """Return the line of one node."""
        parts = [self.paint(node.label, BOLD), ", ".join([kind_words(node), *details(node)])]
        around = [*circumstances(node), *unsaid_words(node)]
        parts += [self.paint(f"[{text}]", GREY) for text in around]
        parts += [more] if more else []
        parts.append(self.paint(places(node), GREY))
        if grave := worst(node):
            parts.append(self.paint(f"! {counts(node)}", COLOURS[grave]))
        return "  ".join(part for part in parts if part)


def places(node: Node) -> str:
    """Return the first place of a node, and how many more there are."""
    more = f" and {len(node.at) - 1} more" if len(node.at) > 1 else ""
    return f"{node.at[0]}{more}"


def told(app: App) -> str:
    """Return how many findings sit on no node."""
    return counted(app.elsewhere)
