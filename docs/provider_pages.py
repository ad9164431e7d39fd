"""A page for each kind of provider, from its settings, its capabilities and its schema dialect."""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from otp_genesis.contracts.capability import BUILT_IN
from otp_genesis.contracts.step import NoEffect
from otp_genesis.providers import KINDS, native_schema
from otp_genesis.providers.chat_options import Sampling
from otp_genesis.providers.claude_request import UNMAPPED
from otp_genesis.providers.kind import ProviderKind, Surroundings, kind_named
from otp_genesis.providers.secrets import Secrets
from otp_genesis.steps.claude_options import ClaudeOptions

DIALECTS: Mapping[str, native_schema.Dialect] = {
    "openai": native_schema.OPENAI,
    "anthropic": native_schema.ANTHROPIC,
    "gemini": native_schema.GEMINI,
    "local": native_schema.LLAMA_CPP,
}
MODEL_ABILITIES = (
    "text", "structured_output", "tools", "streaming", "sessions", "agent", "images", "embeddings",
)  # fmt: skip


def provider_pages(note: str, folder: Path) -> dict[Path, str]:
    """Return the pages by their paths."""
    found = {}
    for name in KINDS:
        kind = kind_named(name)
        assert kind is not None
        found[folder / f"{name}.md"] = "\n".join([note, "", *_page(name, kind)]).rstrip() + "\n"
    return found


def _page(name: str, kind: ProviderKind) -> Iterator[str]:
    module = sys.modules[f"otp_genesis.providers.{name}"]
    yield from (f"# `{name}`", "", inspect.cleandoc(module.__doc__ or ""), "", "## Supports", "")
    provider = kind.make(name, kind.settings(), Surroundings(Secrets({}), Path(), {}))
    described = {one.name: one.description for one in BUILT_IN}
    yield from ("| capability | | meaning |", "| --- | --- | --- |")
    for ability in MODEL_ABILITIES:
        mark = "yes" if ability in provider.capabilities else "no"
        yield f"| `{ability}` | {mark} | {described[ability]} |"
    yield from ("", f"## `[providers.{name}]`", "", "| key | default | meaning |")
    yield "| --- | --- | --- |"
    yield from _settings(kind.settings)
    yield from ("", "## Options", "")
    yield from _claude_options() if name == "claude" else _sampling()
    if name in DIALECTS:
        yield from ("", "## Data of a schema", "", *_dialect(DIALECTS[name]))


def _settings(model: type[Any]) -> Iterator[str]:
    said = attribute_docstrings(model)
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        told = json.dumps(default, default=lambda value: list(value))
        yield f"| `{name}` | `{told}` | {_cell(said.get(name, ''))} |"


def attribute_docstrings(model: type[Any]) -> dict[str, str]:
    """Return the text below each field, of the class and those it is derived from."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if not one.__module__.startswith("otp_genesis"):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                found[field.target.id] = inspect.cleandoc(str(text.value.value))
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _sampling() -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name in Sampling.__dataclass_fields__)
    yield f"`options` of a step: {names}; `token_budget` may hold them, too, as pipeline_ex has it."
    yield "What else is written there is left alone."


def _claude_options() -> Iterator[str]:
    mapped = [
        name
        for name, field in ClaudeOptions.model_fields.items()
        if name not in UNMAPPED and not any(isinstance(one, NoEffect) for one in field.metadata)
    ]
    yield "`options` of a step, or `claude_options` of an older one, are those of the agent:"
    yield from (", ".join(f"`{name}`" for name in mapped) + ".", "")
    yield from ("What cannot be had is told in the run:", "")
    yield from (f"- `{name}`: {why}" for name, why in UNMAPPED.items())


def _dialect(dialect: native_schema.Dialect) -> Iterator[str]:
    yield "A schema that keeps to this is left to the vendor's own mode; any other is put in words."
    yield ""
    yield f"- Keywords: {', '.join(f'`{one}`' for one in sorted(dialect.keywords))}."
    formats = ", ".join(f"`{one}`" for one in sorted(dialect.formats)) or "none"
    yield f"- Formats of texts: {formats}."
    rules = {
        "every property is required": dialect.all_required,
        "every object says `additionalProperties: false`": dialect.closed,
        "the root is an object": dialect.object_root,
        "no schema refers to itself": not dialect.recursive,
    }
    yield from (f"- {rule[0].upper()}{rule[1:]}." for rule, holds in rules.items() if holds)
