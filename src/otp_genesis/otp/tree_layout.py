"""Where the boxes of a drawn tree stand: a row each, indented by depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from otp_genesis.otp.tree import App, Node, Tree
from otp_genesis.otp.tree_findings import counted, counts
from otp_genesis.otp.tree_words import (
    app_title,
    circumstances,
    details,
    kind_words,
    unsaid_words,
)

CHARACTER = 7.25
"""The width of a character of the drawing's font, which has one width for all."""
LONGEST = 110
"""How many characters a line of a box may have."""
HEIGHT, GAP, INDENT, MARGIN = 40, 10, 32, 20
PADDING = 12


@dataclass(frozen=True)
class Heading:
    """A line of text between trees."""

    text: str
    y: int


@dataclass(frozen=True)
class Box:
    """One node, where it stands, and what is written in it."""

    node: Node
    x: int
    y: int
    width: int
    title: str
    text: str
    badge: str
    tip: str
    """What is written in it, uncut, and the places in the source."""
    above: tuple[int, int] | None
    """The left lower corner of the box above it."""


@dataclass(frozen=True)
class Layout:
    """Everything that is drawn, and the size of the drawing."""

    headings: tuple[Heading, ...]
    boxes: tuple[Box, ...]
    width: int
    height: int


class _Rows:
    def __init__(self) -> None:
        self.headings: list[Heading] = []
        self.boxes: list[Box] = []
        self.y = MARGIN

    def heading(self, text: str) -> None:
        """Add a line of text."""
        self.headings.append(Heading(_cut(text), self.y + 18))
        self.y += 32

    def tree(self, node: Node, more: str = "") -> None:
        """Add a node and all below it."""
        stack: list[tuple[Node, int, tuple[int, int] | None]] = [(node, 0, None)]
        while stack:
            found, depth, above = stack.pop()
            box = _box(found, depth, self.y, above, more if found is node else "")
            self.boxes.append(box)
            self.y += HEIGHT + GAP
            foot = (box.x, box.y + HEIGHT)
            stack += [(child, depth + 1, foot) for child in reversed(found.children)]
        self.y += GAP


def layout(tree: Tree) -> Layout:
    """Return where everything stands; the same for the same tree."""
    rows = _Rows()
    for app in tree.apps:
        for text in _intro(app, titled=len(tree.apps) > 1):
            rows.heading(text)
        if app.root is not None:
            rows.tree(app.root)
        if app.unplaced:
            rows.heading("under supervisors that the tree does not hold")
        for node in app.unplaced:
            rows.tree(node)
        if app.outside:
            rows.heading("not in the tree")
        for one in app.outside:
            hand = ", ".join(map(str, one.started))
            rows.tree(one.node, f"started by hand at {hand}" if hand else "")
        if app.elsewhere:
            rows.heading(f"findings in modules that are no process here: {counted(app.elsewhere)}")
    for lost in tree.unparsed:
        rows.heading(f"{lost.file}: not read: {lost.reason}")
    right = [box.x + box.width for box in rows.boxes]
    right += [MARGIN + _width(heading.text) for heading in rows.headings]
    width = max(right, default=200) + MARGIN
    return Layout(tuple(rows.headings), tuple(rows.boxes), width, rows.y + MARGIN)


def _intro(app: App, *, titled: bool) -> Iterator[str]:
    if titled:
        yield app_title(app)
    if app.note:
        yield app.note


def _box(node: Node, depth: int, y: int, above: tuple[int, int] | None, more: str) -> Box:
    around = [*circumstances(node), *unsaid_words(node)]
    told = [", ".join([kind_words(node), *details(node)]), *around, *([more] if more else [])]
    whole = " · ".join(told)
    title, text, badge = _cut(node.label), _cut(whole), counts(node)
    tip = f"{node.label}\n{whole}\n{', '.join(map(str, node.at))}"
    first = len(title) + (len(badge) + 3 if badge else 0)
    width = max(_width("x" * first), _width(text)) + 2 * PADDING
    return Box(node, MARGIN + depth * INDENT, y, width, title, text, badge, tip, above)


def _width(text: str) -> int:
    return round(len(text) * CHARACTER)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
