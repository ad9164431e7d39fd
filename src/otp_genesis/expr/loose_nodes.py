"""What an expression of a document that is not strict consists of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression; `start` and `end` are its place in the source."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A value that stands there."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Path(Node):
    """A name, and the keys that follow it with dots."""

    root: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hyphened(Node):
    """`my-step.ok` or `count-1`: names with hyphens, or differences, as the names that are there
    decide. Each part is the words between two hyphens."""

    parts: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Items(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Fields(Node):
    """`{'a': b}`."""

    fields: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`name(a, b, key=c)`."""

    name: str
    arguments: tuple[Node, ...]
    named: tuple[tuple[str, Node], ...] = ()


@dataclass(frozen=True, slots=True)
class Index:
    """`[0]` or `['key']` behind a value."""

    key: Node


@dataclass(frozen=True, slots=True)
class Slice:
    """`[a:b]` behind a value."""

    first: Node | None
    last: Node | None


@dataclass(frozen=True, slots=True)
class Field:
    """`.key` behind what is no plain path."""

    key: str


@dataclass(frozen=True, slots=True)
class Method:
    """`.upper()` behind a value."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """`| name(a, key=b)` behind a value."""

    name: str
    arguments: tuple[Node, ...]
    named: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Test:
    """`is name(a)` behind a value."""

    name: str
    arguments: tuple[Node, ...]
    wanted: bool


Suffix = Index | Slice | Field | Method | Filter | Test


@dataclass(frozen=True, slots=True)
class Suffixed(Node):
    """A value, and what is done to it in turn."""

    base: Node
    suffixes: tuple[Suffix, ...]


@dataclass(frozen=True, slots=True)
class Negative(Node):
    """`-a`."""

    value: Node


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """`a + b - c`: operators of one precedence, from the left. Each operand has a sign but the
    first."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """`a < b <= c`: each pair must hold."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Between(Node):
    """`a between b and c`, both ends included."""

    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class Exists(Node):
    """`a exists` or `a empty`."""

    value: Node
    what: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`not a`."""

    value: Node


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """`a and b and c`, or with `or`."""

    word: str
    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """`a ? b : c`, or `b if a else c`."""

    condition: Node
    then: Node
    otherwise: Node
