"""`${NAME}` and `${NAME:-default}`: how documents that are not strict name the environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAMED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^{}\"\\]*))?\}")
TEXTS = frozenset(("prompt", "tasks", "parallel_tasks", "content", "command", "system_prompt"))
"""Keys whose values are text for somebody else, in which `${…}` means what it means there."""


def filled(text: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the text with what the environment has, the default, or else nothing."""
    return text and _NAMED.sub(lambda found: environ.get(found[1]) or found[2] or "", text)


def in_templates(value: Any) -> Any:
    """Return the value with templates that read `env` instead."""
    match value:
        case str():
            return _NAMED.sub(_template, value)
        case dict():
            return {
                key: item if key in TEXTS else in_templates(item) for key, item in value.items()
            }
        case list():
            return [in_templates(item) for item in value]
    return value


def names_in(value: Any) -> Iterator[str]:
    """Yield the names that a value reads so."""
    match value:
        case str():
            yield from (found[1] for found in _NAMED.finditer(value))
        case dict():
            for key, item in value.items():
                yield from () if key in TEXTS else names_in(item)
        case list():
            for item in value:
                yield from names_in(item)


def _template(found: re.Match[str]) -> str:
    return f"{{{{ env.{found[1]} | default({json.dumps(found[2] or '', ensure_ascii=False)}) }}}}"
