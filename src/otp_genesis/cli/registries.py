"""`genesis steps` and `genesis providers`: what is registered, and by whom."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from otp_genesis.runtime import Runtime

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def steps(
    name: Annotated[str | None, typer.Argument(help="Show this step type whole.")] = None,
    capability: Annotated[
        str | None, typer.Option(help="Only those that have this capability.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """List the step types, or show one with its parameters."""
    from otp_genesis.runtime import Runtime

    runtime = Runtime.in_memory()
    registry = runtime.steps
    _tell_quarantined(runtime)
    if name is not None:
        entry = _step(registry.get(name))
        print(json.dumps(entry, indent=2) if as_json else _page(entry))
        return
    entries = [_step(registry.get(one)) for one in registry.find(capability=capability)]
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    for entry in entries:
        summary = entry["description"].splitlines()[0]
        print(f"{entry['name']:<22} {entry['origin']:<10} {summary}")


def providers(
    name: Annotated[str | None, typer.Argument(help="Show this provider only.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Fail unless one is available.")] = False,
    as_json: JSON = False,
) -> None:
    """List the model providers and whether they can be asked."""
    from otp_genesis.runtime import Runtime

    runtime = Runtime.in_memory()
    registry = runtime.providers
    _tell_quarantined(runtime)
    chosen = [registry.get(name)] if name else list(registry)

    async def look() -> list[dict[str, Any]]:
        return [await _provider(one) for one in chosen]

    entries = asyncio.run(look())
    if as_json:
        print(json.dumps(entries, indent=2))
    for entry in entries if not as_json else ():
        state = "available" if entry["available"] else f"unavailable: {entry['reason']}"
        remedy = f" ({entry['remedy']})" if entry["remedy"] else ""
        print(f"{entry['name']:<14} {', '.join(entry['capabilities']):<40} {state}{remedy}")
    if check and not any(entry["available"] for entry in entries):
        raise typer.Exit(3)


def _tell_quarantined(runtime: Runtime) -> None:
    for plugin in runtime.quarantined:
        print(f"warning: plugin {plugin.name!r} is left out: {plugin.reason}", file=sys.stderr)


def _step(kind: Any) -> dict[str, Any]:
    return {
        "name": kind.name,
        "description": kind.metadata.description,
        "required_fields": list(kind.required_fields),
        "optional_fields": [name for name in kind.optional_fields if name != "body"],
        "capabilities": sorted(kind.metadata.capabilities),
        "effects": kind.effects,
        "version": kind.metadata.version,
        "origin": kind.metadata.origin,
        "schema": kind.params.model_json_schema(),
    }


async def _provider(provider: Any) -> dict[str, Any]:
    health = await provider.check()
    return {
        "name": provider.name,
        "capabilities": sorted(provider.capabilities),
        "available": health.available,
        "reason": health.reason,
        "remedy": health.remedy,
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
    return "\n".join(lines)
