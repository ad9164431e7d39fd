"""What a JavaScript or TypeScript file says: functions, classes, types, imports, exports."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from otp_genesis.languages.facts import Definition, Export, FileFacts, Import, Kind
from otp_genesis.languages.javascript_exports import Exports
from otp_genesis.languages.parsing import Frames, Grammar, Scan, child, literal, named

if TYPE_CHECKING:
    from tree_sitter import Node

_FUNCTION = "[(arrow_function) (function_expression) (generator_function)]"
_BOTH = f"""
    [(function_declaration) (generator_function_declaration)] @function
    (method_definition) @method
    (variable_declarator name: (identifier) value: {_FUNCTION}) @variable
    (variable_declarator name: (identifier) value: (object)) @object
    (variable_declarator name: (identifier) value: (call_expression)) @called
    (pair key: (property_identifier) value: {_FUNCTION}) @pair
    (program [(lexical_declaration) (variable_declaration)] @constants)
    (program (export_statement [(lexical_declaration) (variable_declaration)] @constants))
    (assignment_expression left: (member_expression)) @assigned
    (class_declaration) @class
    (class) @class
    (export_statement) @export
    (import_statement) @import
    (call_expression function: (identifier) @require (#eq? @require "require"))
    (call_expression function: (import) @require)
    (decorator) @decorator
"""
_JSX = "[(jsx_element) (jsx_self_closing_element)] @jsx"
_JAVASCRIPT = f"{_BOTH} {_JSX} (field_definition property: (_) value: {_FUNCTION}) @field"
_TYPESCRIPT = f"""
    {_BOTH}
    (public_field_definition name: (_) value: {_FUNCTION}) @field
    (function_signature) @function
    (abstract_method_signature) @method
    (abstract_class_declaration) @class
    (interface_declaration) @interface
    (type_alias_declaration) @interface
    (enum_declaration) @enum
    [(internal_module) (module)] @namespace
"""
_NAMES = frozenset({
    "identifier", "property_identifier", "type_identifier", "shorthand_property_identifier",
    "shorthand_property_identifier_pattern", "private_property_identifier",
})  # fmt: skip
JAVASCRIPT = Grammar("tree_sitter_javascript", _JAVASCRIPT, _NAMES)
TYPESCRIPT = Grammar("tree_sitter_typescript", _TYPESCRIPT, _NAMES, "language_typescript")
TSX = Grammar("tree_sitter_typescript", f"{_TYPESCRIPT} {_JSX}", _NAMES, "language_tsx")
_GAP = re.compile(
    rb"(?:\s|//[^\n]*\n|/\*.*?\*/|\b(?:export|default|abstract|declare|async|static|public|private"
    rb"|protected|readonly|override|accessor|get|set|class|function)\b|\*)*",
    re.DOTALL,
)
_MARK = re.compile(r"@\s*([\w.$]+)")
_HIDDEN = re.compile(r"\b(?:private|protected)\b")
_UPPER = re.compile(r"[A-Z][A-Z0-9_]*")
_COMPONENT = re.compile(r"(?:React\.)?(?:Pure)?Component\b")


def read(text: str, names: frozenset[str]) -> FileFacts:
    """Return the facts of a JavaScript file, with the references to `names`."""
    return _Reader("javascript", JAVASCRIPT.scan(text)).facts(names)


def read_typescript(text: str, names: frozenset[str]) -> FileFacts:
    """Return the facts of a TypeScript file, with the references to `names`."""
    return _Reader("typescript", TYPESCRIPT.scan(text)).facts(names)


def read_tsx(text: str, names: frozenset[str]) -> FileFacts:
    """Return the facts of a TypeScript file with elements, with the references to `names`."""
    return _Reader("typescript", TSX.scan(text)).facts(names)


class _Reader:
    def __init__(self, language: str, scan: Scan):
        self.language, self.scan, self.frames = language, scan, Frames()
        self.exports = Exports(scan)
        self.definitions: list[Definition] = []
        self.spans: list[tuple[int, int]] = []
        self.imports: list[Import] = []
        self.elements: list[int] = []

    def facts(self, names: frozenset[str]) -> FileFacts:
        takes = {
            "function": self._function, "method": self._method, "variable": self._variable,
            "object": self._object, "called": self._called, "pair": self._pair,
            "constants": self._constants, "assigned": self._assigned, "class": self._class,
            "export": self._export, "import": self._import, "require": self._require,
            "field": self._field, "jsx": self._jsx,
            "interface": self._interface, "enum": self._enum, "namespace": self._namespace,
        }  # fmt: skip
        for name, node in self.scan.nodes:
            # A decorator may be within what it decorates, which comes first.
            if name == "decorator":
                self._decorator(node)
        for name, node in self.scan.nodes:
            self.frames.at(node.start_byte)
            if name != "decorator":
                takes[name](node)
        exported = self.exports.all()
        return FileFacts(
            self.language,
            tuple(self._finished(exported)),
            tuple(self.imports),
            tuple(exported),
            self.scan.references(names),
            self.scan.problem(),
        )

    def _finished(self, exported: list[Export]) -> list[Definition]:
        """Return the definitions, with what is known at the end of the file."""
        local = {one.local or one.name for one in exported if not one.source}
        found = []
        for one, (start, end) in zip(self.definitions, self.spans, strict=True):
            public = one.public
            if exported:
                top = one.owner.partition(".")[0] or one.name
                public = public and (top in local or (one.name == "default" and not one.owner))
            component = one.name[:1].isupper() and (
                any(start <= element < end for element in self.elements)
                or any(_COMPONENT.match(base) for base in one.bases)
            )
            members = one.members if one.kind == "interface" or component else ()
            found.append(replace(one, public=public, component=component, members=members))
        return [one for one in found if one.form != "value" or one.component]

    def _add(
        self,
        node: Node,
        name: str,
        kind: Kind,
        form: str,
        body: Node | None,
        *,
        public: bool = True,
        bases: tuple[str, ...] = (),
        members: tuple[str, ...] = (),
    ) -> None:
        end = body.start_byte if body is not None else node.end_byte
        self.spans.append((node.start_byte, node.end_byte))
        named_node = node.child_by_field_name("name")
        anchor = named_node.start_byte if named_node is not None else node.start_byte
        self.definitions.append(
            Definition(
                name,
                kind,
                form,
                self.scan.line(named_node if named_node is not None else node),
                self.scan.last_line(node),
                self.scan.signature(self._start(node), end).removesuffix("=>").rstrip("{; "),
                public=public and self.frames.public,
                owner=self.frames.owner,
                marks=self.scan.marks(anchor, _GAP),
                bases=bases,
                members=members,
            )
        )

    def _start(self, node: Node) -> int:
        """Return where a definition begins, after its decorators."""
        found = [one for one in node.children if one.type != "decorator"]
        return int(found[0].start_byte if found else node.start_byte)

    def _decorator(self, node: Node) -> None:
        match = _MARK.match(self.scan.text(node))
        if match is not None:
            self.scan.mark(node, match[1])

    def _jsx(self, node: Node) -> None:
        self.elements.append(node.start_byte)

    def _function(self, node: Node) -> None:
        name = self.scan.text(node.child_by_field_name("name"))
        form = "overload" if node.type == "function_signature" else "function"
        self._callable(node, node, name, "function", form)

    def _callable(self, node: Node, function: Node, name: str, kind: Kind, form: str) -> None:
        body = function.child_by_field_name("body")
        self._add(node, name, kind, form, body, members=self._props(function))
        self.frames.enter("function", name, node.end_byte, public=False)

    def _props(self, function: Node) -> tuple[str, ...]:
        """Return the names that the first parameter is taken apart into, or its type."""
        single = function.child_by_field_name("parameter")
        parameters = named(function.child_by_field_name("parameters"))
        first = single if single is not None else next(iter(parameters), None)
        if first is None:
            return ()
        pattern = first.child_by_field_name("pattern") or first
        if pattern.type != "object_pattern":
            return ()
        return tuple(
            self.scan.text(one.child_by_field_name("key") or one.child_by_field_name("left") or one)
            for one in named(pattern)
        )

    def _method(self, node: Node) -> None:
        name = self.scan.text(node.child_by_field_name("name"))
        head = self.scan.text(child(node, "accessibility_modifier"))
        public = not name.startswith("#") and not _HIDDEN.search(head)
        form = "abstract" if node.type == "abstract_method_signature" else "method"
        body = node.child_by_field_name("body")
        self._add(node, name, "method", form, body, public=public)
        self.frames.enter("function", name, node.end_byte, public=False)

    def _field(self, node: Node) -> None:
        name = self.scan.text(
            node.child_by_field_name("name") or node.child_by_field_name("property")
        )
        value = node.child_by_field_name("value")
        body = value.child_by_field_name("body") if value is not None else None
        head = self.scan.text(child(node, "accessibility_modifier"))
        public = not name.startswith("#") and not _HIDDEN.search(head)
        self._add(node, name, "method", "arrow", body, public=public)
        self.frames.enter("function", name, node.end_byte, public=False)

    def _variable(self, node: Node) -> None:
        value = node.child_by_field_name("value")
        if value is not None:
            form = "arrow" if value.type == "arrow_function" else "function"
            name = self.scan.text(node.child_by_field_name("name"))
            self._callable(node, value, name, "function", form)

    def _called(self, node: Node) -> None:
        """Keep what a call gives, such as `memo(…)`, until it is known to be a component."""
        name = self.scan.text(node.child_by_field_name("name"))
        if name[:1].isupper():
            value = node.child_by_field_name("value")
            self._add(node, name, "function", "value", value)

    def _object(self, node: Node) -> None:
        self.frames.enter("object", self.scan.text(node.child_by_field_name("name")), node.end_byte)

    def _pair(self, node: Node) -> None:
        value = node.child_by_field_name("value")
        if value is not None and self.frames.nearest == "object":
            name = self.scan.text(node.child_by_field_name("key"))
            self._callable(node, value, name, "method", "function")

    def _constants(self, node: Node) -> None:
        if self.scan.text(child(node, "const")) != "const":
            return
        for one in named(node):
            name = self.scan.text(one.child_by_field_name("name"))
            if one.type == "variable_declarator" and _UPPER.fullmatch(name):
                self._add(one, name, "constant", "const", None)

    def _assigned(self, node: Node) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        self.exports.assigned(node, left, right)
        if right.type in ("arrow_function", "function_expression", "generator_function"):
            name = self.scan.text(left.child_by_field_name("property"))
            target = self.scan.text(left.child_by_field_name("object"))
            method = target.endswith(".prototype")
            name = "default" if (target, name) == ("module", "exports") else name
            self._callable(node, right, name, "method" if method else "function", "function")

    def _class(self, node: Node) -> None:
        within = node.child_by_field_name("name")
        parent = node.parent
        if within is None and parent is not None and parent.type == "variable_declarator":
            within = parent.child_by_field_name("name")
        name = self.scan.text(within) or "default"
        heritage = self.scan.text(child(node, "class_heritage"))
        heritage = re.sub(r"<[^<>]*>", "", heritage)
        written = re.split(r"\bextends\b|\bimplements\b|,", heritage)
        bases = tuple(one.strip() for one in written if one.strip())
        form = "abstract class" if node.type == "abstract_class_declaration" else "class"
        self._add(node, name, "class", form, node.child_by_field_name("body"), bases=bases)
        self.frames.enter("class", name, node.end_byte)

    def _interface(self, node: Node) -> None:
        name = self.scan.text(node.child_by_field_name("name"))
        body = node.child_by_field_name("body")
        form = "interface" if node.type == "interface_declaration" else "type"
        value = body if body is not None else node.child_by_field_name("value")
        members = [self.scan.text(one.child_by_field_name("name")) for one in named(value)]
        extends = self.scan.text(child(node, "extends_type_clause")).removeprefix("extends")
        bases = tuple(one.strip() for one in extends.split(",") if one.strip())
        shape = form == "interface" or (value is not None and value.type == "object_type")
        kept = tuple(one for one in members if one) if shape else ()
        self._add(node, name, "interface", form, value, bases=bases, members=kept)

    def _enum(self, node: Node) -> None:
        name = self.scan.text(node.child_by_field_name("name"))
        self._add(node, name, "type", "enum", node.child_by_field_name("body"))

    def _namespace(self, node: Node) -> None:
        name = literal(self.scan.text(node.child_by_field_name("name")))
        self._add(node, name, "module", "namespace", node.child_by_field_name("body"))
        self.frames.enter("namespace", name, node.end_byte)

    def _export(self, node: Node) -> None:
        source = node.child_by_field_name("source")
        if source is not None:
            self._note("export", literal(self.scan.text(source)), node)
        if self.frames.nearest == "file":
            self.exports.stated(node)
        value = node.child_by_field_name("value")
        if value is not None and value.type in ("arrow_function", "function_expression"):
            name = self.scan.text(value.child_by_field_name("name")) or "default"
            self._callable(value, value, name, "function", "function")

    def _import(self, node: Node) -> None:
        source = node.child_by_field_name("source")
        clause = child(node, "import_require_clause")
        if source is None and clause is not None:
            source = clause.child_by_field_name("source")
        if source is not None:
            self._note("import", literal(self.scan.text(source)), node)

    def _require(self, node: Node) -> None:
        call = node.parent
        arguments = named(call.child_by_field_name("arguments")) if call is not None else []
        if arguments and arguments[0].type == "string":
            kind = "require" if node.type == "identifier" else "dynamic"
            self._note(kind, literal(self.scan.text(arguments[0])), node)

    def _note(self, kind: str, target: str, node: Node) -> None:
        self.imports.append(Import(kind, target, self.scan.line(node)))
