"""What `previous_response:STEP:path` and the like mean, as older documents name data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otp_genesis.contracts.step import Context
from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.steps.picking import picked
from otp_genesis.steps.prompting import result_of

PREVIOUS = "previous_response:"
CONTEXT = "context:"


def data_of(source: Any, ctx: Context) -> Any:
    """Return the data that `source` names, or `source` itself where a template gave data.

    Raises `UsageError`, which names the nearest, where there is no such data.
    """
    if not isinstance(source, str):
        return source
    if source.startswith(PREVIOUS):
        step, _, path = source.removeprefix(PREVIOUS).partition(":")
        if step not in ctx.scope.steps and not path:
            step, _, path = step.partition(".")
        value = result_of(step, ctx)
        return picked(value, path) if path else value
    if source.startswith(CONTEXT):
        return _in_context(source.removeprefix(CONTEXT), ctx)
    return _named(source, ctx)


def _in_context(path: str, ctx: Context) -> Any:
    root, _, rest = path.partition(".")
    scope = ctx.scope
    state = {"state": scope.state, "variables": scope.state}
    global_vars = scope.facts.get("global_vars", scope.state)
    known = {"inputs": scope.inputs, "results": scope.steps, "global_vars": global_vars, **state}
    if root not in known:
        raise UsageError(f"there is no {root!r} in the context{did_you_mean(root, known)}")
    value = dict(known[root])
    return picked(value, rest) if rest else value


def _named(name: str, ctx: Context) -> Any:
    scope = ctx.scope
    places: tuple[Mapping[str, Any], ...] = (scope.local, scope.state, scope.steps)
    for place in places:
        if name in place:
            return place[name]
    first, _, path = name.partition(".")
    for place in places:
        if path and first in place:
            return picked(place[first], path)
    known = {key for place in places for key in place}
    raise UsageError(f"no variable and no step is called {name!r}{did_you_mean(name, known)}")


def step_in_source(source: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the step that a source, as written, says it reads."""
    if isinstance(source, str) and source.startswith(PREVIOUS):
        yield (), source.removeprefix(PREVIOUS).partition(":")[0].partition(".")[0]
