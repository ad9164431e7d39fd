"""What one source file says of itself, as small values; the same for every language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "function", "method", "macro", "class", "module", "interface", "type", "constant",
]  # fmt: skip
CALLABLE: tuple[Kind, ...] = ("function", "method", "macro")


@dataclass(frozen=True, slots=True)
class Definition:
    """One thing that a file defines."""

    name: str
    kind: Kind
    form: str
    """The language's own word: `defp`, `struct`, `trait`, `arrow`, …"""
    line: int
    end_line: int
    signature: str
    """The source up to the body, in one line."""
    public: bool = True
    owner: str = ""
    """The class, module or function that it is in, with dots; empty at the top of a file."""
    marks: tuple[str, ...] = ()
    """Decorators, attributes and annotations before it, without `@` and brackets."""
    bases: tuple[str, ...] = ()
    """What it is derived from or implements, as written (in Elixir with full names)."""
    members: tuple[str, ...] = ()
    """Of an interface: what must be there to implement it. Of a component: its props."""
    arity: int | None = None
    """In Elixir: how many arguments, those with a default included."""
    further: tuple[int, ...] = ()
    """In Elixir: the lines of all clauses but the first."""
    component: bool = False
    """Whether it is a React component, by its name and what it returns."""

    @property
    def clauses(self) -> int:
        """How many clauses there are."""
        return 1 + len(self.further)

    @property
    def full(self) -> str:
        """The name with those of its owners."""
        return f"{self.owner}.{self.name}" if self.owner else self.name


@dataclass(frozen=True, slots=True)
class Import:
    """One thing of another file, or of a library, that a file names."""

    kind: str
    """`import`, `from`, `export`, `require`, `use`, `alias`, `mod`, …; `reference` where a name is
    used in place, without an import."""
    target: str
    """What is named; in Elixir the full module, in Rust a path from `crate`, `self` or `super`."""
    line: int
    names: tuple[str, ...] = ()
    """In Python: what is taken out of the target."""


@dataclass(frozen=True, slots=True)
class Export:
    """One name that others can use, where a language or a file says so itself."""

    name: str
    line: int
    source: str = ""
    """The module that it is passed on from."""
    local: str = ""
    """Its name within the file, where that is another one."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One place where a name stands in code; the column counts characters from 1."""

    name: str
    line: int
    column: int
    text: str
    """The line."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The facts of one file."""

    language: str
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] | None = None
    """Nothing where what is public is what is exported."""
    references: tuple[Reference, ...] = ()
    problem: str = ""
    """Why it could not be read, or not to the end."""
