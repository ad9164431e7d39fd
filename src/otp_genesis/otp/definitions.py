"""What a file defines and brings into scope: modules, functions, aliases, imports, uses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace

from tree_sitter import Node

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
from otp_genesis.otp.syntax import Span, arguments, code, keyword, parts, span, target
from otp_genesis.otp.vocabulary import Vocabulary

DEFINES = frozenset({b"def", b"defp", b"defmacro", b"defmacrop", b"defdelegate", b"defguard"})
TYPES = frozenset({"spec", "type", "typep", "opaque", "callback", "macrocallback"})

FunctionKey = tuple[str | None, bool, str, int]


class Definitions:
    """Collected from the names of local calls and attributes, each in file order."""

    def __init__(self, attributes: list[Node], local: list[Node], vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self.aliases: list[Alias] = []
        self.imports: list[Import] = []
        self.directives: list[Directive] = []
        self.candidates: list[Node] = []
        """Names of local calls that may be calls of OTP functions."""
        self._modules: list[Module] = []
        self._clauses: dict[FunctionKey, list[Clause]] = {}
        self._kinds: dict[FunctionKey, str] = {}
        self._defaults: dict[FunctionKey, int] = {}
        self._runs: list[tuple[int, int, str, str]] = []
        self._quotes: list[Span] = []
        self._unquotes: list[Span] = []
        self._no_calls = {node.start_byte for node in attributes}
        self._types = [self._attribute_span(n) for n in attributes if code(n) in TYPES]
        self._impls = {self._after(n) for n in attributes if code(n) == "impl"}
        readers: dict[bytes, Callable[[Node], None]] = {
            b"defmodule": self._module,
            b"defprotocol": self._module,
            b"defimpl": self._module,
            b"quote": lambda call: self._quotes.append(span(call)),
            b"unquote": lambda call: self._unquotes.append(span(call)),
            b"unquote_splicing": lambda call: self._unquotes.append(span(call)),
            b"alias": self._alias,
            b"import": self._import,
            b"use": self._use,
            b"require": self._use,
            **dict.fromkeys(DEFINES, self._define),
        }
        for name in local:
            self._read(name, readers)
        self._starts = [run[0] for run in self._runs]
        self._attach(attributes)

    def _read(self, name: Node, readers: dict[bytes, Callable[[Node], None]]) -> None:
        text = name.text or b""
        if text in readers:
            if name.parent is not None and name.start_byte not in self._no_calls:
                readers[text](name.parent)
        elif text in self.vocabulary.names and name.start_byte not in self._no_calls:
            self.candidates.append(name)

    @property
    def modules(self) -> tuple[Module, ...]:
        """All modules, outer ones first."""
        return tuple(self._modules)

    def functions(self) -> tuple[Function, ...]:
        """All functions, in the order of their first clauses."""
        return tuple(
            Function(
                kind=self._kinds[key],
                name=key[2],
                arity=key[3],
                arities=range(key[3] - self._defaults[key], key[3] + 1),
                module=key[0],
                quoted=key[1],
                clauses=tuple(clauses),
            )
            for key, clauses in self._clauses.items()
        )

    def module_at(self, offset: int) -> Module | None:
        """Return the innermost module around `offset`."""
        around = (m for m in reversed(self._modules) if m.start <= offset < m.end)
        return next(around, None)

    def place(self, offset: int) -> tuple[Place, str | None]:
        """Return what kind of code stands at `offset`, and the function it is in."""
        if self._in_quote(offset):
            return "quote", None
        if any(start <= offset < end for start, end in self._unquotes):
            return "macro", None
        at = bisect_right(self._starts, offset) - 1
        while at >= 0:
            _, end, kind, label = self._runs[at]
            if offset < end:
                return ("function" if kind in ("def", "defp") else "macro"), label
            at -= 1
        return "body", None

    def in_type(self, offset: int) -> bool:
        """Whether `offset` is in a type specification."""
        return any(start <= offset < end for start, end in self._types)

    def expand(self, name: str, offset: int) -> str:
        """Return the full name of the module written as `name` at `offset`."""
        return expanded(name, offset, self.aliases, self.module_at(offset))

    def resolve(self, name: str, arity: int, offset: int) -> str | None:
        """Return what a call without a module means, `None` where it is none that is known."""
        label = f"{name}/{arity}"
        module = self.module_at(offset)
        for (owner, _, other, most), lacking in self._defaults.items():
            mine = owner == (module.name if module else None)
            if mine and other == name and most - lacking <= arity <= most:
                return label
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
            if name in self.vocabulary.kernel and not _hidden(label, in_scope)
            else None
        )

    def _scope_end(self, call: Node) -> int:
        return call.parent.end_byte if call.parent is not None else call.end_byte

    def _attribute_span(self, name: Node) -> Span:
        operator = name.parent.parent if name.parent is not None else None
        return span(operator if operator is not None else name)

    def _after(self, name: Node) -> int:
        """Return where the definition after an attribute starts."""
        node = name.parent.parent if name.parent is not None else None
        while node is not None and node.type in ("unary_operator", "comment"):
            node = node.next_named_sibling
        return node.start_byte if node is not None else -1

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
                end = self._scope_end(call)
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

    def _define(self, call: Node) -> None:
        given = arguments(call)
        if not given:
            return
        head, guarded = given[0], False
        if head.type == "binary_operator" and code(head.child_by_field_name("operator")) == "when":
            guarded, head = True, head.child_by_field_name("left") or head
        named = head.child_by_field_name("target") or head
        if named.type == "identifier":
            self._no_calls.add(named.start_byte)
        patterns = arguments(head) if head.type == "call" else []
        defaults = sum(code(p.child_by_field_name("operator")) == "\\\\" for p in patterns)
        module, kind = self.module_at(call.start_byte), target(call)
        quoted = self._in_quote(call.start_byte)
        key = (module.name if module else None, quoted, code(named), len(patterns))
        clause = Clause(
            start=call.start_byte,
            end=call.end_byte,
            head=(call.start_byte, given[0].end_byte),
            parameters=tuple(span(pattern) for pattern in patterns),
            guarded=guarded,
            impl=call.start_byte in self._impls,
        )
        self._clauses.setdefault(key, []).append(clause)
        self._kinds.setdefault(key, kind)
        self._defaults[key] = max(defaults, self._defaults.get(key, 0))
        self._runs.append((*span(call), kind, f"{key[2]}/{key[3]}"))

    def _alias(self, call: Node) -> None:
        given = arguments(call)
        if not given:
            return
        start, end = call.end_byte, self._scope_end(call)
        as_name = keyword(given[1], "as") if len(given) > 1 else None
        for name in _module_names(given[0]):
            full = self.expand(name, call.start_byte)
            short = code(as_name) if as_name is not None else full.split(".")[-1]
            self.aliases.append(Alias(short, full, start, end))

    def _import(self, call: Node) -> None:
        given = arguments(call)
        if not given:
            return
        options = given[1] if len(given) > 1 else None
        only = keyword(options, "only")
        for name in _module_names(given[0]):
            self.imports.append(
                Import(
                    module=self.expand(name, call.start_byte),
                    only=_labels(only) if only is not None and only.type == "list" else None,
                    excepted=_labels(keyword(options, "except")),
                    start=call.end_byte,
                    end=self._scope_end(call),
                )
            )

    def _use(self, call: Node) -> None:
        given = arguments(call)
        for name in _module_names(given[0]) if given else ():
            self.directives.append(
                Directive(
                    kind="use" if target(call) == "use" else "require",
                    module=self.expand(name, call.start_byte),
                    start=call.start_byte,
                    end=call.end_byte,
                    scope_end=self._scope_end(call),
                    quoted=self._in_quote(call.start_byte),
                )
            )

    def _attach(self, nodes: list[Node]) -> None:
        """Give each module the attributes, uses and behaviours of its own body."""
        owned: dict[int, list[Attribute]] = {}
        for node in nodes:
            start, end = self._attribute_span(node)
            if (module := self.module_at(start)) and not self._in_quote(start):
                value = " ".join(code(argument) for argument in arguments(node.parent or node))
                owned.setdefault(module.start, []).append(Attribute(code(node), start, end, value))
        for at, module in enumerate(self._modules):
            attributes = tuple(owned.get(module.start, ()))
            self._modules[at] = replace(
                module,
                attributes=attributes,
                uses=tuple(
                    d.module
                    for d in self.directives
                    if d.kind == "use" and not d.quoted and self.module_at(d.start) == module
                ),
                behaviours=tuple(
                    self.expand(a.value, a.start) for a in attributes if a.name == "behaviour"
                ),
            )

    def _in_quote(self, offset: int) -> bool:
        return any(start <= offset < end for start, end in self._quotes)


def _hidden(label: str, imports: list[Import]) -> bool:
    """Whether `import Kernel` with `only:` or `except:` takes a function away."""
    return any(
        label in found.excepted or (found.only is not None and label not in found.only)
        for found in imports
        if found.module == "Kernel"
    )


def _module_names(node: Node) -> list[str]:
    """Return the modules named by `A.B`, `A.{B, C}`, `__MODULE__` or an atom."""
    if node.type == "dot" and (many := node.child_by_field_name("right")) is not None:
        if many.type == "tuple":
            left = code(node.child_by_field_name("left"))
            return [f"{left}.{code(part)}" for part in parts(many)]
        return [code(node)]
    return [code(node)] if node.type in ("alias", "atom", "identifier") else []


def _labels(options: Node | None) -> frozenset[str]:
    """Return `name/arity` for each pair of `[name: arity]`."""
    if options is None or options.type != "list":
        return frozenset()
    return frozenset(
        f"{code(pair.child_by_field_name('key')).rstrip().rstrip(':')}/"
        f"{code(pair.child_by_field_name('value'))}"
        for keywords in parts(options)
        for pair in parts(keywords)
    )
