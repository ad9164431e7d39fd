"""The forms that transformed data can be given back in."""

from __future__ import annotations

import json
from typing import Any, Literal

from otp_genesis.steps.converting import as_csv, as_jsonl, as_yaml
from otp_genesis.steps.prompting import value_text

OutputFormat = Literal["json", "jsonl", "csv", "yaml", "string", "count", "none"]


def formatted(data: Any, form: OutputFormat) -> Any:
    """Return the data in a form; raise `UsageError` where it has none."""
    match form:
        case "json":
            return json.dumps(data, ensure_ascii=False)
        case "jsonl":
            return as_jsonl(data)
        case "csv":
            return as_csv(data)
        case "yaml":
            return as_yaml(data)
        case "string":
            return "" if data is None else value_text(data)
        case "count":
            return len(data) if isinstance(data, list) else 1
    return data
