"""Which JSON Schemas a vendor's own structured output takes whole.

What a dialect does not know a vendor refuses, or leaves out unsaid. The model is then told of the
schema in words instead; either way the answer is validated by whoever asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NOTES = frozenset(("title", "description", "$schema", "$id", "$comment", "examples"))
_SHAPE = frozenset(("type", "properties", "required", "additionalProperties", "items", "enum"))
_REFERENCES = frozenset(("$ref", "$defs"))
_CONSTRAINED_NUMBERS = frozenset(("minimum", "maximum"))
_CONSTRAINED_ARRAYS = frozenset(("minItems", "maxItems"))


@dataclass(frozen=True)
class Dialect:
    """What one vendor documents of its structured output."""

    keywords: frozenset[str]
    formats: frozenset[str]
    """Of texts."""
    all_required: bool = False
    """Whether each property must be required."""
    closed: bool = False
    """Whether each object must say `additionalProperties: false`."""
    recursive: bool = True
    plain_enums: bool = True
    """Whether an `enum` holds texts, numbers, booleans and null only."""
    object_root: bool = False
    most_min_items: int | None = None
    most_properties: int | None = None
    most_optional: int | None = None
    most_unions: int | None = None
    most_enum_values: int | None = None
    deepest: int | None = None


OPENAI = Dialect(
    keywords=_NOTES
    | _SHAPE
    | _REFERENCES
    | _CONSTRAINED_NUMBERS
    | _CONSTRAINED_ARRAYS
    | {"const", "anyOf", "pattern", "format", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"},
    formats=frozenset(
        ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
    ),
    all_required=True,
    closed=True,
    object_root=True,
    most_properties=5000,
    most_enum_values=1000,
    deepest=10,
)
"""Chat Completions, `response_format` of type `json_schema` with `strict`."""

ANTHROPIC = Dialect(
    keywords=_NOTES
    | _SHAPE
    | _REFERENCES
    | {"const", "anyOf", "allOf", "default", "format", "minItems", "definitions"},
    formats=frozenset(
        (
            "date-time",
            "time",
            "date",
            "duration",
            "email",
            "hostname",
            "uri",
            "ipv4",
            "ipv6",
            "uuid",
        )
    ),
    closed=True,
    recursive=False,
    most_min_items=1,
    most_optional=24,
    most_unions=16,
)
"""Messages, `output_config.format` of type `json_schema`."""

GEMINI = Dialect(
    keywords=_NOTES
    | _SHAPE
    | _REFERENCES
    | _CONSTRAINED_NUMBERS
    | _CONSTRAINED_ARRAYS
    | {"anyOf", "prefixItems"},
    formats=frozenset(),
    recursive=False,
)
"""`generateContent`, `responseJsonSchema`. What it takes `oneOf` for is `anyOf`; formats come to it
as descriptions only.
"""


LLAMA_CPP = Dialect(
    keywords=_NOTES
    | _SHAPE
    | _REFERENCES
    | _CONSTRAINED_ARRAYS
    | {"const", "anyOf", "oneOf", "allOf", "prefixItems", "minLength", "maxLength", "format"},
    formats=frozenset(("date", "time", "date-time", "uuid")),
    plain_enums=False,
)
"""What llama.cpp makes a grammar of."""


def fits(schema: Mapping[str, Any], dialect: Dialect) -> bool:
    """Whether the vendor takes the schema whole."""
    if dialect.object_root and (schema.get("type") != "object" or "anyOf" in schema):
        return False
    nodes = list(_nodes(schema, 1))
    if not all(isinstance(node, Mapping) and _taken(node, dialect) for node, _ in nodes):
        return False
    if dialect.deepest is not None and max(depth for _, depth in nodes) > dialect.deepest:
        return False
    if not _references_are_fit(schema, [node for node, _ in nodes], dialect):
        return False
    return _is_small([node for node, _ in nodes], dialect)


def _nodes(schema: Any, depth: int) -> Iterator[tuple[Any, int]]:
    """Return each schema in the schema, with how deep it lies."""
    yield schema, depth
    if not isinstance(schema, Mapping):
        return
    for key in ("properties", "$defs", "definitions", "patternProperties"):
        inner = schema.get(key)
        deeper = depth if key.endswith("efs") or key == "definitions" else depth + 1
        for one in inner.values() if isinstance(inner, Mapping) else ():
            yield from _nodes(one, deeper)
    for key in ("anyOf", "allOf", "oneOf", "prefixItems"):
        inner = schema.get(key)
        for one in inner if isinstance(inner, list | tuple) else ():
            yield from _nodes(one, depth)
    items = schema.get("items")
    if items is not None:
        yield from _nodes(items, depth + 1)


def _taken(node: Mapping[str, Any], dialect: Dialect) -> bool:
    """Whether the vendor knows all that this one says, those within it left aside."""
    if not dialect.keywords.issuperset(node):
        return False
    if "format" in node and node["format"] not in dialect.formats:
        return False
    if dialect.most_min_items is not None and node.get("minItems", 0) > dialect.most_min_items:
        return False
    values = node.get("enum", ())
    if dialect.plain_enums and any(isinstance(value, dict | list) for value in values):
        return False
    return not _is_object(node) or _object_taken(node, dialect)


def _is_object(node: Mapping[str, Any]) -> bool:
    kind = node.get("type")
    return "properties" in node or kind == "object" or (isinstance(kind, list) and "object" in kind)


def _object_taken(node: Mapping[str, Any], dialect: Dialect) -> bool:
    if dialect.closed and node.get("additionalProperties") is not False:
        return False
    if isinstance(node.get("additionalProperties"), Mapping):
        return False
    properties = node.get("properties", {})
    return not dialect.all_required or set(properties) <= set(node.get("required", ()))


def _references_are_fit(
    root: Mapping[str, Any], nodes: list[Mapping[str, Any]], dialect: Dialect
) -> bool:
    """Whether all references are to definitions of the schema itself, and go in no circle."""
    targets = {node["$ref"] for node in nodes if "$ref" in node}
    defined = {f"#/{key}/{name}" for key in ("$defs", "definitions") for name in root.get(key, {})}
    if dialect.recursive:
        return targets <= defined | {"#"}
    return targets <= defined and not _circular(root)


def _circular(root: Mapping[str, Any]) -> bool:
    """Whether some definition comes to itself."""
    named = {
        f"#/{key}/{name}": inner
        for key in ("$defs", "definitions")
        for name, inner in root.get(key, {}).items()
    }
    leads = {
        place: {node["$ref"] for node, _ in _nodes(inner, 1) if "$ref" in node}
        for place, inner in named.items()
    }
    # Those that lead to none that is left are taken away until nothing changes.
    while ended := [place for place, to in leads.items() if not to & leads.keys()]:
        for place in ended:
            del leads[place]
    return bool(leads)


def _is_small(nodes: list[Mapping[str, Any]], dialect: Dialect) -> bool:
    """Whether the vendor's limits of size are kept."""
    properties = sum(len(node.get("properties", ())) for node in nodes)
    optional = sum(
        len(set(node.get("properties", ())) - set(node.get("required", ()))) for node in nodes
    )
    unions = sum("anyOf" in node or isinstance(node.get("type"), list) for node in nodes)
    values = sum(len(node.get("enum", ())) for node in nodes)
    counted = (
        (properties, dialect.most_properties),
        (optional, dialect.most_optional),
        (unions, dialect.most_unions),
        (values, dialect.most_enum_values),
    )
    return all(most is None or number <= most for number, most in counted)
