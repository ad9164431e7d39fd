"""Data against a JSON Schema (2020-12)."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator


def misfits(data: Any, schema: dict[str, Any]) -> list[str]:
    """Return what keeps `data` from fitting the schema, each with its place."""
    validator = _validator(json.dumps(schema, sort_keys=True))
    errors = sorted(validator.iter_errors(data), key=lambda error: list(map(str, error.path)))
    return [f"{error.json_path}: {error.message[:300]}" for error in errors]


@lru_cache(maxsize=256)
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))
