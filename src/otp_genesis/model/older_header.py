"""Documents that name the workflow under `pipeline`, beside its steps."""

from __future__ import annotations

from typing import Any

HEADER = "pipeline"
TOLD = "'pipeline' beside 'steps' is read as if what is in it stood beside 'steps': write it so"


def has_header(data: dict[str, Any]) -> bool:
    """Whether a document is written so."""
    return "workflow" not in data and "steps" in data and isinstance(data.get(HEADER), dict)


def without_header(data: dict[str, Any]) -> dict[str, Any]:
    """Return the document with what stands under `pipeline` among its own keys, which count."""
    return {**data[HEADER], **{key: value for key, value in data.items() if key != HEADER}}
