"""A supervision tree as an SVG drawing that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from otp_genesis.otp.tree import SUPERVISORS, Node, Tree
from otp_genesis.otp.tree_findings import worst
from otp_genesis.otp.tree_layout import CHARACTER, HEIGHT, MARGIN, PADDING, Box, Layout, layout

STYLE = """\
text { font: 12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1d2733; }
.title { font-weight: 700; } .more { fill: #5b6676; } .heading { font-weight: 700; fill: #444; }
rect { fill: #f7f7f7; stroke: #8a8f98; } .supervisor rect { fill: #e8f0fe; stroke: #1a56b0; }
.unknown rect { fill: #fff; stroke-dasharray: 4 3; }
path { fill: none; stroke: #9aa3af; shape-rendering: crispEdges; }
.dynamic path { stroke-dasharray: 4 3; }
.critical, .high { fill: #c0392b; } .medium { fill: #b9770e; } .low, .info { fill: #5b6676; }"""
BAR = 5
"""The width of the bar that shows the gravest finding."""


def tree_svg(tree: Tree, *, linked: bool = False) -> str:
    """Return the drawing; with `linked` each module with findings leads to them on its page."""
    return "\n".join(_lines(layout(tree), linked))


def _lines(drawn: Layout, linked: bool) -> Iterator[str]:
    size = f'width="{drawn.width}" height="{drawn.height}"'
    view = f'viewBox="0 0 {drawn.width} {drawn.height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} role="img">'
    yield "<title>Supervision tree</title>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect width="{drawn.width}" height="{drawn.height}" style="fill:#fff;stroke:none"/>'
    for heading in drawn.headings:
        yield _text(MARGIN, heading.y, heading.text, "heading")
    for box in drawn.boxes:
        link = linked and box.node.findings and box.node.module is not None
        yield f"<a href={quoteattr(f'#{box.node.module}')}>" if link else "<g>"
        yield from _box(box)
        yield "</a>" if link else "</g>"
    yield "</svg>"


def _box(box: Box) -> Iterator[str]:
    classes = [_style(box.node), *(["dynamic"] if box.node.dynamic else [])]
    yield f'<g class="{" ".join(classes)}">'
    yield f"<title>{escape(box.tip)}</title>"
    if box.above is not None:
        x, y = box.above
        middle = box.y + HEIGHT // 2
        yield f'<path d="M{x + 14} {y}V{middle}H{box.x}"/>'
    place = f'x="{box.x}" y="{box.y}" width="{box.width}" height="{HEIGHT}"'
    yield f'<rect {place} rx="5"/>'
    grave = worst(box.node)
    yield _text(box.x + PADDING, box.y + 16, box.title, "title")
    yield _text(box.x + PADDING, box.y + 32, box.text, "more")
    yield "</g>"
    if grave is not None:
        # Outside the group above, whose boxes have a colour of their own.
        x, y = box.x, box.y
        yield f'<path class="{grave}" style="stroke:none;fill:{_colour(grave)}" d="{_bar(x, y)}"/>'
        right = box.x + PADDING + round((len(box.title) + 3) * CHARACTER)
        yield _text(right, box.y + 16, box.badge, grave)


def _bar(x: int, y: int) -> str:
    return f"M{x} {y + 3}h{BAR}v{HEIGHT - 6}h-{BAR}z"


def _colour(severity: str) -> str:
    return {"critical": "#c0392b", "high": "#c0392b", "medium": "#b9770e"}.get(severity, "#5b6676")


def _style(node: Node) -> str:
    if node.kind in SUPERVISORS or node.kind == "application":
        return "supervisor"
    return "unknown" if node.kind == "unknown" else "worker"


def _text(x: int, y: int, text: str, style: str) -> str:
    return f'<text x="{x}" y="{y}" class="{style}">{escape(text)}</text>'
