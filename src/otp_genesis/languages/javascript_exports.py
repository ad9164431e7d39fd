"""What a JavaScript file exports, by `export` or by `module.exports`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otp_genesis.languages.facts import Export
from otp_genesis.languages.parsing import Scan, child, literal, named

if TYPE_CHECKING:
    from tree_sitter import Node


class Exports:
    """Gathers the exports of one file."""

    def __init__(self, scan: Scan):
        self.scan = scan
        self.found: dict[tuple[str, str], Export] = {}

    def all(self) -> list[Export]:
        """Return what was gathered."""
        return list(self.found.values())

    def _add(self, name: str, node: Node, source: str = "", local: str = "") -> None:
        if name:
            told = Export(name, self.scan.line(node), source, "" if local == name else local)
            self.found.setdefault((name, source), told)

    def stated(self, node: Node) -> None:
        """Read an `export` statement."""
        source = literal(self.scan.text(node.child_by_field_name("source")))
        clause = child(node, "export_clause")
        declaration = node.child_by_field_name("declaration")
        namespace = child(node, "namespace_export")
        if child(node, "default") is not None:
            value = declaration if declaration is not None else node.child_by_field_name("value")
            self._add("default", node, local=self._name(value))
        elif clause is not None:
            for one in named(clause):
                local = self.scan.text(one.child_by_field_name("name"))
                alias = self.scan.text(one.child_by_field_name("alias"))
                self._add(literal(alias or local), one, source, local)
        elif namespace is not None:
            self._add(self.scan.text(next(iter(named(namespace)), None)), node, source)
        elif source:
            self._add("*", node, source)
        elif declaration is not None:
            self._declared(declaration, node)
        elif child(node, "=") is not None:
            self._add("default", node, local=self._name(next(iter(named(node)), None)))

    def _name(self, node: Node | None) -> str:
        if node is None:
            return ""
        if node.type == "identifier":
            return self.scan.text(node)
        return self.scan.text(node.child_by_field_name("name"))

    def _declared(self, declaration: Node, node: Node) -> None:
        if declaration.type == "ambient_declaration":
            declaration = next(iter(named(declaration)), declaration)
        if declaration.type not in ("lexical_declaration", "variable_declaration"):
            self._add(literal(self.scan.text(declaration.child_by_field_name("name"))), node)
            return
        for one in named(declaration):
            name = one.child_by_field_name("name")
            if name is not None and name.type == "identifier":
                self._add(self.scan.text(name), one)
            elif name is not None:
                for part in named(name):
                    value = part.child_by_field_name("value")
                    self._add(self.scan.text(value if value is not None else part), one)

    def assigned(self, node: Node, left: Node, right: Node) -> None:
        """Read an assignment to `exports.NAME`, `module.exports` or `module.exports.NAME`."""
        target = self.scan.text(left)
        if target == "module.exports":
            if right.type == "object":
                self._properties(right)
            else:
                self._add("default", node, local=self._name(right))
            return
        owner, _, name = target.rpartition(".")
        if owner in ("exports", "module.exports") and name.isidentifier():
            self._add(name, node, local=self._name(right))

    def _properties(self, right: Node) -> None:
        for one in named(right):
            if one.type == "shorthand_property_identifier":
                self._add(self.scan.text(one), one)
            elif one.type == "pair":
                value = one.child_by_field_name("value")
                name = literal(self.scan.text(one.child_by_field_name("key")))
                self._add(name, one, local=self._name(value) if value is not None else "")
            elif one.type == "method_definition":
                self._add(self.scan.text(one.child_by_field_name("name")), one)
