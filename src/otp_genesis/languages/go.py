"""What a Go file says: functions, methods by their receiver, types, interfaces, imports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from otp_genesis.languages.facts import Definition, FileFacts, Import, Kind
from otp_genesis.languages.parsing import Grammar, Scan, child, literal, named

if TYPE_CHECKING:
    from tree_sitter import Node

GRAMMAR = Grammar(
    "tree_sitter_go",
    """
    (package_clause) @package
    (import_spec) @import
    (function_declaration) @function
    (method_declaration) @method
    (source_file (type_declaration [(type_spec) (type_alias)] @type))
    (source_file (const_declaration (const_spec) @constant))
    """,
    frozenset({"identifier", "field_identifier", "type_identifier", "package_identifier"}),
)
_RECEIVER = re.compile(r"(\w+)\s*(?:\[[^\]]*\])?\s*,?\s*\)$")
_DIRECTIVE = re.compile(rb"//(go:\w+)")


def read(text: str, names: frozenset[str]) -> FileFacts:
    """Return the facts of a file, with the references to `names`."""
    return _Reader(GRAMMAR.scan(text)).facts(names)


class _Reader:
    def __init__(self, scan: Scan):
        self.scan = scan
        self.definitions: list[Definition] = []
        self.imports: list[Import] = []

    def facts(self, names: frozenset[str]) -> FileFacts:
        takes = {
            "package": self._package, "import": self._import, "function": self._function,
            "method": self._method, "type": self._type, "constant": self._constant,
        }  # fmt: skip
        for name, node in self.scan.nodes:
            takes[name](node)
        return FileFacts(
            "go",
            tuple(self.definitions),
            tuple(self.imports),
            references=self.scan.references(names),
            problem=self.scan.problem(),
        )

    def _package(self, node: Node) -> None:
        name = self.scan.text(child(node, "package_identifier"))
        self._add(node, name, "module", "package", end=node.end_byte, public=True)

    def _import(self, node: Node) -> None:
        path = literal(self.scan.text(node.child_by_field_name("path")))
        self.imports.append(Import("import", path, self.scan.line(node)))

    def _function(self, node: Node, kind: Kind = "function", owner: str = "") -> None:
        body = node.child_by_field_name("body")
        name = self.scan.text(node.child_by_field_name("name"))
        end = body.start_byte if body is not None else node.end_byte
        self._add(node, name, kind, "func", end=end, owner=owner)

    def _method(self, node: Node) -> None:
        receiver = self.scan.text(node.child_by_field_name("receiver"))
        match = _RECEIVER.search(receiver)
        self._function(node, "method", match[1] if match else receiver)

    def _type(self, node: Node) -> None:
        name = self.scan.text(node.child_by_field_name("name"))
        kind: Kind = "type"
        form, bases, members, end = "type", [], [], node.end_byte
        inner = node.child_by_field_name("type")
        if inner is not None and inner.type == "struct_type":
            kind, form, end = "class", "struct", inner.start_byte + len("struct")
            fields = child(inner, "field_declaration_list")
            for one in named(fields):
                if one.child_by_field_name("name") is None:
                    bases.append(self.scan.text(one.child_by_field_name("type")))
        elif inner is not None and inner.type == "interface_type":
            kind, form, end = "interface", "interface", inner.start_byte + len("interface")
            for one in named(inner):
                if one.type == "method_elem":
                    members.append(self.scan.text(one.child_by_field_name("name")))
                else:
                    bases.append(self.scan.text(one))
        self._add(node, name, kind, form, end=end, bases=tuple(bases), members=tuple(members))

    def _constant(self, node: Node) -> None:
        for name in node.children_by_field_name("name"):
            if name.type == "identifier":
                self._add(node, self.scan.text(name), "constant", "const", end=node.end_byte)

    def _add(
        self,
        node: Node,
        name: str,
        kind: Kind,
        form: str,
        *,
        end: int,
        owner: str = "",
        public: bool | None = None,
        bases: tuple[str, ...] = (),
        members: tuple[str, ...] = (),
    ) -> None:
        self.definitions.append(
            Definition(
                name,
                kind,
                form,
                self.scan.line(node),
                self.scan.last_line(node),
                self.scan.signature(node.start_byte, end),
                public=name[:1].isupper() if public is None else public,
                owner=owner,
                marks=self._directives(node.start_byte),
                bases=bases,
                members=members,
            )
        )

    def _directives(self, start: int) -> tuple[str, ...]:
        """Return the `//go:…` comments right before an offset."""
        found: list[str] = []
        data, end = self.scan.data, self.scan.data.rfind(b"\n", 0, start)
        while end > 0:
            begin = data.rfind(b"\n", 0, end) + 1
            if not data.startswith(b"//", begin):
                break
            if match := _DIRECTIVE.match(data, begin):
                found.append(match[1].decode())
            end = begin - 1
        return tuple(reversed(found))
