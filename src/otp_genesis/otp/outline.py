"""What a file defines and brings into scope: modules, functions, aliases, imports, uses.

The statements of a module's body are read one after the other. What stands deeper (an alias in a
function, a definition in a `quote`) is looked for in the text, and each place that is found is
looked up in the tree: most files have little of it, and a tree is slow to walk.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Set
from functools import cached_property, lru_cache
from operator import itemgetter

from tree_sitter import Node

from otp_genesis.otp.directives import aliases, directives, hides, imports, scope_end
from otp_genesis.otp.facts import (
    Alias,
    Attribute,
    Clause,
    Directive,
    Function,
    Import,
    Module,
    Place,
    expanded,
)
from otp_genesis.otp.nesting import Nesting
from otp_genesis.otp.signatures import Definition, Signature, follows_impl, signature
from otp_genesis.otp.syntax import (
    Span,
    arguments,
    call_named_at,
    child,
    code,
    keyword,
    span,
    target,
)
from otp_genesis.otp.vocabulary import Vocabulary, either

DEFINES = frozenset({b"def", b"defp", b"defmacro", b"defmacrop", b"defdelegate", b"defguard"})
MODULES = frozenset({b"defmodule", b"defprotocol", b"defimpl"})
DOCS = frozenset({"doc", "moduledoc", "typedoc", "shortdoc"})
TYPES = frozenset({"spec", "type", "typep", "opaque", "callback", "macrocallback"})
_WORD = re.compile(rb"[a-z_]\w*")
_NAMED = re.compile(rb"@\s*([a-z_]\w*[?!]?)")
_ATTRIBUTE = re.compile(rb"@[a-z_]")
_WORDS = (
    rb"(def(?:module|protocol|impl|p|macrop?|delegate|guard)?|alias|import|use|require"
    rb"|quote|unquote(?:_splicing)?)\b"
)
# Each begins with a literal, which `re` looks for much faster than for the edge of a word.
_STRUCTURE = tuple(
    re.compile(before + _WORDS) for before in (rb"\n[ \t]*", rb": ", rb"-> ", rb"; ", rb"\(")
)
_QUOTING = re.compile(rb"\b" + _WORDS)
"""In a `quote` they may stand anywhere."""


class Outline:
    """The definitions of one file, in file order. `tree` returns its root, whenever asked."""

    def __init__(self, data: bytes, tree: Callable[[], Node], vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self.aliases: list[Alias] = []
        self.imports: list[Import] = []
        self.directives: list[Directive] = []
        self.docs: list[Span] = []
        """Documentation and comments of a module's body."""
        self._data, self._tree = data, tree
        self._nodes: dict[int, Node] = {}
        self._modules: list[Module] = []
        self._nesting = Nesting()
        self._definitions: list[Definition] = []
        self._signatures: dict[int, Signature | None] = {}
        self._quotes: list[Span] = []
        self._unquotes: list[Span] = []
        self._types: list[Span] = []
        self._impls: set[int] = set()
        self._attributes: list[tuple[str, Node]] = []
        self._others: list[Span] = []
        self._read(tree())

    def _read(self, root: Node) -> None:
        readers: dict[bytes, Callable[[Node], None]] = {
            **dict.fromkeys(MODULES, self._module),
            b"quote": lambda call: self._quotes.append(span(call)),
            b"unquote": lambda call: self._unquotes.append(span(call)),
            b"unquote_splicing": lambda call: self._unquotes.append(span(call)),
            b"alias": lambda call: self.aliases.extend(aliases(call, self.expand)),
            b"import": lambda call: self.imports.extend(imports(call, self.expand)),
            b"use": self._directive,
            b"require": self._directive,
        }
        found = [*self._statements(root, DEFINES | readers.keys())]
        found += self._nested(root, {start for start, _, _ in found})
        found.sort(key=itemgetter(0))
        self.docs.sort()
        for start, word, node in found:
            if word in DEFINES:
                self._definitions.append(Definition(start, node.end_byte, word))
                self._nodes[start] = node
            else:
                readers[word](node)
        self._starts = [one.start for one in self._definitions]
        self._attach()

    def let_go(self) -> None:
        """Forget the nodes: they keep the whole tree."""
        self._nodes.clear()

    @property
    def modules(self) -> tuple[Module, ...]:
        """All modules, outer ones first."""
        return tuple(self._modules)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """All functions, in the order of their first clauses."""
        clauses: dict[tuple[str | None, bool, str, int], list[Clause]] = {}
        kinds: dict[tuple[str | None, bool, str, int], str] = {}
        defaults: dict[tuple[str | None, bool, str, int], int] = defaultdict(int)
        for definition in self._definitions:
            signed = self._signature(definition)
            if signed is None:
                continue
            key = signed[:4]
            kinds.setdefault(key, definition.word.decode())
            defaults[key] = max(defaults[key], signed.defaults)
            clauses.setdefault(key, []).append(signed.clause)
        return tuple(
            Function(
                kind=kinds[key],
                name=name,
                arity=arity,
                arities=range(arity - defaults[key], arity + 1),
                module=module,
                quoted=quoted,
                clauses=tuple(found),
                label=f"{name}/{arity}",
            )
            for key, found in clauses.items()
            for module, quoted, name, arity in [key]
        )

    def _node(self, definition: Definition) -> Node | None:
        start, _, word = definition
        return self._nodes.get(start) or call_named_at(self._tree(), (start, start + len(word)))

    def _signature(self, definition: Definition) -> Signature | None:
        start = definition.start
        if start not in self._signatures:
            self._signatures[start] = self._signed(definition)
        return self._signatures[start]

    def _signed(self, definition: Definition) -> Signature | None:
        call = self._node(definition)
        if call is None:
            return None
        start = definition.start
        module, quoted = self.module_at(start), self._in_quote(start)
        impl = start in self._impls or (quoted and follows_impl(call))
        return signature(self._data, call, module.name if module else None, quoted, impl)

    @cached_property
    def watched(self) -> dict[str, list[tuple[str | None, range]]]:
        """The functions of this file that share a name with a watched one: modules, arities."""
        found: dict[str, list[tuple[str | None, range]]] = defaultdict(list)
        for match in _defining(self.vocabulary).finditer(self._data):
            at = bisect_left(self._starts, match.start())
            if at == len(self._starts) or self._starts[at] != match.start():
                continue
            signed = self._signature(self._definitions[at])
            if signed is not None:
                least = signed.arity - signed.defaults
                found[signed.name].append((signed.module, range(least, signed.arity + 1)))
        return found

    def module_at(self, offset: int) -> Module | None:
        """Return the innermost module around `offset`."""
        return self._nesting.at(offset)

    def place(self, offset: int) -> tuple[Place, str | None]:
        """Return what kind of code stands at `offset`, and the function it is in."""
        if self._in_quote(offset):
            return "quote", None
        if any(start <= offset < end for start, end in self._unquotes):
            return "macro", None
        at = bisect_right(self._starts, offset) - 1
        while at >= 0:
            definition = self._definitions[at]
            signed = self._signature(definition) if offset < definition.end else None
            if signed is not None:
                runs = definition.word in (b"def", b"defp")
                return ("function" if runs else "macro"), f"{signed.name}/{signed.arity}"
            at -= 1
        return "body", None

    def in_type(self, offset: int) -> bool:
        """Whether `offset` is in a type specification."""
        return any(start <= offset < end for start, end in self._types)

    def in_doc(self, offset: int) -> bool:
        """Whether `offset` is in the documentation of a module or function."""
        at = bisect_right(self.docs, (offset, offset)) - 1
        return at >= 0 and offset < self.docs[at][1]

    def expand(self, name: str, offset: int) -> str:
        """Return the full name of the module written as `name` at `offset`."""
        return expanded(name, offset, self.aliases, self.module_at(offset))

    def resolve(self, name: str, arity: int, offset: int) -> str | None:
        """Return which function of another module is called without naming it, if one is."""
        label = f"{name}/{arity}"
        module = self.module_at(offset)
        for owner, arities in self.watched.get(name, ()):
            if arity in arities and owner == (module.name if module else None):
                return None
        in_scope = [i for i in reversed(self.imports) if i.start <= offset < i.end]
        for found in in_scope:
            if found.only is None:
                brings = name in self.vocabulary.of(found.module) and label not in found.excepted
            else:
                brings = label in found.only
            if brings:
                return f"{found.module}.{label}"
        return (
            f"Kernel.{label}"
            if name in self.vocabulary.kernel and not hides(label, in_scope)
            else None
        )

    def _statements(self, block: Node, words: Set[bytes]) -> Iterator[tuple[int, bytes, Node]]:
        """Yield the definitions and directives of a body and of the modules in it."""
        waiting = [iter(block.children)]
        while waiting:
            node = next(waiting[-1], None)
            if node is None:
                waiting.pop()
                continue
            kind, start = node.type, node.start_byte
            if kind == "call":
                word = match[0] if (match := _WORD.match(self._data, start)) else b""
                if word in words:
                    yield start, word, node
                else:
                    self._others.append(span(node))
                if word in MODULES and (inner := child(node, "do_block")) is not None:
                    waiting.append(iter(inner.children))
            elif kind == "unary_operator":
                self._attribute(node)
            elif kind == "comment":
                self.docs.append((start, node.end_byte))
            elif node.is_named:
                self._others.append(span(node))

    def _nested(self, root: Node, known: set[int]) -> Iterator[tuple[int, bytes, Node]]:
        """Yield the definitions and directives that stand deeper."""
        for pattern in [_QUOTING] if b"quote" in self._data else _STRUCTURE:
            for match in pattern.finditer(self._data):
                start = match.start(1)
                if start in known or self.in_doc(start):
                    continue
                call = call_named_at(root, match.span(1))
                if call is not None:
                    yield start, match[1], call
        for start, end in self._others:
            for match in _ATTRIBUTE.finditer(self._data, start, end):
                node = root.descendant_for_byte_range(match.start(), match.start() + 1)
                if node is not None and node.type == "@" and node.parent is not None:
                    self._attribute(node.parent)

    def _attribute(self, node: Node) -> None:
        """Note `@name value`; `@name` alone reads it."""
        match = _NAMED.match(self._data, node.start_byte)
        operand = node.child_by_field_name("operand") if match else None
        if match is None or operand is None or operand.type != "call":
            return
        name = match[1].decode()
        if name in DOCS:
            self.docs.append(span(node))
        elif name in TYPES:
            self._types.append(span(node))
        elif name == "impl":
            self._impls.add(_after(node))
        else:
            self._attributes.append((name, node))

    def _module(self, call: Node) -> None:
        named = arguments(call)
        if not named:
            return
        name, outer = code(named[0]), self.module_at(call.start_byte)
        if target(call) == "defimpl" and len(named) > 1:
            name = f"{name}.{code(keyword(named[1], 'for'))}"
        elif outer is not None and not name.startswith("Elixir."):
            first = name.split(".")[0]
            if first == "__MODULE__":
                name = name.removeprefix("__MODULE__.")
            else:
                end = scope_end(call)
                full = f"{outer.name}.{first}"
                self.aliases.append(Alias(first, full, call.start_byte, end))
            name = f"{outer.name}.{name}"
        self._modules.append(
            Module(
                name=name.removeprefix("Elixir."),
                start=call.start_byte,
                end=call.end_byte,
                header=(call.start_byte, named[0].end_byte),
                uses=(),
                behaviours=(),
                attributes=(),
                quoted=self._in_quote(call.start_byte),
            )
        )
        self._nesting.add(self._modules[-1])

    def _directive(self, call: Node) -> None:
        quoted = self._in_quote(call.start_byte)
        self.directives.extend(directives(call, self.expand, quoted))

    def _attach(self) -> None:
        """Give each module the attributes, uses and behaviours of its own body."""
        owned: dict[int, list[Attribute]] = defaultdict(list)
        for name, node in self._attributes:
            start, end = span(node)
            if (module := self.module_at(start)) and not self._in_quote(start):
                given = arguments(node.children[1])
                value = " ".join(code(argument) for argument in given)
                owned[module.start].append(Attribute(name, start, end, value))
        used: dict[int, list[str]] = defaultdict(list)
        for directive in self.directives:
            owner = self.module_at(directive.start)
            if directive.kind == "use" and not directive.quoted and owner is not None:
                used[owner.start].append(directive.module)
        for at, module in enumerate(self._modules):
            attributes = tuple(sorted(owned[module.start], key=lambda one: one.start))
            self._modules[at] = Module(
                name=module.name,
                start=module.start,
                end=module.end,
                header=module.header,
                uses=tuple(used[module.start]),
                behaviours=tuple(
                    self.expand(a.value, a.start) for a in attributes if a.name == "behaviour"
                ),
                attributes=attributes,
                quoted=module.quoted,
            )
        self._nesting = Nesting(self._modules)
        self._attributes.clear()

    def _in_quote(self, offset: int) -> bool:
        return bool(self._quotes) and any(s <= offset < e for s, e in self._quotes)


@lru_cache(maxsize=8)
def _defining(vocabulary: Vocabulary) -> re.Pattern[bytes]:
    """Match the definition of a function of a watched name."""
    names = either(vocabulary.names)
    return re.compile(rb"def(?:p|macrop?|delegate|guard)?[ \t\n(]+(" + names + rb")(?![\w?!:])")


def _after(attribute: Node) -> int:
    """Return where the definition after an attribute starts."""
    node: Node | None = attribute
    while node is not None and node.type in ("unary_operator", "comment"):
        node = node.next_named_sibling
    return node.start_byte if node is not None else -1
