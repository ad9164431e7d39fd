"""What a name means in an expression of a document that is not strict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from otp_genesis.expr.bounds import ANSWER_KEYS, MAX_TEXT
from otp_genesis.expr.loose_values import ABSENT, TooMuch
from otp_genesis.expr.scope import Names, Scope

MAX_TURNS = 100_000
"""Conditions of items that one evaluation may ask."""
ITEM_WEIGHT = 16
KEPT = ("steps", "inputs", "global_vars")
"""Where nothing is there, a template that names these stays in its text as it is."""

Find = Callable[["View"], Any]


class Meter:
    """What one evaluation may still make, and how many items it may still ask."""

    __slots__ = ("room", "turns")

    def __init__(self) -> None:
        self.room, self.turns = MAX_TEXT, MAX_TURNS

    def spend(self, value: Any) -> None:
        """Count what was made or searched; raise `TooMuch`."""
        if isinstance(value, str):
            self.room -= len(value)
        elif isinstance(value, list | dict):
            self.room -= ITEM_WEIGHT * len(value)
        if self.room < 0:
            raise TooMuch(f"it would make more than {MAX_TEXT} characters or items")

    def turn(self) -> None:
        """Count one item; raise `TooMuch`."""
        self.turns -= 1
        if self.turns < 0:
            raise TooMuch(f"more than {MAX_TURNS} items are asked")


class View:
    """The names of one evaluation."""

    __slots__ = ("item", "meter", "missed", "scope", "step")

    missed: dict[str, None] | None

    def __init__(self, names: Mapping[str, Any]):
        if isinstance(names, Names):
            self.scope, self.step, self.missed = names.scope, names.step, names.missed
        else:
            self.scope, self.step, self.missed = _scope(names), names.get("step", {}), None
        self.meter = Meter()
        self.item: Any = ABSENT

    def of(self, item: Any) -> View:
        """Return the same names and an item, whose fields come first."""
        inner = View.__new__(View)
        inner.scope, inner.step, inner.missed = self.scope, self.step, None
        inner.meter, inner.item = self.meter, item
        return inner

    def miss(self, reference: str) -> None:
        """Keep in mind that there is nothing at a reference."""
        if self.missed is not None:
            self.missed[reference] = None


def _scope(names: Mapping[str, Any]) -> Scope:
    """Return a scope with the names of any mapping."""
    own = {key: names[key] for key in names if key not in ("inputs", "steps", "state", "step")}
    return Scope(names.get("inputs", {}), names.get("steps", {}), names.get("state", {}), own)


def walk(value: Any, keys: tuple[str, ...]) -> Any:
    """Return what is at the end of a path of keys, or `ABSENT`."""
    for key in keys:
        if isinstance(value, dict):
            value = value[key] if key in value else _data_of(value, key)
        elif isinstance(value, list):
            value = value[int(key)] if _is_index(key) and int(key) < len(value) else ABSENT
        elif isinstance(value, Mapping):
            value = value.get(key, ABSENT)
        else:
            return ABSENT
    return value


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) < 10


def _data_of(value: Mapping[str, Any], key: str) -> Any:
    """Return a field of an answer's data, which is asked for like its own."""
    data = value.get("data") if value.keys() >= ANSWER_KEYS else None
    return data.get(key, ABSENT) if isinstance(data, Mapping) else ABSENT


def walk_result(result: Any, keys: tuple[str, ...]) -> Any:
    """Return what a path leads to in a step's result, or else within its key `result`."""
    found = walk(result, keys)
    if found is not ABSENT:
        return found
    if keys == ("result",):
        return result
    inner = result.get("result", ABSENT) if isinstance(result, Mapping) else ABSENT
    return ABSENT if inner is ABSENT else walk(inner, keys)


def finder(root: str, keys: tuple[str, ...], *, condition: bool, item: bool = False) -> Find:
    """Return how a path is found; it gives `ABSENT` where there is nothing.

    Where it is asked of an `item`, the item's fields come before all other names.
    """
    if root == "@":
        return lambda view: walk(view.item, keys)
    if root == "steps":
        outer = _in_steps(keys)
    elif root in _ROOTS:
        outer = _from(_ROOTS[root], keys)
    else:
        outer = _bare(root, keys) if condition else _bare_in_template(root, keys)
    return _of_item(root, keys, outer) if item else outer


def _from(origin: Find, keys: tuple[str, ...]) -> Find:
    return lambda view: walk(origin(view), keys)


def _of_item(root: str, keys: tuple[str, ...], outer: Find) -> Find:
    def find(view: View) -> Any:
        item = view.item
        if isinstance(item, Mapping) and root in item:
            return walk(item[root], keys)
        return outer(view)

    return find


def _in_steps(keys: tuple[str, ...]) -> Find:
    if not keys:
        return lambda view: view.scope.steps
    name, rest = keys[0], keys[1:]

    def find(view: View) -> Any:
        steps = view.scope.steps
        return walk_result(steps[name], rest) if name in steps else ABSENT

    return find


def _bare(root: str, keys: tuple[str, ...]) -> Find:
    """Results come first in a condition, as they were all that pipeline_ex saw there."""

    def find(view: View) -> Any:
        steps = view.scope.steps
        if root in steps:
            return walk_result(steps[root], keys)
        return _elsewhere(view, root, keys)

    return find


def _bare_in_template(root: str, keys: tuple[str, ...]) -> Find:
    def find(view: View) -> Any:
        scope = view.scope
        for places in (scope.local, scope.state):
            if root in places:
                return walk(places[root], keys)
        if root not in _SURROUNDINGS and root not in scope.facts and root in scope.steps:
            return walk_result(scope.steps[root], keys)
        return _elsewhere(view, root, keys)

    return find


def _elsewhere(view: View, root: str, keys: tuple[str, ...]) -> Any:
    scope = view.scope
    for places in (scope.local, scope.state, scope.facts):
        if root in places:
            return walk(places[root], keys)
    origin = _SURROUNDINGS.get(root)
    if origin is not None:
        return walk(origin(view), keys)
    return walk(scope.inputs[root], keys) if root in scope.inputs else ABSENT


def _previous(view: View) -> Any:
    steps = view.scope.steps
    names = list(steps)
    return steps[names[-1]] if names else ABSENT


def _run_id(view: View) -> Any:
    run = view.scope.facts.get("run")
    return run.get("id", ABSENT) if isinstance(run, Mapping) else ABSENT


def _environment(view: View) -> Any:
    workflow = view.scope.facts.get("workflow")
    return workflow.get("environment", ABSENT) if isinstance(workflow, Mapping) else ABSENT


_ROOTS: dict[str, Find] = {
    "inputs": lambda view: view.scope.inputs,
    "state": lambda view: view.scope.state,
    "loop": lambda view: view.scope.local.get("loop", ABSENT),
    "global_vars": lambda view: view.scope.facts.get("global_vars", view.scope.state),
}
"""Names that nothing else can have."""
_SURROUNDINGS: dict[str, Find] = {
    "step": lambda view: view.step,
    "variables": lambda view: view.scope.state,
    "timestamp": lambda view: datetime.now(UTC).replace(microsecond=0),
    "date": lambda view: datetime.now(UTC).date().isoformat(),
    "execution_id": _run_id,
    "previous_response": _previous,
    "environment": _environment,
}
"""Names that mean something where no step and no variable has them."""
