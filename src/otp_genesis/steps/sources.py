"""What `previous_response:STEP:path` and the like mean, as older documents name data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from otp_genesis.contracts.step import Context
from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.steps.picking import picked
from otp_genesis.steps.prompting import result_of
from otp_genesis.steps.result_paths import data_of_transform, within

PREVIOUS = "previous_response:"
CONTEXT = "context:"
STEPS = "steps"
_ROOTS = ("inputs", "state", "variables", "global_vars")
_FILE = re.compile(r"\.(jsonl?|ya?ml|csv|xml|txt)$")


def data_of(source: Any, ctx: Context) -> Any:
    """Return the data that `source` names, or `source` itself where it is no text.

    Raises `UsageError`, which names the nearest, where there is no such data.
    """
    if not isinstance(source, str):
        return source
    if source.startswith(PREVIOUS):
        return _of_step(source.removeprefix(PREVIOUS), ctx)
    if source.startswith(CONTEXT):
        return _in_context(source.removeprefix(CONTEXT), ctx)
    return _named(source, ctx)


def _of_step(written: str, ctx: Context) -> Any:
    """Return a result, or what is at a path in it, for `STEP`, `STEP:path` or `STEP.path`."""
    step, _, path = written.partition(":")
    if step not in ctx.scope.steps and not path:
        step, path = _split(step)
    value = result_of(step, ctx)
    return within(value, path, ctx) if path else data_of_transform(value)


def _split(name: str) -> tuple[str, str]:
    """Return the first word of a path and the rest of it."""
    end = min((at for at in (name.find("."), name.find("[")) if at > 0), default=len(name))
    return name[:end], name[end:].removeprefix(".")


def _in_context(path: str, ctx: Context) -> Any:
    root, rest = _split(path)
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
    first, path = _split(name)
    for place in places:
        if path and first in place:
            return picked(place[first], path)
    if first == STEPS and path:
        return _of_step(path, ctx)
    if first in _ROOTS:
        return _in_context(name, ctx)
    known = {key for place in places for key in place}
    file = "; a file's content is what file_ops 'read' gives" if _FILE.search(name) else ""
    near = did_you_mean(name, known)
    raise UsageError(f"no variable and no step is called {name!r}{file or near}")


def step_in_source(source: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the step that a source, as written, says it reads."""
    for prefix in (PREVIOUS, f"{STEPS}."):
        if isinstance(source, str) and source.startswith(prefix):
            yield (), _split(source.removeprefix(prefix).partition(":")[0])[0]
