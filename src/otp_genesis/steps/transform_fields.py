"""Where an operation finds its data and where its result goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otp_genesis.errors import UsageError, did_you_mean


def at(item: Any, path: str, missing: Any = None) -> Any:
    """Return what is at a dot path through mappings, or `missing`."""
    for key in path.split("."):
        if not isinstance(item, Mapping) or key not in item:
            return missing
        item = item[key]
    return item


def value_at(item: Any, path: str) -> Any:
    """Return the same; `value` is also the item itself, where it has no such field."""
    found = at(item, path)
    return item if found is None and path == "value" and not isinstance(item, Mapping) else found


def put(item: Any, path: str, value: Any) -> dict[str, Any]:
    """Return `item` with `value` at a dot path; what is in the way and no mapping is replaced."""
    return _put(item, path.split("."), value)


def _put(item: Any, path: list[str], value: Any) -> dict[str, Any]:
    inner = item if isinstance(item, dict) else {}
    key, rest = path[0], path[1:]
    return {**inner, key: _put(inner.get(key), rest, value) if rest else value}


def no_list(data: Any, path: str) -> UsageError:
    """Return what to raise where a list within the data is meant and is not there."""
    found = at(data, path)
    if found is not None:
        return UsageError(f"what is at {path!r} in the data is {kind_of(found)}, not a list")
    known = [str(key) for key in data] if isinstance(data, Mapping) else []
    return UsageError(f"there is no list {path!r} in the data{did_you_mean(path, known)}")


def kind_of(value: Any) -> str:
    """Return what kind of data a value is, by the names that results hold."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
    return "list" if isinstance(value, list) else "map"
