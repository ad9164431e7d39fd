"""Data against a JSON Schema (2020-12)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from otp_genesis.deferred import deferred

if TYPE_CHECKING:
    import jsonschema
else:
    jsonschema = deferred("jsonschema")


def misfits(data: Any, schema: dict[str, Any]) -> list[str]:
    """Return what keeps `data` from fitting the schema, each with its place."""
    return [f"{path}: {message}" for path, message in misfits_at(data, schema)]


def misfits_at(data: Any, schema: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the same as pairs: the place as a JSONPath, and what is wrong there."""
    validator = _validator(json.dumps(schema, sort_keys=True))
    errors = sorted(validator.iter_errors(data), key=lambda error: list(map(str, error.path)))
    return [(error.json_path, error.message[:300]) for error in errors]


@lru_cache(maxsize=256)
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema))


def schema_problem(schema: dict[str, Any]) -> tuple[str, Sequence[str | int]] | None:
    """Return why `schema` is no JSON Schema and where, or nothing where it is one."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        return f"not a JSON Schema: {error.message}", tuple(error.absolute_path)
    return None
