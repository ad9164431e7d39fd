"""Reads the facts of one file: its tree is looked at only where its text promises something."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Literal

from tree_sitter import Node, Query, QueryCursor, Tree

from otp_genesis.otp.facts import (
    Alias,
    Allowance,
    Call,
    Directive,
    DynamicAtom,
    Form,
    Function,
    Import,
    Kind,
    Module,
    SourceFile,
)
from otp_genesis.otp.gaps import blanked
from otp_genesis.otp.outline import Outline
from otp_genesis.otp.syntax import (
    LANGUAGE,
    Span,
    arguments,
    child,
    code,
    first_error,
    parse,
    span,
)
from otp_genesis.otp.usage import use_of
from otp_genesis.otp.vocabulary import VOCABULARY, Vocabulary, either

_COMMENTS = Query(LANGUAGE, "(comment) @comment")
_ALLOW = re.compile(rb"genesis:\s*allow\s+(OTP\d{3}(?:\s*,\s*OTP\d{3})*)\s+because\s+\S")
AtomKind = Literal["atom", "keyword", "sigil"]
_ATOMS: tuple[tuple[AtomKind, tuple[bytes, ...], re.Pattern[bytes]], ...] = (
    ("atom", (b':"', b":'"), re.compile(rb""":["'](?=[^\n]*#\{)""")),
    ("keyword", (b'":', b"':"), re.compile(rb"""#\{[^\n]*?["']:""")),
    ("sigil", (b"~w",), re.compile(rb"~w")),
)
"""How such atoms begin or end in the text, with what is searched for first."""
_ATOM_NODES = {"atom": "quoted_atom", "keyword": "quoted_keyword", "sigil": "sigil"}
_ATOM_PARTS = frozenset({"quoted_atom", "quoted_keyword", "sigil", "sigil_name", "quoted_start"})
_HEAD = re.compile(rb"""(?<![\w.@])(?:__MODULE__|:\w+[?!]?|[A-Z]\w*)(?:\.[A-Z]\w*)*\Z""")
_DEFINING = re.compile(rb"(?<![\w.@:])(?:def(?:p|macrop?|delegate|guard)?[\s(]+|@\s*)\Z")
_LONGEST_DEF = 20
_IMPORTED = re.compile(rb"import[ (]+([\w.:]+)")
_GOES_ON = re.compile(rb"[\w?!]")
_WITHIN = re.compile(rb"[\w@.]")


class Unparsable(Exception):
    """The file is no text, or no Elixir that tree-sitter understands."""


