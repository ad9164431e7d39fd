"""Which module stands around a place, held against a look at all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.otp.facts import Module
from otp_genesis.otp.nesting import Nesting


def module(name: str, start: int, end: int) -> Module:
    """Return a module that stands there."""
    return Module(name, start, end, (start, start), (), (), (), quoted=False)


def nested(shape: list[int]) -> list[Module]:
    """Return modules that open and close as `shape` says: even numbers open one, odd ones close."""
    opened: list[tuple[int, int]] = []
    spans: list[tuple[int, int]] = []
    for at, step in enumerate([*shape, *[1] * len(shape)]):
        if step % 2 == 0:
            opened.append((at, len(spans)))
            spans.append((at, at))
        elif opened:
            start, number = opened.pop()
            spans[number] = (start, at + 1)
    return [module(f"M{at % 3}", *where) for at, where in enumerate(spans)]


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(0, 70))
def test_the_innermost_module(shape: list[int], offset: int) -> None:
    """The last that starts before a place and ends behind it; the first of a name."""
    modules = nested(shape)
    around = [one for one in modules if one.start <= offset < one.end]
    found = Nesting(modules)

    assert (around[-1] if around else None) == found.at(offset)
    for name in ("M0", "M1", "none"):
        assert next((one for one in modules if one.name == name), None) == found.named(name)
