"""What a Python file says: functions, methods, classes, protocols, imports, `__all__`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from otp_genesis.languages.facts import Definition, Export, FileFacts, Import
from otp_genesis.languages.parsing import Frames, Grammar, Scan, named

if TYPE_CHECKING:
    from tree_sitter import Node

GRAMMAR = Grammar(
    "tree_sitter_python",
    """
    (function_definition) @function
    (class_definition) @class
    (decorator) @decorator
    (import_statement) @import
    (import_from_statement) @from
    (future_import_statement) @future
    (module (expression_statement (assignment left: (identifier)) @assignment))
    (module (expression_statement (augmented_assignment left: (identifier)) @assignment))
    """,
    frozenset({"identifier"}),
)
_GAP = re.compile(rb"(?:\s|#[^\n]*\n|\\\n)*(?:async\s+)?(?:def|class)?\s*")
_MARK = re.compile(r"@\s*([\w.]+)")
_ABSTRACT = frozenset({"Protocol", "ABC"})
_TEXT = re.compile(r"""(['"])(.*?)\1""")
_UPPER = re.compile(r"_*[A-Z][A-Z0-9_]*")


def read(text: str, names: frozenset[str]) -> FileFacts:
    """Return the facts of a file, with the references to `names`."""
    return _Reader(GRAMMAR.scan(text)).facts(names)


def _public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


class _Reader:
    def __init__(self, scan: Scan):
        self.scan, self.frames = scan, Frames()
        self.definitions: list[Definition] = []
        self.imports: list[Import] = []
        self.exports: list[Export] | None = None

    def facts(self, names: frozenset[str]) -> FileFacts:
        takes = {
            "function": self._function, "class": self._class, "decorator": self._decorator,
            "import": self._import, "from": self._from, "future": self._future,
            "assignment": self._assignment,
        }  # fmt: skip
        for name, node in self.scan.nodes:
            self.frames.at(node.start_byte)
            takes[name](node)
        return FileFacts(
            "python",
            tuple(self.definitions),
            tuple(self.imports),
            None if self.exports is None else tuple(self.exports),
            self.scan.references(names),
            self.scan.problem(),
        )

    def _decorator(self, node: Node) -> None:
        match = _MARK.match(self.scan.text(node))
        self.scan.mark(node, match[1] if match else self.scan.text(node).lstrip("@ "))

    def _function(self, node: Node) -> None:
        within = self.frames.nearest
        form = "async def" if self.scan.data.startswith(b"async", node.start_byte) else "def"
        self._define(node, "method" if within == "class" else "function", form)

    def _class(self, node: Node) -> None:
        bases = [self.scan.text(one) for one in named(node.child_by_field_name("superclasses"))]
        plain = tuple(one for one in bases if "=" not in one.partition("[")[0])
        abstract = {one.partition("[")[0].rpartition(".")[2] for one in plain} & _ABSTRACT
        metaclass = any(re.fullmatch(r"metaclass\s*=\s*([\w.]+\.)?ABCMeta", one) for one in bases)
        if abstract or metaclass:
            form = "Protocol" if "Protocol" in abstract else "ABC"
            self._add(node, "interface", form, plain)
        self._define(node, "class", "class", plain)

    def _define(self, node: Node, kind: str, form: str, bases: tuple[str, ...] = ()) -> None:
        name = self._add(node, kind, form, bases)
        inner = "class" if kind == "class" else "function"
        # What is in a function cannot be reached from outside.
        public = _public(name) and inner == "class"
        self.frames.enter(inner, name, node.end_byte, public=public)

    def _add(self, node: Node, kind: str, form: str, bases: tuple[str, ...]) -> str:
        name_node, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        name = self.scan.text(name_node)
        end = body.start_byte if body is not None else node.end_byte
        self.definitions.append(
            Definition(
                name,
                kind,  # type: ignore[arg-type]
                form,
                self.scan.line(node),
                self.scan.last_line(node),
                _without_comment(self.scan.signature(node.start_byte, end)),
                public=_public(name) and self.frames.public,
                owner=self.frames.owner,
                marks=self.scan.marks(node.start_byte, _GAP),
                bases=bases,
            )
        )
        return name

    def _import(self, node: Node) -> None:
        for one in named(node):
            target = one.child_by_field_name("name") if one.type == "aliased_import" else one
            self.imports.append(Import("import", self.scan.text(target), self.scan.line(node)))

    def _from(self, node: Node) -> None:
        module = node.child_by_field_name("module_name")
        names = [
            self.scan.text(one.child_by_field_name("name") if one.type == "aliased_import" else one)
            for one in node.children_by_field_name("name")
        ]
        target = re.sub(r"\s", "", self.scan.text(module))
        self.imports.append(Import("from", target, self.scan.line(node), tuple(names)))

    def _future(self, node: Node) -> None:
        self.imports.append(Import("from", "__future__", self.scan.line(node)))

    def _assignment(self, node: Node) -> None:
        name = self.scan.text(node.child_by_field_name("left"))
        if name == "__all__":
            right = self.scan.text(node.child_by_field_name("right"))
            found = [Export(match[2], self.scan.line(node)) for match in _TEXT.finditer(right)]
            self.exports = [*(self.exports or ()), *found]
        elif _UPPER.fullmatch(name) and node.type == "assignment":
            self.definitions.append(
                Definition(
                    name,
                    "constant",
                    "constant",
                    self.scan.line(node),
                    self.scan.last_line(node),
                    self.scan.signature(node.start_byte, node.end_byte),
                    public=_public(name),
                )
            )


def _without_comment(signature: str) -> str:
    return signature.partition(": #")[0].rstrip(": ") if signature else signature
