"""Which schemas the vendors take whole."""

from __future__ import annotations

from typing import Any

import pytest

from otp_genesis.providers.native_schema import ANTHROPIC, GEMINI, LLAMA_CPP, OPENAI, fits

TEXT = {"type": "string"}


def of(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the schema of an object that has these and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


def referring(place: str, to: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with a definition."""
    return of({"a": {"$ref": place}}, **{"$defs": {"A": to}})


def enum_of(size: int) -> dict[str, Any]:
    """Return a schema with many values."""
    return of({"a": {"enum": [str(one) for one in range(size)]}})


def nested(depth: int) -> dict[str, Any]:
    """Return an object in an object, so deep."""
    return of({"a": nested(depth - 1) if depth > 2 else TEXT})


OPEN = {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}
OPTIONAL = of({"a": TEXT}, required=[])
TREE = referring("#/$defs/A", of({"next": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}}))


@pytest.mark.parametrize(
    ("schema", "openai", "anthropic", "gemini", "llama"),
    [
        (of({"a": TEXT}, title="T", description="d"), True, True, True, True),
        (of({"a": {"enum": ["x", None, 1, True]}}), True, True, True, True),
        (of({"a": {"type": ["string", "null"]}}), True, True, True, True),
        (of({"a": {"anyOf": [TEXT, {"type": "null"}]}}), True, True, True, True),
        (of({"a": {"type": "array", "items": of({"b": TEXT})}}), True, True, True, True),
        (referring("#/$defs/A", TEXT), True, True, True, True),
        (OPEN, False, False, True, True),
        (OPTIONAL, False, True, True, True),
        (of({"a": OPEN}), False, False, True, True),
        (of({"a": {"type": "array", "items": OPEN}}), False, False, True, True),
        (of({"a": {"type": "integer", "minimum": 0}}), True, False, True, False),
        (of({"a": {"type": "string", "minLength": 1}}), False, False, False, True),
        (of({"a": {"type": "string", "pattern": "^x$"}}), True, False, False, False),
        (of({"a": {"type": "string", "format": "date"}}), True, True, False, True),
        (of({"a": {"type": "string", "format": "iri"}}), False, False, False, False),
        (of({"a": {"type": "array", "items": TEXT, "minItems": 1}}), True, True, True, True),
        (of({"a": {"type": "array", "items": TEXT, "minItems": 2}}), True, False, True, True),
        (of({"a": {"type": "array", "items": TEXT, "maxItems": 2}}), True, False, True, True),
        (of({"a": {"const": 1}}), True, True, False, True),
        (of({"a": {"enum": [{"b": 1}]}}), False, False, False, True),
        (of({"a": {"oneOf": [TEXT]}}), False, False, False, True),
        (of({"a": {"allOf": [TEXT]}}), False, True, False, True),
        (of({"a": {"not": TEXT}}), False, False, False, False),
        (of({"a": True}), False, False, False, False),
        (of({}, additionalProperties=TEXT), False, False, False, False),
        (TREE, True, False, False, True),
        (of({"a": {"$ref": "#"}}), True, False, False, True),
        (of({"a": {"$ref": "https://example.com/x"}}), False, False, False, False),
        (of({"a": {"$ref": "#/$defs/Gone"}}), False, False, False, False),
        ({"type": "array", "items": TEXT}, False, True, True, True),
        ({"anyOf": [of({"a": TEXT}), of({"b": TEXT})]}, False, True, True, True),
        (of({"a": TEXT}, **{"if": {}, "then": {}}), False, False, False, False),
        (nested(10), True, True, True, True),
        (nested(11), False, True, True, True),
        (enum_of(1000), True, True, True, True),
        (enum_of(1001), False, True, True, True),
    ],
)
def test_which_vendor_takes_it(
    schema: dict[str, Any], openai: bool, anthropic: bool, gemini: bool, llama: bool
) -> None:
    """Each by what it documents."""
    taken = [fits(schema, dialect) for dialect in (OPENAI, ANTHROPIC, GEMINI, LLAMA_CPP)]

    assert taken == [openai, anthropic, gemini, llama]


def test_limits_of_size() -> None:
    """More of something than a vendor takes."""
    many = of({f"p{one}": TEXT for one in range(5001)})
    optional = of({f"p{one}": TEXT for one in range(25)}, required=[])
    unions = of({f"p{one}": {"type": ["string", "null"]} for one in range(17)})

    assert [fits(many, OPENAI), fits(many, GEMINI)] == [False, True]
    assert [fits(optional, ANTHROPIC), fits(optional, GEMINI)] == [False, True]
    assert [fits(unions, ANTHROPIC), fits(unions, OPENAI)] == [False, True]
