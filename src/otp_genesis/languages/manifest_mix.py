"""The dependencies in a `mix.exs`, read and not run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from otp_genesis.languages.parsing import Grammar, Scan, literal, named

if TYPE_CHECKING:
    from tree_sitter import Node

GRAMMAR = Grammar(
    "tree_sitter_elixir",
    """
    ((call target: (identifier) @_word) @function (#any-of? @_word "def" "defp"))
    (pair) @pair
    (tuple) @tuple
    """,
    frozenset(),
)
_DEPS = re.compile(r"defp?\s+\w*deps\b")
_GROUPS = ("dev", "test", "docs")


def mix_dependencies(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, version and group of each tuple in a function `…deps`, or below `deps:`."""
    scan = GRAMMAR.scan(text)
    holding = [node for name, node in scan.nodes if _holds(name, scan, node)]
    spans = [(node.start_byte, node.end_byte) for node in holding]
    passed = 0
    for name, node in scan.nodes:
        if name != "tuple" or node.start_byte < passed:
            continue
        if not any(start <= node.start_byte < end for start, end in spans):
            continue
        parts = named(node)
        if len(parts) > 1 and parts[0].type == "atom":
            passed = node.end_byte
            yield scan.text(parts[0]).lstrip(":"), _version(scan, parts), _group(scan, parts)


def _holds(name: str, scan: Scan, node: Node) -> bool:
    text = scan.text(node)
    if name == "pair":
        return text.startswith("deps:") and "[" in text
    return name == "function" and _DEPS.match(text) is not None


def _version(scan: Scan, parts: list[Node]) -> str:
    if parts[1].type == "string":
        return literal(scan.text(parts[1]))
    for pair in named(parts[1]):
        key = scan.text(pair.child_by_field_name("key")).strip().rstrip(":")
        if key in ("path", "git", "github", "in_umbrella"):
            return literal(scan.text(pair.child_by_field_name("value")))
    return ""


def _group(scan: Scan, parts: list[Node]) -> str:
    for pair in (one for part in parts[1:] for one in named(part) if part.type == "keywords"):
        key = scan.text(pair.child_by_field_name("key")).strip().rstrip(":")
        if key == "only":
            value = scan.text(pair.child_by_field_name("value"))
            return next((group for group in _GROUPS if f":{group}" in value), "runtime")
    return "runtime"
