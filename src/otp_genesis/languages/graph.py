"""Questions about what depends on what: how far, and in circles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

Graph = Mapping[str, frozenset[str]]
"""Each file → the files that it depends on. Every file is a key."""
MAX_STEPS = 200_000
"""Steps of one search for cycles."""


def turned(graph: Graph) -> dict[str, frozenset[str]]:
    """Return the graph the other way round."""
    found: dict[str, set[str]] = {node: set() for node in graph}
    for node, others in graph.items():
        for other in others:
            found[other].add(node)
    return {node: frozenset(others) for node, others in found.items()}


def reached(graph: Graph, start: Iterable[str], depth: int | None = None) -> dict[str, int]:
    """Return what can be reached, each with the number of steps, without `start` itself."""
    seen = dict.fromkeys(start, 0)
    first = set(seen)
    layer, steps = list(seen), 0
    while layer and (depth is None or steps < depth):
        steps += 1
        others = {other for node in layer for other in graph.get(node, ())}
        layer = sorted(others - seen.keys())
        seen |= dict.fromkeys(layer, steps)
    return {node: far for node, far in seen.items() if node not in first}


def circles(graph: Graph) -> list[list[str]]:
    """Return the groups of files of which each depends on each other, sorted."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    held: list[str] = []
    on: set[str] = set()
    found: list[list[str]] = []
    for root in sorted(graph):
        if root in order:
            continue
        work: list[tuple[str, Iterator[str]]] = [_entered(root, graph, order, low, held, on)]
        while work:
            node, others = work[-1]
            for other in others:
                if other not in order:
                    work.append(_entered(other, graph, order, low, held, on))
                    break
                if other in on:
                    low[node] = min(low[node], order[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    found.append(_closed(node, held, on))
    return sorted(group for group in found if len(group) > 1)


def _entered(
    node: str,
    graph: Graph,
    order: dict[str, int],
    low: dict[str, int],
    held: list[str],
    on: set[str],
) -> tuple[str, Iterator[str]]:
    order[node] = low[node] = len(order)
    held.append(node)
    on.add(node)
    return node, iter(sorted(graph[node]))


def _closed(node: str, held: list[str], on: set[str]) -> list[str]:
    index = held.index(node)
    group = held[index:]
    del held[index:]
    on.difference_update(group)
    return sorted(group)


def cycles(graph: Graph, longest: int, most: int) -> tuple[list[list[str]], bool]:
    """Return the circular ways of at most `longest` files, and whether all of them were found.

    Each begins with its first file by name; the shortest come first. At most `most` are returned.
    """
    found: list[list[str]] = []
    left = MAX_STEPS
    for group in circles(graph):
        inside = {node: sorted(graph[node] & frozenset(group)) for node in group}
        for start in group:
            ways = [[start]]
            while ways:
                left -= 1
                if left < 0:
                    return _sorted(found)[:most], False
                way = ways.pop()
                for other in inside[way[-1]]:
                    if other == start:
                        found.append(way)
                    elif other > start and other not in way and len(way) < longest:
                        ways.append([*way, other])
    return _sorted(found)[:most], len(found) <= most


def _sorted(found: list[list[str]]) -> list[list[str]]:
    return sorted(found, key=lambda way: (len(way), way))
