"""What an Elixir file says: modules, functions with their arity, structs, behaviours, aliases.

`def`, `use` and `defmodule` are calls like others here. What stands in a `quote` belongs to other
modules and is not found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from otp_genesis.languages.facts import Definition, FileFacts, Import, Kind
from otp_genesis.languages.parsing import Frames, Grammar, Scan, child, named

if TYPE_CHECKING:
    from tree_sitter import Node

_DEFINES: dict[str, Kind] = {
    "def": "function", "defp": "function", "defdelegate": "function", "defmacro": "macro",
    "defmacrop": "macro", "defguard": "macro", "defguardp": "macro",
}  # fmt: skip
_MODULES = ("defmodule", "defprotocol", "defimpl")
_DIRECTIVES = ("alias", "import", "require", "use")
_OTHERS = ("defstruct", "defexception", "quote")
_OF_MODULES = frozenset(
    {"moduledoc", "type", "typep", "opaque", "typedoc", "callback", "macrocallback", "behaviour",
     "optional_callbacks", "derive", "enforce_keys", "before_compile", "after_compile", "compile",
     "on_definition", "on_load", "external_resource", "vsn"}
)  # fmt: skip
"""Attributes that say nothing of the function after them."""
_WORDS = (*_DEFINES, *_MODULES, *_DIRECTIVES, *_OTHERS)
GRAMMAR = Grammar(
    "tree_sitter_elixir",
    f"""
    ((call target: (identifier) @word)
      (#any-of? @word {" ".join(f'"{word}"' for word in _WORDS)}))
    (unary_operator operator: "@" operand: (call)) @attribute
    (do_block) @block
    (alias) @alias
    """,
    frozenset({"identifier", "alias", "keyword", "atom"}),
)
_GAP = re.compile(rb"(?:\s|#[^\n]*\n)*")
_ATTRIBUTE = re.compile(r"@\s*([a-z_]\w*[?!]?)\s*\(?(.*)", re.DOTALL)
_MODULE_NAME = re.compile(r"(?:__MODULE__|[A-Z]\w*)(?:\.[A-Z]\w*)*")
_SEVERAL = re.compile(r"([\w.]+)\.\{(.*)\}", re.DOTALL)
_AS = re.compile(r"\bas:\s*([A-Z]\w*)")
_COMMENT = re.compile(r"#[^\n]*")
_CALLBACK = re.compile(r"\s*([a-z_]\w*[?!]?)")


@dataclass
class _Module:
    name: str
    form: str
    line: int
    end_line: int
    signature: str
    end: int
    bases: list[str] = field(default_factory=list)
    callbacks: list[str] = field(default_factory=list)
    holds: str = ""
    """`struct` or `exception`."""


def read(text: str, names: frozenset[str]) -> FileFacts:
    """Return the facts of a file, with the references to `names`."""
    return _Reader(GRAMMAR.scan(text)).facts(names)


def _absolute(name: str) -> str:
    return name.removeprefix("Elixir.")


class _Reader:
    def __init__(self, scan: Scan):
        self.scan, self.frames = scan, Frames()
        self.modules: list[_Module] = []
        self.open: list[_Module] = []
        self.functions: dict[tuple[str, str, str, int], Definition] = {}
        self.imports: dict[tuple[str, str], Import] = {}
        self.passed = 0
        """Up to here the names are those of a directive, or of a module itself."""

    def facts(self, names: frozenset[str]) -> FileFacts:
        takes = {
            "word": self._word, "attribute": self._attribute, "block": self._block,
            "alias": self._alias,
        }  # fmt: skip
        for name, node in self.scan.nodes:
            self.frames.at(node.start_byte)
            while self.open and self.open[-1].end <= node.start_byte:
                self.open.pop()
            takes[name](node)
        definitions = [*self._of_modules(), *self.functions.values()]
        return FileFacts(
            "elixir",
            tuple(sorted(definitions, key=lambda one: one.line)),
            tuple(self.imports.values()),
            references=self.scan.references(names),
            problem=self.scan.problem(),
        )

    def _of_modules(self) -> list[Definition]:
        found = []
        for one in self.modules:
            bases = tuple(dict.fromkeys(one.bases))
            whole = Definition(
                one.name, "module", one.form, one.line, one.end_line, one.signature, bases=bases
            )
            found.append(whole)
            if one.holds:
                found.append(replace(whole, kind="class", form=one.holds))
            if one.form == "defprotocol":
                inner = (key[1] for key in self.functions if key[0] == one.name)
                members = tuple(dict.fromkeys(inner))
                found.append(replace(whole, kind="interface", form="protocol", members=members))
            elif one.callbacks:
                members = tuple(dict.fromkeys(one.callbacks))
                found.append(replace(whole, kind="interface", form="behaviour", members=members))
        return found

    def _block(self, node: Node) -> None:
        self.frames.enter("block", "", node.end_byte)

    def _word(self, node: Node) -> None:
        call, word = node.parent, self.scan.text(node)
        if call is None or any(frame.kind == "quote" for frame in self.frames.open):
            return
        if word == "quote":
            self.frames.enter("quote", "", call.end_byte)
        elif word in _DEFINES:
            self._function(call, word)
        elif word in _MODULES:
            self._module(call, word)
        elif word in _DIRECTIVES:
            self._directive(call, word)
        elif self.open:
            self.open[-1].holds = word.removeprefix("def")

    def _module(self, call: Node, form: str) -> None:
        arguments = named(child(call, "arguments"))
        if not arguments or not _MODULE_NAME.fullmatch(self.scan.text(arguments[0])):
            return
        written = self.scan.text(arguments[0])
        block = child(call, "do_block")
        end = block.start_byte if block else arguments[0].end_byte
        made = _Module(
            self._module_name(call, form, written),
            form,
            self.scan.line(call),
            self.scan.last_line(call),
            self.scan.signature(call.start_byte, end),
            call.end_byte,
        )
        self.modules.append(made)
        self.open.append(made)
        self.passed = arguments[0].end_byte

    def _module_name(self, call: Node, form: str, written: str) -> str:
        if form == "defimpl":
            return self._implementation(call, written)
        if not self.open or written.startswith(("Elixir.", "__MODULE__")):
            return self._expanded(written) if "__MODULE__" in written else _absolute(written)
        outer, first = self.open[-1].name, written.partition(".")[0]
        self.frames.open[-1].aliases[first] = f"{outer}.{first}"
        return f"{outer}.{written}"

    def _implementation(self, call: Node, protocol: str) -> str:
        full = self._expanded(protocol)
        self._note("implements", full, call)
        text = self.scan.text(child(call, "arguments"))
        found = re.search(r"\bfor:\s*([A-Z][\w.]*|__MODULE__)", text)
        target = self._expanded(found[1]) if found else ""
        return f"{full}.{target}" if target else full

    def _expanded(self, written: str) -> str:
        """Return the full name of a module by the aliases around."""
        first, dot, rest = written.partition(".")
        if first == "__MODULE__":
            return f"{self.open[-1].name if self.open else ''}{dot}{rest}".strip(".")
        if first == "Elixir":
            return rest
        for frame in reversed(self.frames.open):
            if first in frame.aliases:
                return frame.aliases[first] + dot + rest
        return written

    def _directive(self, call: Node, word: str) -> None:
        arguments = named(child(call, "arguments"))
        if not arguments:
            return
        written = _COMMENT.sub("", self.scan.text(arguments[0]))
        self.passed = max(self.passed, arguments[0].end_byte)
        several = _SEVERAL.fullmatch(written)
        parts = _MODULE_NAME.findall(several[2]) if several else [""]
        head = several[1] if several else written
        if not _MODULE_NAME.fullmatch(head):
            return
        renamed = _AS.search(self.scan.text(child(call, "arguments")))
        for part in parts:
            full = self._expanded(f"{head}.{part}".rstrip("."))
            self._note(word, full, call)
            if word == "alias" or renamed:
                short = renamed[1] if renamed else full.rpartition(".")[2]
                self.frames.open[-1].aliases[short] = full
            if word == "use" and self.open:
                self.open[-1].bases.append(full)

    def _note(self, kind: str, target: str, node: Node) -> None:
        if target:
            self.imports.setdefault((kind, target), Import(kind, target, self.scan.line(node)))

    def _attribute(self, node: Node) -> None:
        match = _ATTRIBUTE.match(self.scan.text(node))
        if match is None:
            return
        name, rest = match.groups()
        if name not in _OF_MODULES:
            self.scan.mark(node, name)
        if not self.open:
            return
        if name in ("callback", "macrocallback"):
            if called := _CALLBACK.match(rest):
                self.open[-1].callbacks.append(called[1])
        elif name == "behaviour" and (module := _MODULE_NAME.match(rest)):
            full = self._expanded(module[0])
            self.open[-1].bases.append(full)
            self._note("behaviour", full, node)
            self.passed = node.end_byte

    def _alias(self, node: Node) -> None:
        if node.start_byte < self.passed:
            return
        written = self.scan.text(node)
        if self.scan.data.endswith(b"__MODULE__.", 0, node.start_byte):
            written = f"__MODULE__.{written}"
        self._note("reference", self._expanded(written), node)

    def _function(self, call: Node, word: str) -> None:
        arguments = child(call, "arguments")
        head = next(iter(named(arguments)), None)
        if head is None or arguments is None:
            return
        if head.type == "binary_operator" and self._operator(head) == "when":
            head = head.child_by_field_name("left") or head
        told = self._head(head)
        if told is None:
            return
        name, arity = told
        block = child(call, "do_block")
        body = block or next((one for one in named(arguments) if one.type == "keywords"), None)
        end = body.start_byte if body and word != "defdelegate" else call.end_byte
        owner = self.open[-1].name if self.open else ""
        key = (owner, name, word, arity)
        last = self.scan.last_line(call)
        if known := self.functions.get(key):
            further = (*known.further, self.scan.line(call))
            self.functions[key] = replace(known, further=further, end_line=last)
            return
        self.functions[key] = Definition(
            name,
            _DEFINES[word],
            word,
            self.scan.line(call),
            last,
            self.scan.signature(call.start_byte, end).rstrip(", "),
            public=not word.endswith("p"),
            owner=owner,
            marks=self.scan.marks(call.start_byte, _GAP),
            arity=arity,
        )

    def _operator(self, node: Node) -> str:
        return self.scan.text(node.child_by_field_name("operator"))

    def _head(self, head: Node) -> tuple[str, int] | None:
        """Return name and arity; nothing where the name is made when the code is compiled."""
        match head.type:
            case "identifier":
                return self.scan.text(head), 0
            case "binary_operator":
                return self._operator(head), 2
            case "unary_operator":
                return self._operator(head), 1
            case "call":
                target = head.child_by_field_name("target")
                name = self.scan.text(target)
                if target is None or target.type != "identifier" or name == "unquote":
                    return None
                return name, len(named(child(head, "arguments")))
        return None