def analyse(path: str, data: bytes, vocabulary: Vocabulary = VOCABULARY) -> SourceFile:
    """Return the facts of one file; raise `Unparsable`, with the reason, where there are none."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise Unparsable(f"not UTF-8: byte {error.start} cannot be decoded") from None
    tree = parse(data)
    if not tree.root_node.has_error:
        return SourceFile(path, data, kind_of(path), FileFacts(data, tree, vocabulary))
    readable = blanked(data)
    if readable is None:
        where = first_error(tree.root_node) or tree.root_node
        raise Unparsable(f"syntax error near line {where.start_point[0] + 1}")
    text, gaps = readable
    facts = FileFacts(text, parse(text), vocabulary)
    return SourceFile(path, data, kind_of(path), facts, gaps)


def unread(path: str, data: bytes, vocabulary: Vocabulary = VOCABULARY) -> SourceFile:
    """Return a file that is known to be Elixir; it is parsed when a fact is asked for."""
    return SourceFile(path, data, kind_of(path), FileFacts(data, None, vocabulary))


def kind_of(path: str) -> Kind:
    """Return what a file is for, by its path."""
    parts = path.split("/")
    if parts[-1] == "mix.exs":
        return "mix"
    if "config" in parts[:-1] and path.endswith(".exs"):
        return "config"
    return "test" if "test" in parts[:-1] or path.endswith("_test.exs") else "lib"


class FileFacts:
    """The facts of one file, each read when it is first asked for."""

    def __init__(self, data: bytes, tree: Tree | None, vocabulary: Vocabulary):
        self._data, self._vocabulary = data, vocabulary
        self._tree = tree

    @property
    def root(self) -> Node:
        """The tree; parsed again where it was let go."""
        return (self._tree or _tree(self._data)).root_node

    def let_go(self) -> None:
        """Forget the tree, which takes 25 times the memory of its text."""
        self._tree = None
        if "_outline" in self.__dict__:
            self._outline.let_go()

    def read_all(self) -> None:
        """Read every fact now, while the tree is at hand."""
        for name in _PUBLIC:
            getattr(self, name)

    def __getstate__(self) -> dict[str, object]:
        """Hand on the text and the facts that are known, but no tree."""
        known = {name: self.__dict__[name] for name in _PUBLIC if name in self.__dict__}
        return {"_data": self._data, "_vocabulary": self._vocabulary, "_tree": None, **known}

    @cached_property
    def modules(self) -> tuple[Module, ...]:
        """All modules, outer ones first."""
        return self._outline.modules

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """All functions, in the order of their first clauses."""
        return self._outline.functions

    @cached_property
    def aliases(self) -> tuple[Alias, ...]:
        """Which names stand for others, and where."""
        return tuple(self._outline.aliases)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What is imported, and where."""
        return tuple(self._outline.imports)

    @cached_property
    def directives(self) -> tuple[Directive, ...]:
        """What is used and required."""
        return tuple(self._outline.directives)

    @cached_property
    def calls(self) -> Mapping[str, tuple[Call, ...]]:
        """The calls of watched functions by what they call, each list in file order."""
        remote, local = self._remote_names(), self._local_names()
        found: dict[str, list[Call]] = defaultdict(list)
        for where in sorted({*remote, *local}):
            for call in self._calls_at(where):
                found[call.target].append(call)
        return {target: tuple(calls) for target, calls in found.items()}

    @property
    def calls_known(self) -> bool:
        """Whether the calls were asked for before."""
        return "calls" in self.__dict__

    def may_call(self, name: str) -> bool:
        """Whether the text holds the name of a function at all."""
        if name not in self._mentions:
            self._mentions[name] = name.encode() in self._data
        return self._mentions[name]

    @cached_property
    def _mentions(self) -> dict[str, bool]:
        return {}

    @cached_property
    def atoms(self) -> tuple[DynamicAtom, ...]:
        """The atom literals with an interpolation."""
        found = {node.start_byte: (kind, node) for kind, node in self._interpolated()}
        return tuple(self._atom(kind, node) for _, (kind, node) in sorted(found.items()))

    def _interpolated(self) -> Iterator[tuple[AtomKind, Node]]:
        """Yield the nodes that make atoms of strings with an interpolation."""
        data = self._data
        if b"#{" not in data:
            return
        for kind, marks, pattern in _ATOMS:
            for match in pattern.finditer(data) if any(mark in data for mark in marks) else ():
                node = self.root.descendant_for_byte_range(match.end() - 1, match.end())
                while node is not None and node.type != _ATOM_NODES[kind]:
                    node = node.parent
                    if node is not None and node.type not in _ATOM_PARTS:
                        node = None
                if node is None or child(node, "interpolation") is None:
                    continue
                if kind != "sigil" or code(child(node, "sigil_modifiers")) == "a":
                    yield kind, node

    def _atom(self, kind: AtomKind, node: Node) -> DynamicAtom:
        place, function = self._outline.place(node.start_byte)
        module = self._outline.module_at(node.start_byte)
        owner = module.name if module else None
        return DynamicAtom(kind, *span(node), place, owner, function)

    @cached_property
    def allowances(self) -> tuple[Allowance, ...]:
        """What comments allow."""
        if b"genesis:" not in self._data:
            return ()
        comments = QueryCursor(_COMMENTS).captures(self.root).get("comment", ())
        return tuple(
            Allowance(self._line_for(node), frozenset(re.split(r"\s*,\s*", match[1].decode())))
            for node in comments
            if (match := _ALLOW.search(node.text or b""))
        )

    @cached_property
    def _outline(self) -> Outline:
        return Outline(self._data, lambda: self.root, self._vocabulary)

    def _line_for(self, comment: Node) -> int:
        """Return the line that a comment speaks of: its own, or the next where it stands alone."""
        before = self._data[: comment.start_byte].rsplit(b"\n", 1)[-1]
        return comment.start_point[0] + (1 if before.strip() else 2)

    def _remote_names(self) -> Iterator[Span]:
        """Yield where the text names a watched function behind the name of a module."""
        data, vocabulary = self._data, self._vocabulary
        renamed = b"as:" in data
        for match in _remote_pattern(vocabulary).finditer(data):
            dot, (start, end) = match.start(), match.span(1)
            # Where the word before the dot may begin: a search from there succeeds at once.
            first = max(data.rfind(mark, 0, dot) for mark in (b" ", b"(", b"\n"))
            head = _HEAD.search(data, first + 1, dot)
            if head is None:
                # With a blank before the dot it may be one; anything else names no module.
                if data[dot - 1 : dot].isspace():
                    yield start, end
                continue
            name = head[0].decode()
            # An alias keeps the last part of a name, unless it says otherwise.
            if renamed or name.rpartition(".")[2] in vocabulary.last_names:
                full = self._outline.expand(name, dot)
                if data[start:end].decode() in vocabulary.of(full):
                    yield start, end

    def _local_names(self) -> Iterator[Span]:
        """Yield where the text names a watched function that may be called without its module."""
        data, vocabulary = self._data, self._vocabulary
        names = {*vocabulary.kernel}
        imported = {m[1].decode().rpartition(".")[2] for m in _IMPORTED.finditer(data)}
        # What ends in a dot goes on with several names in braces.
        if "" in imported or not imported.isdisjoint(vocabulary.last_names):
            for found in self._outline.imports:
                names |= vocabulary.of(found.module)
        for name in names:
            yield from _occurrences(data, name.encode())

    def _calls_at(self, where: Span) -> Iterator[Call]:
        if self._outline.in_doc(where[0]):
            return
        name = self.root.descendant_for_byte_range(*where)
        outer = name.parent if name is not None else None
        if name is None or outer is None or name.type != "identifier" or span(name) != where:
            return
        if outer.type == "dot":
            yield from self._remote(name, outer)
        elif outer.type == "call" and outer.child_by_field_name("target") == name:
            if _DEFINING.search(self._data, max(0, where[0] - _LONGEST_DEF), where[0]):
                return
            whole, given = _expression(outer)
            resolved = self._outline.resolve(code(name), len(given), outer.start_byte)
            if resolved is not None:
                yield from self._call(resolved, whole, where, given, _form(outer, whole))
        elif outer.type == "binary_operator":
            yield from self._operand(name, outer)

    def _remote(self, name: Node, dot: Node) -> Iterator[Call]:
        """`Task.start(fun)`, `&Task.start/1`."""
        left, outer = dot.child_by_field_name("left"), dot.parent
        module = self._module(left) if left is not None else None
        if outer is None or module is None or code(name) not in self._vocabulary.of(module):
            return
        if child(outer, "arguments") is not None:
            whole, given = _expression(outer)
            label = f"{module}.{code(name)}/{len(given)}"
            yield from self._call(label, whole, span(dot), given, _form(outer, whole))
        elif outer.parent is not None and (captured := _captured(outer.parent)) is not None:
            capture, arity = captured
            label = f"{module}.{code(name)}/{arity}"
            yield from self._call(label, capture, span(outer), (), "captured")

    def _operand(self, name: Node, operation: Node) -> Iterator[Call]:
        """`&spawn/1`, and `fun |> spawn`: deprecated, and compiled all the same."""
        left = operation.child_by_field_name("left")
        if (captured := _captured(operation)) is not None and left == name:
            capture, arity = captured
            resolved = self._outline.resolve(code(name), arity, name.start_byte)
            if resolved is not None:
                yield from self._call(resolved, capture, span(name), (), "captured")
        elif code(operation.child_by_field_name("operator")) == "|>" and left != name:
            resolved = self._outline.resolve(code(name), 1, name.start_byte)
            if left is not None and resolved is not None:
                yield from self._call(resolved, operation, span(name), (span(left),), "piped")

    def _module(self, left: Node) -> str | None:
        if left.type in ("alias", "atom") or code(left) == "__MODULE__":
            return self._outline.expand(code(left), left.start_byte)
        return None

    def _call(
        self, label: str, whole: Node, name: Span, given: tuple[Span, ...], form: Form
    ) -> Iterator[Call]:
        if self._outline.in_type(whole.start_byte):
            return
        place, function = self._outline.place(name[0])
        module = self._outline.module_at(name[0])
        captured = form == "captured"
        use, bound = ("captured", None) if captured else use_of(whole, self._outline.expand)
        yield Call(
            target=label,
            start=whole.start_byte,
            end=whole.end_byte,
            name=name,
            arguments=given,
            form=form,
            use=use,
            bound=bound,
            place=place,
            module=module.name if module else None,
            function=function,
        )


