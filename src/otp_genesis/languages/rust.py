"""What a Rust file says: functions, impl blocks, traits, structs, macros, modules, uses."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from otp_genesis.languages.facts import Definition, Export, FileFacts, Import, Kind
from otp_genesis.languages.parsing import Frames, Grammar, Scan, child, named

if TYPE_CHECKING:
    from tree_sitter import Node

_ITEMS: dict[str, tuple[Kind, str]] = {
    "struct_item": ("class", "struct"),
    "enum_item": ("class", "enum"),
    "union_item": ("class", "union"),
    "trait_item": ("interface", "trait"),
    "type_item": ("type", "type"),
    "const_item": ("constant", "const"),
    "static_item": ("constant", "static"),
    "macro_definition": ("macro", "macro_rules"),
    "mod_item": ("module", "mod"),
}
GRAMMAR = Grammar(
    "tree_sitter_rust",
    f"""
    [(function_item) (function_signature_item)] @function
    [{" ".join(f"({name})" for name in _ITEMS)}] @item
    (impl_item) @impl
    (attribute_item) @attribute
    (use_declaration) @use
    (extern_crate_declaration) @crate
    (scoped_identifier path: [(crate) (super) (self)]) @path
    (scoped_type_identifier path: [(crate) (super) (self)]) @path
    """,
    frozenset({"identifier", "type_identifier", "field_identifier"}),
)
_GAP = re.compile(rb"(?:\s|//[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
_PATH = re.compile(rb"\w+(?:::\w+)*")
_HEAD = re.compile(r"#\s*\[\s*(?:unsafe\s*\(\s*)?([\w:]+)")
_GENERIC = re.compile(r"<.*", re.DOTALL)
_PUBLIC = re.compile(r"pub(?!\s*\()")
_GIVEN_PATH = re.compile(r'path\s*=\s*"([^"]*)"')
_BLANKS = re.compile(r"\s+")
_GIVEN = "file:"


def read(text: str, names: frozenset[str]) -> FileFacts:
    """Return the facts of a file, with the references to `names`."""
    return _Reader(GRAMMAR.scan(text)).facts(names)


class _Reader:
    def __init__(self, scan: Scan):
        self.scan, self.frames = scan, Frames()
        self.definitions: list[Definition] = []
        self.imports: dict[tuple[str, str], Import] = {}
        self.passed_on: list[Export] = []
        self.traits: dict[str, list[str]] = defaultdict(list)
        self.given_path = ""
        self.passed = 0

    def facts(self, names: frozenset[str]) -> FileFacts:
        takes = {
            "function": self._function, "item": self._item, "impl": self._impl,
            "attribute": self._attribute, "use": self._use, "crate": self._crate,
            "path": self._path,
        }  # fmt: skip
        for name, node in self.scan.nodes:
            self.frames.at(node.start_byte)
            takes[name](node)
        return FileFacts(
            "rust",
            tuple(self._with_traits(one) for one in self.definitions),
            tuple(self.imports.values()),
            tuple(self._exports()),
            self.scan.references(names),
            self.scan.problem(),
        )

    def _with_traits(self, one: Definition) -> Definition:
        if one.kind != "class" or one.name not in self.traits:
            return one
        return replace(one, bases=(*one.bases, *self.traits[one.name]))

    def _exports(self) -> list[Export]:
        kinds = ("method",)
        own = [
            Export(one.full, one.line)
            for one in self.definitions
            if one.public and one.kind not in kinds
        ]
        return [*own, *self.passed_on]

    def _attribute(self, node: Node) -> None:
        text = self.scan.text(node)
        if match := _HEAD.match(text):
            self.scan.mark(node, match[1])
        if given := _GIVEN_PATH.search(text):
            self.given_path = given[1]

    def _function(self, node: Node) -> None:
        name = self.scan.text(node.child_by_field_name("name"))
        within = self.frames.nearest
        method = within in ("impl", "trait impl", "trait")
        public = self._is_public(node) or within in ("trait impl", "trait")
        self._add(node, name, "method" if method else "function", "fn", public)
        self.frames.enter("function", name, node.end_byte, public=False)

    def _item(self, node: Node) -> None:
        kind, form = _ITEMS[node.type]
        name = self.scan.text(node.child_by_field_name("name"))
        public = self._is_public(node)
        if form == "macro_rules":
            public = "macro_export" in self.scan.marks(node.start_byte, _GAP)
        bases = [self.scan.text(one) for one in named(node.child_by_field_name("bounds"))]
        members: list[str] = []
        body = node.child_by_field_name("body")
        if form == "trait":
            signatures = [one for one in named(body) if one.type == "function_signature_item"]
            members = [self.scan.text(one.child_by_field_name("name")) for one in signatures]
        self._add(node, name, kind, form, public, tuple(bases), tuple(members))
        if form == "mod" and body is None:
            self._declared(node, name)
        if form in ("mod", "trait"):
            self.frames.enter(form, name, node.end_byte, public=public)

    def _declared(self, node: Node, name: str) -> None:
        inline = self._inline()
        if self.given_path:
            self._note("mod", f"self::{_GIVEN}{self.given_path}", node)
            self.given_path = ""
        else:
            self._note("mod", "::".join(("self", *inline, name)), node)

    def _impl(self, node: Node) -> None:
        target = self._plain(node.child_by_field_name("type"))
        trait = node.child_by_field_name("trait")
        if trait is not None:
            self.traits[target].append(self._plain(trait))
        self.frames.enter("trait impl" if trait is not None else "impl", target, node.end_byte)

    def _plain(self, node: Node | None) -> str:
        """Return the name of a type without its parameters and its path."""
        return _GENERIC.sub("", self.scan.text(node)).rpartition("::")[2].strip("& ")

    def _is_public(self, node: Node) -> bool:
        return bool(_PUBLIC.match(self.scan.text(child(node, "visibility_modifier"))))

    def _add(
        self,
        node: Node,
        name: str,
        kind: Kind,
        form: str,
        public: bool,
        bases: tuple[str, ...] = (),
        members: tuple[str, ...] = (),
    ) -> None:
        body = node.child_by_field_name("body")
        if form == "macro_rules":
            body = child(node, "macro_rule") or body
        end = body.start_byte if body is not None else node.end_byte
        self.definitions.append(
            Definition(
                name,
                kind,
                form,
                self.scan.line(node),
                self.scan.last_line(node),
                self.scan.signature(node.start_byte, end).rstrip("{; "),
                public=public and self.frames.public,
                owner=self.frames.owner,
                marks=self.scan.marks(node.start_byte, _GAP),
                bases=bases,
                members=members,
            )
        )

    def _inline(self) -> list[str]:
        """Return the modules of this file that are open."""
        return [frame.name for frame in self.frames.open if frame.kind == "mod"]

    def _from_file(self, path: str) -> str:
        """Return a path as it reads from the file's own module, whatever module of it is open."""
        inline = self._inline()
        parts = path.split("::")
        if parts[0] == "self":
            return "::".join(("self", *inline, *parts[1:]))
        while parts[0] == "super" and inline:
            inline.pop()
            parts = ["self", *inline, *parts[1:]] if parts[1:2] != ["super"] else parts[1:]
        return "::".join(parts)

    def _note(self, kind: str, target: str, node: Node) -> None:
        self.imports.setdefault((kind, target), Import(kind, target, self.scan.line(node)))

    def _crate(self, node: Node) -> None:
        self._note("extern crate", self.scan.text(node.child_by_field_name("name")), node)

    def _use(self, node: Node) -> None:
        self.passed = node.end_byte
        public = self._is_public(node)
        todo = [("", node.child_by_field_name("argument"))]
        while todo:
            before, tree = todo.pop()
            if tree is None:
                continue
            if tree.type == "use_list":
                todo += [(before, one) for one in reversed(named(tree))]
            elif tree.type == "scoped_use_list":
                path = self.scan.text(tree.child_by_field_name("path"))
                todo.append((_joined(before, path), tree.child_by_field_name("list")))
            else:
                self._used(before, tree, node, public)

    def _used(self, before: str, tree: Node, node: Node, public: bool) -> None:
        """Note one leaf of a `use`."""
        alias = self.scan.text(tree.child_by_field_name("alias"))
        path = tree.child_by_field_name("path") if tree.type == "use_as_clause" else tree
        written = _BLANKS.sub("", self.scan.text(path))
        whole = _joined(before, written.removesuffix("::*")).removesuffix("::self")
        target = self._from_file(whole)
        if not target or target == "*":
            return
        self._note("use", target, node)
        if public and self.frames.public:
            name = "*" if written.endswith("*") else alias or target.rpartition("::")[2]
            line = self.scan.line(node)
            self.passed_on.append(Export(name, line, target.rpartition("::")[0]))

    def _path(self, node: Node) -> None:
        if node.start_byte < self.passed:
            return
        match = _PATH.match(self.scan.data, node.start_byte)
        if match is not None:
            self._note("reference", self._from_file(match[0].decode()), node)


def _joined(before: str, path: str) -> str:
    if path == "*":
        return before
    return f"{before}::{path}" if before else path
