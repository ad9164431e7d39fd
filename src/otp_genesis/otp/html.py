"""Self-contained pages from the templates beside this file: all that is filled in is escaped."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined


def page(template: str, values: dict[str, Any], **filters: Callable[..., Any]) -> str:
    """Return the page that a template makes of `values`."""
    text = files("otp_genesis.otp").joinpath(template).read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(filters)
    return environment.from_string(text).render(values)
