"""How values of any kind are compared with each other, as pipeline_ex did.

Numbers come before `false`, nothing, `true`, mappings, lists and texts, in this order; 1 and 1.0
are equal. So data of mixed kinds can be sorted, and nothing is not less than a number.
"""

from __future__ import annotations

from typing import Any

Key = tuple[Any, ...]


def order(value: Any) -> Key:
    """Return what `value` is compared by; equal values give equal keys. It can be hashed."""
    match value:
        case False:
            return (1, 0)
        case None:
            return (1, 1)
        case True:
            return (1, 2)
        case int() | float():
            return (0, value)
        case dict():
            pairs = sorted((str(key), order(item)) for key, item in value.items())
            return (2, len(value), tuple(key for key, _ in pairs), tuple(one for _, one in pairs))
        case list() | tuple():
            return (3, tuple(order(item) for item in value))
    return (4, str(value))


def strictly(value: Any) -> Key:
    """Return the same, but 1 and 1.0 differ."""
    return (type(value).__name__, order(value))
