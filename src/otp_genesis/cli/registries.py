"""`genesis steps`, `genesis plugins` and `genesis schema`: what is registered, and by whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from otp_genesis.cli.opened import JSON, PLUGINS, opened, warn_of_quarantined

if TYPE_CHECKING:
    from otp_genesis.contracts.step_type import StepType
    from otp_genesis.runtime import Runtime


def steps(
    name: Annotated[str | None, typer.Argument(help="Show this step type whole.")] = None,
    capability: Annotated[
        str | None, typer.Option(help="Only those that have this capability.")
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="Only those of this plugin, or 'built-in'.")
    ] = None,
    effects: Annotated[
        Literal["none", "reads", "runs", "writes"] | None,
        typer.Option(help="Only those that do this to the codebase."),
    ] = None,
    plugins: PLUGINS = None,
    as_json: JSON = False,
) -> None:
    """List the step types, or show one with its parameters."""
    runtime = opened(plugins)
    if name is not None:
        entry = _resolved(runtime, name)
        warn_of_quarantined(runtime)
        print(json.dumps(entry, indent=2) if as_json else _page(entry))
        return
    names = runtime.steps.find(capability=capability, origin=origin, effects=effects)
    entries = [_step(runtime, runtime.steps.get(one)) for one in names]
    warn_of_quarantined(runtime)
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    for entry in entries:
        summary = entry["description"].splitlines()[0]
        mark = f" (deprecated{entry['deprecated']})" if entry["deprecated"] is not None else ""
        print(f"{entry['name']:<22} {entry['origin']:<10} {summary}{mark}")


def plugins(files: PLUGINS = None, as_json: JSON = False) -> None:
    """List the plugins: what each adds, and why one is left out."""
    runtime = opened(files)
    entries = runtime.plugins.described()
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    for entry in entries:
        added = ", ".join(f"{len(names)} {kind}" for kind, names in entry["adds"].items() if names)
        told = entry["reason"] or added
        print(f"{entry['name']:<14} {entry['version']:<8} {entry['status']:<12} {told}")
        print(f"{'':<14} from {entry['source']}")


def schema(
    files: PLUGINS = None,
    output: Annotated[Path | None, typer.Option(help="Write it here.")] = None,
) -> None:
    """Print the JSON Schema of a pipeline document, with every registered step type."""
    from otp_genesis.engine.document_schema import document_schema

    runtime = opened(files)
    warn_of_quarantined(runtime)
    aliases = {name: one.of for name, one in runtime.steps.aliases().items()}
    text = json.dumps(document_schema(runtime.steps, aliases), indent=2)
    if output is None:
        print(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")


def _resolved(runtime: Runtime, name: str) -> dict[str, Any]:
    found = runtime.steps.resolve(name)
    entry = _step(runtime, found.entry)
    if found.via != "name":
        entry["found"] = found.via
    if found.deprecation is not None:
        entry["deprecated"] = found.deprecation.told("step type", name)
    return entry


def _step(runtime: Runtime, kind: StepType[Any]) -> dict[str, Any]:
    from otp_genesis.contracts.params_schema import params_schema

    metadata = kind.metadata
    deprecation = runtime.steps.deprecations().get(kind.name)
    instead = f": use {deprecation.use}" if deprecation and deprecation.use else ""
    return {
        "name": kind.name,
        "description": metadata.description,
        "required_fields": list(kind.required_fields),
        "optional_fields": list(kind.optional_fields),
        "capabilities": sorted(metadata.capabilities),
        "effects": kind.effects,
        "version": metadata.version,
        "origin": metadata.origin,
        "file": metadata.file,
        "aliases": [name for name, one in runtime.steps.aliases().items() if one.of == kind.name],
        "deprecated": instead if deprecation else None,
        "legacy_since": metadata.legacy_since,
        "validated": kind.validator is not None,
        "examples": list(metadata.examples),
        "schema": params_schema(kind.params),
        "output_schema": dict(metadata.output_schema) if metadata.output_schema else None,
    }


def _page(entry: dict[str, Any]) -> str:
    lines = [f"{entry['name']}  ({entry['origin']}, effects: {entry['effects']})", ""]
    lines += [entry["description"], ""]
    properties = entry["schema"].get("properties", {})
    for name in (*entry["required_fields"], *entry["optional_fields"]):
        field = properties.get(name, {})
        kind = field.get("type") or "any"
        need = "required" if name in entry["required_fields"] else "optional"
        lines.append(f"  {name:<18} {kind!s:<10} {need}  {field.get('description', '')}".rstrip())
    facts = {
        "capabilities": ", ".join(entry["capabilities"]),
        "version": entry["version"],
        "also called": ", ".join(entry["aliases"]),
        "legacy since": entry["legacy_since"],
        "deprecated": entry["deprecated"],
        "validator": "its own" if entry["validated"] else "",
        "declared in": entry["file"] if entry["origin"] != "built-in" else "",
    }
    lines += ["", *(f"{label}: {value}" for label, value in facts.items() if value)]
    for example in entry["examples"]:
        lines += ["", "example:", *(f"  {line}" for line in example.strip().splitlines())]
    return "\n".join(lines).rstrip()
