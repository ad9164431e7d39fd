"""CSV, YAML and JSON, one into another: text in, text out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any, Literal

from otp_genesis.deferred import deferred
from otp_genesis.errors import InvalidDocument, UsageError
from otp_genesis.expr.environment import as_text
from otp_genesis.model.document import read_document

yaml: Any = deferred("yaml")

Format = Literal["csv_to_json", "json_to_csv", "yaml_to_json", "json_to_yaml"]


def converted(text: str, kind: Format) -> str:
    """Return `text` in the other form; raise `UsageError` where it is not what it should be."""
    try:
        return _CONVERSIONS[kind](text)
    except InvalidDocument as error:
        raise UsageError(f"{kind}: {error.diagnostics[0].message}") from None
    except (ValueError, RecursionError, csv.Error) as error:
        raise UsageError(f"{kind}: {error}") from None


def _csv_to_json(text: str) -> str:
    rows = csv.DictReader(io.StringIO(text), restkey="", skipinitialspace=True)
    named = [{key.strip(): value for key, value in row.items() if key} for row in rows]
    return json.dumps(named, ensure_ascii=False)


def _json_to_csv(text: str) -> str:
    rows = json.loads(text)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("a list of mappings is needed, with one at least")
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: as_text(value) for key, value in row.items()} for row in rows)
    return written.getvalue()


def _yaml_to_json(text: str) -> str:
    document = read_document(text)
    if document.complaints:
        raise InvalidDocument(document.complaints)
    return json.dumps(document.data, ensure_ascii=False)


def _json_to_yaml(text: str) -> str:
    data = json.loads(text)
    return str(yaml.safe_dump(data, allow_unicode=True, sort_keys=False))


_CONVERSIONS: dict[Format, Callable[[str], str]] = {
    "csv_to_json": _csv_to_json,
    "json_to_csv": _json_to_csv,
    "yaml_to_json": _yaml_to_json,
    "json_to_yaml": _json_to_yaml,
}
