"""A path into a result: `a.b`, `items[0].title`, `items[*].title`, or any other JSONPath."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from otp_genesis.deferred import deferred
from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.expr.environment import is_answer

if TYPE_CHECKING:
    from otp_genesis.steps import json_path
else:
    json_path = deferred("otp_genesis.steps.json_path")

MAX_STEPS = 100
EVERY = "*"
_STEP = re.compile(r"\[(\*|-?\d{1,9}|'[^']*'|\"[^\"]*\")\]|\.?([^.\[\]]+)|(.)", re.DOTALL)
_NUMBER = re.compile(r"-?\d{1,9}")


class NotThere(UsageError):
    """There is nothing at the path."""


def picked(value: Any, path: str) -> Any:
    """Return what is at `path` in `value`; where `path` may lead to many things, a list of them.

    Raises `NotThere`, which lists what there is instead, and `UsageError` for a path that is none.
    """
    steps = _steps(path)
    if steps is None:
        return _found(value, path)
    if EVERY in steps:
        return _every(value, steps, path)
    return _follow(value, steps, path)


def _steps(path: str) -> list[str] | None:
    """Return the keys and indexes of a path, the latter as text; nothing where it has others."""
    steps: list[str] = []
    for match in _STEP.finditer(path.strip().removeprefix("$")):
        bracket, key, wrong = match.groups()
        if wrong is not None or len(steps) >= MAX_STEPS:
            return None
        steps.append(key if bracket is None else bracket.strip("'\""))
    return steps


def _found(value: Any, path: str) -> Any:
    try:
        compiled = json_path.compiled(path)
    except UsageError as error:
        known = "'a.b', 'items[0].name', 'items[*].name' or another JSONPath"
        raise UsageError(f"{path!r} is no path; write {known}: {error}") from None
    return compiled.value(value)


def _every(value: Any, steps: Sequence[str], path: str) -> Any:
    """Return all that a path with `*` leads to; what is before the first `*` must be there."""
    first = steps.index(EVERY)
    value = _follow(value, steps[:first], path)
    if not isinstance(value, Mapping | list):
        return _one(value, EVERY, path)
    return json_path.compiled("$" + "".join(map(_selector, steps[first:]))).all(value)


def _selector(step: str) -> str:
    if step == EVERY:
        return "[*]"
    # Of a list it is an index, of a mapping a key.
    return (
        f"[{int(step)},{json.dumps(step)}]" if _NUMBER.fullmatch(step) else f"[{json.dumps(step)}]"
    )


def _follow(value: Any, steps: Sequence[str], path: str) -> Any:
    for step in steps:
        value = _one(value, step, path)
    return value


def _one(value: Any, step: str, path: str) -> Any:
    match value:
        case Mapping():
            return _field(value, step, path)
        case list() if _NUMBER.fullmatch(step):
            if -len(value) <= (index := int(step)) < len(value):
                return value[index]
            raise NotThere(f"there is no {path!r}: the list has {len(value)} elements")
        case list():
            raise NotThere(f"there is no {path!r}: a list has no field {step!r}; say which: [0]")
    kind = "a text" if isinstance(value, str) else "a single value"
    raise NotThere(f"there is no {path!r}: {kind} has no field {step!r}")


def _field(value: Mapping[str, Any], key: str, path: str) -> Any:
    if key in value:
        return value[key]
    # An answer's data is asked for like its own fields, as expressions do.
    data = value.get("data") if is_answer(value) else None
    if isinstance(data, Mapping) and key in data:
        return data[key]
    known = [str(name) for name in value]
    near = did_you_mean(key, known)
    told = f"; available fields: {', '.join(sorted(known)[:30])}" if "did you mean" in near else ""
    what = near + told if known else "; it is empty"
    raise NotThere(f"there is no {path!r}: there is no field {key!r}{what}")
