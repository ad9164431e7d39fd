"""Reads the facts of one file: one tree-sitter query, then Python on its matches only."""

from __future__ import annotations

import re
from collections import defaultdict
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Literal

from tree_sitter import Node, Query, QueryCursor

from otp_genesis.model.change import digest
from otp_genesis.otp.definitions import Definitions
from otp_genesis.otp.facts import Allowance, Call, DynamicAtom, Form, Kind, SourceFile
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
from otp_genesis.otp.vocabulary import VOCABULARY, Vocabulary

QUERY = Query(
    LANGUAGE,
    """
    (call target: (identifier) @local)
    (call target: (dot right: (identifier) @remote))
    (unary_operator operator: "@" operand: (call target: (identifier) @attribute))
    (unary_operator operator: "&" operand: (binary_operator operator: "/")) @capture
    (binary_operator operator: "|>" right: (identifier) @piped)
    (quoted_atom (interpolation)) @atom
    (quoted_keyword (interpolation)) @keyword
    (sigil (interpolation) (sigil_modifiers)) @sigil
    """,
)
ALLOW = re.compile(rb"genesis:\s*allow\s+(OTP\d{3}(?:\s*,\s*OTP\d{3})*)\s+because\s+\S")


class Unparsable(Exception):
    """The file is no text, or no Elixir that tree-sitter understands."""


def analyse(path: str, data: bytes, vocabulary: Vocabulary = VOCABULARY) -> SourceFile:
    """Return the facts of one file; raise `Unparsable`, with the reason, where there are none."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise Unparsable(f"not UTF-8: byte {error.start} cannot be decoded") from None
    root = parse(data).root_node
    if root.has_error:
        where = first_error(root) or root
        raise Unparsable(f"syntax error near line {where.start_point[0] + 1}")
    return _Reader(data, root, vocabulary).read(path)


def kind_of(path: str) -> Kind:
    """Return what a file is for, by its path."""
    parts = PurePosixPath(path).parts
    if parts and parts[-1] == "mix.exs":
        return "mix"
    if "config" in parts[:-1] and path.endswith(".exs"):
        return "config"
    return "test" if "test" in parts[:-1] or path.endswith("_test.exs") else "lib"


_start = attrgetter("start_byte")


class _Reader:
    def __init__(self, data: bytes, root: Node, vocabulary: Vocabulary):
        self.data, self.vocabulary = data, vocabulary
        self.found = {
            name: sorted(nodes, key=_start)
            for name, nodes in QueryCursor(QUERY).captures(root).items()
        }
        self.root = root
        self.known = Definitions(
            self.found.get("attribute", []), self.found.get("local", []), vocabulary
        )
        self.calls: dict[str, list[Call]] = defaultdict(list)

    def read(self, path: str) -> SourceFile:
        names = self.vocabulary.names
        for node in self.known.candidates:
            self._local(node)
        for node in self.found.get("remote", ()):
            if node.text in names:
                self._remote(node)
        for node in self.found.get("piped", ()):
            if node.text in names:
                self._bare_pipe(node)
        for node in self.found.get("capture", ()):
            self._capture(node)
        return SourceFile(
            path=path,
            text=self.data,
            digest=digest(self.data),
            kind=kind_of(path),
            modules=self.known.modules,
            functions=self.known.functions(),
            aliases=tuple(self.known.aliases),
            imports=tuple(self.known.imports),
            directives=tuple(self.known.directives),
            calls={name: tuple(calls) for name, calls in self.calls.items()},
            atoms=self._atoms(),
            allowances=self._allowances(),
        )

    def _local(self, name: Node) -> None:
        call = name.parent
        if call is None:
            return
        whole, given = _expression(call)
        resolved = self.known.resolve(code(name), len(given), call.start_byte)
        if resolved is not None:
            form: Form = "call" if whole == call else "piped"
            self._add(resolved, whole, span(name), given, form)

    def _remote(self, name: Node) -> None:
        dot = name.parent
        call = dot.parent if dot is not None else None
        left = dot.child_by_field_name("left") if dot is not None else None
        if call is None or dot is None or left is None or child(call, "arguments") is None:
            return
        module = self._module(left)
        if module is not None and code(name) in self.vocabulary.of(module):
            whole, given = _expression(call)
            form: Form = "call" if whole == call else "piped"
            self._add(f"{module}.{code(name)}/{len(given)}", whole, span(dot), given, form)

    def _module(self, left: Node) -> str | None:
        if left.type in ("alias", "atom") or code(left) == "__MODULE__":
            return self.known.expand(code(left), left.start_byte)
        return None

    def _bare_pipe(self, name: Node) -> None:
        """`fun |> spawn`: deprecated, and compiled all the same."""
        pipe = name.parent
        left = pipe.child_by_field_name("left") if pipe is not None else None
        resolved = self.known.resolve(code(name), 1, name.start_byte)
        if pipe is not None and left is not None and resolved is not None:
            self._add(resolved, pipe, span(name), (span(left),), "piped")

    def _capture(self, capture: Node) -> None:
        """`&spawn/1`, `&Task.start/1`."""
        quotient = capture.child_by_field_name("operand")
        named = quotient.child_by_field_name("left") if quotient is not None else None
        arity = code(quotient.child_by_field_name("right")) if quotient is not None else ""
        if named is None or not arity.isdigit():
            return
        resolved = None
        if named.type == "identifier":
            if named.text in self.vocabulary.names:
                resolved = self.known.resolve(code(named), int(arity), named.start_byte)
        elif (dot := child(named, "dot")) is not None:
            left, right = dot.child_by_field_name("left"), code(dot.child_by_field_name("right"))
            module = self._module(left) if left is not None else None
            if module is not None and right in self.vocabulary.of(module):
                resolved = f"{module}.{right}/{arity}"
        if resolved is not None:
            self._add(resolved, capture, span(named), (), "captured")

    def _add(
        self, label: str, whole: Node, name: Span, given: tuple[Span, ...], form: Form
    ) -> None:
        if self.known.in_type(whole.start_byte):
            return
        place, function = self.known.place(name[0])
        module = self.known.module_at(name[0])
        use, bound = ("captured", None) if form == "captured" else use_of(whole, self.known.expand)
        self.calls[label].append(
            Call(
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
        )

    def _atoms(self) -> tuple[DynamicAtom, ...]:
        kinds: tuple[Literal["atom", "keyword", "sigil"], ...] = ("atom", "keyword", "sigil")
        found = []
        for kind in kinds:
            for node in self.found.get(kind, ()):
                if kind == "sigil" and code(child(node, "sigil_modifiers")) != "a":
                    continue
                place, function = self.known.place(node.start_byte)
                module = self.known.module_at(node.start_byte)
                owner = module.name if module else None
                found.append(DynamicAtom(kind, *span(node), place, owner, function))
        return tuple(sorted(found, key=lambda atom: atom.start))

    def _allowances(self) -> tuple[Allowance, ...]:
        if b"genesis:" not in self.data:
            return ()
        comments = QueryCursor(Query(LANGUAGE, "(comment) @c")).captures(self.root).get("c", ())
        return tuple(
            Allowance(self._line_for(node), frozenset(re.split(r"\s*,\s*", match[1].decode())))
            for node in comments
            if (match := ALLOW.search(node.text or b""))
        )

    def _line_for(self, comment: Node) -> int:
        """Return the line that a comment speaks of: its own, or the next where it stands alone."""
        before = self.data[: comment.start_byte].rsplit(b"\n", 1)[-1]
        return comment.start_point[0] + (1 if before.strip() else 2)


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
