"""A path into a result: `a.b`, `items[0].title`, `items[*].title`, as older documents write it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from otp_genesis.errors import UsageError, did_you_mean
from otp_genesis.expr.environment import is_answer

MAX_STEPS = 100
EVERY = "*"
_STEP = re.compile(r"\[(\*|-?\d{1,9}|'[^']*'|\"[^\"]*\")\]|\.?([^.\[\]]+)|(.)", re.DOTALL)
_NUMBER = re.compile(r"-?\d{1,9}")


class NotThere(UsageError):
    """There is nothing at the path."""


def picked(value: Any, path: str) -> Any:
    """Return what is at `path` in `value`.

    Raises `NotThere`, which lists what there is instead, and `UsageError` for a path that is none.
    """
    return _follow(value, _steps(path), path)


def _steps(path: str) -> list[str]:
    """Return the keys and indexes of a path, the latter as text."""
    steps: list[str] = []
    for match in _STEP.finditer(path.strip().removeprefix("$")):
        bracket, key, wrong = match.groups()
        if wrong is not None or len(steps) >= MAX_STEPS:
            raise UsageError(f"{path!r} is no path; write 'a.b', 'items[0].name' or 'items[*]'")
        steps.append(key if bracket is None else bracket.strip("'\""))
    return steps


def _follow(value: Any, steps: Sequence[str], path: str) -> Any:
    for number, step in enumerate(steps):
        if isinstance(value, list) and step == EVERY:
            return [_follow(item, steps[number + 1 :], path) for item in value]
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