_PUBLIC = (
    *("modules", "functions", "aliases", "imports", "directives"),
    *("calls", "atoms", "allowances"),
)


def _form(call: Node, whole: Node) -> Form:
    return "call" if whole == call else "piped"


def _captured(quotient: Node) -> tuple[Node, int] | None:
    """Return the capture and the arity of `&name/arity`, where `quotient` is its operand."""
    capture = quotient.parent
    if capture is None or capture.type != "unary_operator":
        return None
    arity = code(quotient.child_by_field_name("right"))
    operators = quotient.child_by_field_name("operator"), capture.child_by_field_name("operator")
    if [code(operator) for operator in operators] != ["/", "&"] or not arity.isdigit():
        return None
    return capture, int(arity)


def _expression(call: Node) -> tuple[Node, tuple[Span, ...]]:
    """Return the whole expression of a call and its arguments, the piped one first."""
    given = tuple(span(argument) for argument in arguments(call))
    if child(call, "do_block") is not None:
        given = (*given, span(call))
    pipe = call.parent
    if pipe is None or code(pipe.child_by_field_name("operator")) != "|>":
        return call, given
    if pipe.child_by_field_name("right") != call:
        return call, given
    left = pipe.child_by_field_name("left")
    return pipe, ((span(left), *given) if left is not None else given)


@lru_cache(maxsize=8)
def _remote_pattern(vocabulary: Vocabulary) -> re.Pattern[bytes]:
    """Match a dot and a watched name; begins with a literal, by which `re` finds it fast."""
    names = (
        name
        for module, names in vocabulary.functions.items()
        if module != "Kernel"
        for name in names
    )
    return re.compile(rb"\.\s*(" + either(frozenset(names)) + rb")(?![\w?!])")


def _occurrences(data: bytes, name: bytes) -> Iterator[Span]:
    """Yield where `name` stands as a word of its own, neither an attribute nor behind a dot."""
    at = data.find(name)
    while at >= 0:
        end = at + len(name)
        if not _GOES_ON.match(data, end) and not _WITHIN.match(data, at - 1 if at else 0):
            yield at, end
        at = data.find(name, end)


@lru_cache(maxsize=16)
def _tree(data: bytes) -> Tree:
    return parse(data)
