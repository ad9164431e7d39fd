"""What is known of one file after one pass: immutable, picklable, without its tree.

Names are resolved: a call's target is `Task.start/1` whether it was written with an alias, by an
import, in a pipe or as a capture.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Literal, NamedTuple, Protocol, TypeVar, cast

from tree_sitter import Node

from otp_genesis.model.change import Edit, FileChange, digest
from otp_genesis.otp.gaps import Gap
from otp_genesis.otp.nesting import Nesting
from otp_genesis.otp.syntax import Lines, Span

T = TypeVar("T")
Kind = Literal["lib", "test", "config", "mix"]
Use = Literal["dropped", "bound", "returned", "argument", "captured", "piped", "used"]
"""What becomes of a call's value: `dropped` is proved; `bound` is `name = call` as a statement."""
Place = Literal["function", "body", "macro", "quote"]
Form = Literal["call", "piped", "captured"]


class Alias(NamedTuple):
    """`short` stands for `full` from `start` to `end`."""

    short: str
    full: str
    start: int
    end: int


class Import(NamedTuple):
    """An `import`; `only` and `other` hold `name/arity`, `only` is `None` where all come."""

    module: str
    only: frozenset[str] | None
    excepted: frozenset[str]
    start: int
    end: int


class Directive(NamedTuple):
    """A `use` or `require` and its scope; `quoted` inside a `quote` block."""

    kind: Literal["use", "require"]
    module: str
    start: int
    end: int
    scope_end: int
    quoted: bool


class Attribute(NamedTuple):
    """`@name value` in a module's body."""

    name: str
    start: int
    end: int
    value: str


class Clause(NamedTuple):
    """One `def` of a function. `parameters` are the spans of its patterns."""

    start: int
    end: int
    head: Span
    parameters: tuple[Span, ...]
    guarded: bool
    impl: bool


class Function(NamedTuple):
    """All clauses of one name and arity in one module; defaults widen `arities`."""

    kind: str
    name: str
    arity: int
    arities: range
    module: str | None
    quoted: bool
    clauses: tuple[Clause, ...]
    label: str
    """The function as Elixir writes it: `name/arity`."""


class Module(NamedTuple):
    """A `defmodule`, its full name, where it stands, and what stands in its body."""

    name: str
    start: int
    end: int
    header: Span
    uses: tuple[str, ...]
    behaviours: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    quoted: bool


class Call(NamedTuple):
    """A call of an OTP function. The span is the whole expression, a pipe's from its left side."""

    target: str
    start: int
    end: int
    name: Span
    arguments: tuple[Span, ...]
    form: Form
    use: Use
    bound: Span | None
    place: Place
    module: str | None
    function: str | None


class DynamicAtom(NamedTuple):
    """An atom literal with an interpolation: `:"a_#{x}"`, `"a_#{x}": 1` or a sigil."""

    kind: Literal["atom", "keyword", "sigil"]
    start: int
    end: int
    place: Place
    module: str | None
    function: str | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """`# genesis: allow OTP001 because …`, which speaks of `line`."""

    line: int
    rules: frozenset[str]


class Facts(Protocol):
    """What is read of one file, each part when it is first asked for."""

    @property
    def root(self) -> Node:
        """The tree of the file."""

    def let_go(self) -> None:
        """Forget the tree; it is parsed again where it is asked for."""

    def read_all(self) -> None:
        """Read every fact now, while the tree is at hand."""

    @property
    def modules(self) -> tuple[Module, ...]:
        """All modules, outer ones first."""

    @property
    def functions(self) -> tuple[Function, ...]:
        """All functions, in the order of their first clauses."""

    @property
    def aliases(self) -> tuple[Alias, ...]:
        """Which names stand for others, and where."""

    @property
    def imports(self) -> tuple[Import, ...]:
        """What is imported, and where."""

    @property
    def directives(self) -> tuple[Directive, ...]:
        """What is used and required."""

    @property
    def calls(self) -> Mapping[str, tuple[Call, ...]]:
        """The calls of watched functions by what they call, each list in file order."""

    @property
    def calls_known(self) -> bool:
        """Whether the calls were asked for before."""

    def may_call(self, name: str) -> bool:
        """Whether the text holds the name of a function at all."""

    @property
    def atoms(self) -> tuple[DynamicAtom, ...]:
        """The atom literals with an interpolation."""

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        """What comments allow."""


