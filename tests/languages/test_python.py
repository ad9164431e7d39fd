"""What is found in Python files, and what only looks like it."""

from __future__ import annotations

from languages.reading import exports, facts, imports, one, rows

MODULE = r'''
from __future__ import annotations
import os, os.path as p
import a.b.c
from . import near
from .x.y import (z as w, v)  # from never import me
from ..up import *
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from late import Type

LIMIT = 3
_HIDDEN: int = 4
lower = 5
__all__ = ["run", 'Cart']
__all__ += ["late"]

"""def in_a_string(): pass"""
# def in_a_comment(): pass


@app.route("/x", methods=["GET"])
@cached
async def run[T](a: int = 1, *rest: T, key=None, **more) -> dict[str, int]:
    def inner():
        class Local: ...
        return lambda: 1

    return {}


def _private(): ...
def __dunder__(): ...
def over(
    a,
    b,
) -> None:  # the signature's own comment
    s = "def in_text(): pass"


class Cart(Base[int], pkg.Mixin, metaclass=Meta):
    """class NotMe: pass"""

    @property
    def total(self) -> int: ...

    @total.setter
    def total(self, value): ...

    @staticmethod
    def make(): ...

    async def fetch(self): ...
    def _own(self): ...

    class Inner:
        def deep(self): ...


class _Kept:
    def seen(self): ...


class Shown(Protocol):
    def show(self) -> str: ...


class Plain(abc.ABC): ...
class Old(metaclass=ABCMeta): ...


@overload
def many(a: int) -> int: ...
@overload
def many(a: str) -> str: ...
def many(a): return a
'''


def test_everything_that_is_defined() -> None:
    """Nested, decorated, asynchronous, generic, private; not what stands in text."""
    assert rows("m.py", MODULE) == [
        "12 constant LIMIT",
        "13 constant -_HIDDEN",
        "24 function run",
        "25 function -run.inner",
        "26 class -run.inner.Local",
        "32 function -_private",
        "33 function __dunder__",
        "34 function over",
        "41 class Cart",
        "45 method Cart.total",
        "48 method Cart.total",
        "51 method Cart.make",
        "53 method Cart.fetch",
        "54 method -Cart._own",
        "56 class Cart.Inner",
        "57 method Cart.Inner.deep",
        "60 class -_Kept",
        "61 method -_Kept.seen",
        "64 interface Shown",
        "64 class Shown",
        "65 method Shown.show",
        "68 interface Plain",
        "68 class Plain",
        "69 interface Old",
        "69 class Old",
        "73 function many",
        "75 function many",
        "76 function many",
    ]


def test_signatures_and_decorators() -> None:
    """A signature is one line; decorators are told without their arguments."""
    run = one("m.py", MODULE, "run")

    assert "async def run[T](a: int = 1, *rest: T, key=None, **more) -> dict[str, int]" == (
        run.signature
    )
    assert ("async def", ("app.route", "cached"), 29) == (run.form, run.marks, run.end_line)
    assert "def over( a, b, ) -> None" == one("m.py", MODULE, "over").signature
    totals = [each for each in facts("m.py", MODULE).definitions if each.name == "total"]
    assert [("property",), ("total.setter",)] == [each.marks for each in totals]
    assert () == one("m.py", MODULE, "fetch").marks


def test_bases() -> None:
    """Bases as written, keywords left out."""
    assert ("Base[int]", "pkg.Mixin") == one("m.py", MODULE, "Cart").bases


def test_imports_and_exports() -> None:
    """Every form of import; `__all__` in parts."""
    assert imports("m.py", MODULE) == [
        "1 from __future__",
        "2 import os",
        "2 import os.path",
        "3 import a.b.c",
        "4 from .",
        "5 from .x.y",
        "6 from ..up",
        "7 from typing",
        "10 from late",
    ]
    assert ("z", "v") == facts("m.py", MODULE).imports[5].names
    assert ["run", "Cart", "late"] == exports("m.py", MODULE)
    assert facts("m.py", "def f(): ...").exports is None


def test_where_a_name_stands() -> None:
    """Not in strings, not in comments, not as a part of another name."""
    found = facts("m.py", "go = 1\nx.go(go_on)\n'go' # go\ndef go(): f'{go}'", "go").references

    assert [1, 2, 4, 4] == [each.line for each in found]
