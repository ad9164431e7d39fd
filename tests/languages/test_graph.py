"""What depends on what, how far, and in circles."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.languages.graph import circles, cycles, reached, turned

NODES = "abcdef"


def _others(node: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from([other for other in NODES if other != node]))


graphs = st.fixed_dictionaries({node: _others(node) for node in NODES})
CHAIN = {"a": frozenset("b"), "b": frozenset("ca"), "c": frozenset("d"), "d": frozenset()}


def test_how_far() -> None:
    """Each with the least number of steps, no further than asked."""
    assert reached(CHAIN, ["a"]) == {"b": 1, "c": 2, "d": 3}
    assert reached(CHAIN, ["a"], 2) == {"b": 1, "c": 2}
    assert reached(turned(CHAIN), ["d"]) == {"c": 1, "b": 2, "a": 3}
    assert reached(CHAIN, ["a"], 0) == {}


@given(graphs)
def test_turned_twice_is_the_same(graph: dict[str, frozenset[str]]) -> None:
    """Turning loses nothing."""
    assert graph == turned(turned(graph))


@given(graphs)
def test_circles_are_those_that_reach_each_other(graph: dict[str, frozenset[str]]) -> None:
    """Held against the definition."""
    far = {node: set(reached(graph, [node])) for node in graph}
    expected = {
        frozenset({node, *(other for other in far[node] if node in far[other])}) for node in graph
    }

    assert {group for group in expected if len(group) > 1} == set(map(frozenset, circles(graph)))


@given(graphs, st.integers(2, 6))
def test_cycles_are_all_there_are(graph: dict[str, frozenset[str]], longest: int) -> None:
    """Held against trying every order of every choice of files."""
    expected = {
        way
        for size in range(2, longest + 1)
        for way in permutations(NODES, size)
        if way[0] == min(way)
        and all(b in graph[a] for a, b in zip(way, (*way[1:], way[0]), strict=True))
    }
    found, complete = cycles(graph, longest, 10_000)

    assert complete
    assert expected == set(map(tuple, found))
    assert len(expected) == len(found)


def test_cycles_end() -> None:
    """Where there are too many ways the search stops and says so."""
    nodes = [str(number) for number in range(40)]
    dense = {node: frozenset(nodes) - {node} for node in nodes}

    assert not cycles(dense, 10, 10)[1]
    assert cycles(CHAIN, 5, 10) == ([["a", "b"]], True)