@dataclass(frozen=True)
class SourceFile:
    """One Elixir file and its facts."""

    path: str
    text: bytes
    kind: Kind
    facts: Facts = field(compare=False, repr=False)
    gaps: tuple[Gap, ...] = ()
    """Lines that could not be read: nothing is known of them, and the file is not edited."""

    @property
    def modules(self) -> tuple[Module, ...]:
        """All modules, outer ones first."""
        return self.facts.modules

    @property
    def functions(self) -> tuple[Function, ...]:
        """All functions, in the order of their first clauses."""
        return self.facts.functions

    @property
    def aliases(self) -> tuple[Alias, ...]:
        """Which names stand for others, and where."""
        return self.facts.aliases

    @property
    def imports(self) -> tuple[Import, ...]:
        """What is imported, and where."""
        return self.facts.imports

    @property
    def directives(self) -> tuple[Directive, ...]:
        """What is used and required."""
        return self.facts.directives

    @property
    def calls(self) -> Mapping[str, tuple[Call, ...]]:
        """The calls of watched functions by what they call, each list in file order."""
        return self.facts.calls

    @property
    def atoms(self) -> tuple[DynamicAtom, ...]:
        """The atom literals with an interpolation."""
        return self.facts.atoms

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        """What comments allow."""
        return self.facts.allowances

    @cached_property
    def digest(self) -> str:
        """The name of this content."""
        return digest(self.text)

    @property
    def line_count(self) -> int:
        """The number of lines."""
        return self.text.count(b"\n") + (not self.text.endswith(b"\n") and bool(self.text))

    @cached_property
    def lines(self) -> Lines:
        """Positions in this text."""
        return Lines(self.text)

    def __getstate__(self) -> dict[str, object]:
        return {name: self.__dict__[name] for name in ("path", "text", "kind", "facts", "gaps")}

    def once(self, question: Hashable, find: Callable[[], T]) -> T:
        """Return what `find` answers; asked again, the answer is remembered.

        It must follow from this file alone.
        """
        answers = self._answers
        if question not in answers:
            answers[question] = find()
        return cast("T", answers[question])

    @cached_property
    def _answers(self) -> dict[Hashable, object]:
        return {}

    def let_go(self) -> None:
        """Forget the tree, and all answers: they may hold parts of it."""
        self.facts.let_go()
        self._answers.clear()

    def calls_to(self, *targets: str) -> list[Call]:
        """Return the calls that run in production: none in macros and `quote`, in file order."""
        if not self.facts.calls_known and not any(
            self.facts.may_call(function_name(target)) for target in targets
        ):
            return []
        known = self.calls
        found = [
            call
            for target in targets
            if target in known
            for call in known[target]
            if call.place in ("function", "body")
        ]
        return sorted(found, key=_start) if len(found) > 1 else found

    def production_calls(self, *targets: str) -> list[Call]:
        """Return the calls of `calls_to` that are neither in a test nor in a tool."""
        if self.kind != "lib":
            return []
        found = self.calls_to(*targets)
        return [call for call in found if not self.is_tool(call.module)] if found else found

    def call_at(self, start: int, *targets: str) -> Call | None:
        """Return the call of one of `targets` whose expression starts at `start`."""
        return next((call for call in self.calls_to(*targets) if call.start == start), None)

    def slice(self, span: Span) -> str:
        """Return the source in `span`."""
        return self.text[span[0] : span[1]].decode()

    def root(self) -> Node:
        """Return the tree, for a rule that needs more of one candidate."""
        return self.facts.root

    def module_at(self, offset: int) -> Module | None:
        """Return the innermost module around `offset`."""
        return self._nesting.at(offset)

    def module(self, name: str | None) -> Module | None:
        """Return the module of that name."""
        return self._nesting.named(name) if name is not None else None

    @cached_property
    def _nesting(self) -> Nesting:
        return Nesting(self.modules)

    def functions_of(self, module: str | None) -> tuple[Function, ...]:
        """Return the module's functions, in file order, quoted ones left out."""
        return self._functions.get(module, ())

    def function(self, module: str | None, label: str | None) -> Function | None:
        """Return the function `name/arity` of a module."""
        return next((f for f in self.functions_of(module) if f.label == label), None)

    @cached_property
    def _functions(self) -> dict[str | None, tuple[Function, ...]]:
        owned: dict[str | None, list[Function]] = defaultdict(list)
        for function in self.functions:
            if not function.quoted:
                owned[function.module].append(function)
        return {module: tuple(functions) for module, functions in owned.items()}

    def is_tool(self, module: str | None) -> bool:
        """Whether the module serves Mix or a migration: run by hand, outside the application."""
        found = self.module(module)
        tools = {"Mix.Task", "Ecto.Migration"}
        return found is not None and (found.name[:4] == "Mix." or not tools.isdisjoint(found.uses))

    def expand(self, name: str, offset: int) -> str:
        """Return the full name of the module written as `name` at `offset`."""
        return expanded(name, offset, self.aliases, self.module_at(offset))

    def reference(self, module: str, offset: int) -> str:
        """Return how to write the full name `module` at `offset`, whatever is aliased there."""
        return module if self.expand(module, offset) == module else f"Elixir.{module}"

    def requires(self, module: str, offset: int) -> bool:
        """Whether `require module` holds at `offset`."""
        return any(
            found.kind == "require" and found.module == module
            for found in self.directives
            if not found.quoted and found.end <= offset < found.scope_end
        )

    def change(self, *edits: Edit) -> FileChange:
        """Return these edits of this file, with the file's own line ends."""
        if b"\r\n" in self.text:
            edits = tuple(
                edit.model_copy(
                    update={"text": edit.text.replace("\r\n", "\n").replace("\n", "\r\n")}
                )
                for edit in edits
            )
        return FileChange(path=self.path, base=self.digest, edits=edits)


_start = attrgetter("start")


@lru_cache(maxsize=1024)
def function_name(target: str) -> str:
    """Return `start` of `Task.start/1`."""
    return target.partition("/")[0].rpartition(".")[2]


def expanded(name: str, offset: int, aliases: Sequence[Alias], module: Module | None) -> str:
    """Return the full name of a module written as `name` at `offset`, inside `module`."""
    if name == "__MODULE__" or name.startswith("__MODULE__."):
        return name.replace("__MODULE__", module.name if module else "", 1)
    if name.startswith((":", "Elixir.")):
        return name.removeprefix("Elixir.")
    first, dot, rest = name.partition(".")
    for alias in reversed(aliases):
        if alias.short == first and alias.start <= offset < alias.end:
            return f"{alias.full}{dot}{rest}"
    return name
