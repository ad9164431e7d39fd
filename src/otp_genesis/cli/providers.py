"""`genesis providers`: who answers for the models, how they are, and who would be asked."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from otp_genesis.cli.opened import JSON, PLUGINS, opened, warn_of_quarantined


def providers(
    name: Annotated[str | None, typer.Argument(help="Show this provider only.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Fail unless one is available.")] = False,
    plugins: PLUGINS = None,
    as_json: JSON = False,
) -> None:
    """List the model providers and whether they can be asked."""
    runtime = opened(plugins)
    registry = runtime.providers
    chosen = [registry.get(name)] if name else list(registry)
    warn_of_quarantined(runtime)

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


async def _provider(entry: Any) -> dict[str, Any]:
    health = await entry.provider.check()
    return {
        "name": entry.name,
        "capabilities": sorted(entry.capabilities),
        "available": health.available,
        "reason": health.reason,
        "remedy": health.remedy,
    }
