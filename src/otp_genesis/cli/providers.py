"""`genesis providers`: who answers for the models, how they are, and who would be asked."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otp_genesis.cli.opened import JSON, PLUGINS, opened, warn_of_quarantined

RUNS_LOOKED_AT = 20

if TYPE_CHECKING:
    from otp_genesis.providers.explain import ExplainedProvider, Explanation
    from otp_genesis.runtime import Runtime


def providers(
    name: Annotated[str | None, typer.Argument(help="Show this provider only.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Fail unless one is available.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say who would be asked, in order, and why not.")
    ] = False,
    needs: Annotated[
        str, typer.Option(metavar="CAPABILITY,…", help="With --explain: what a request needs.")
    ] = "text",
    strategy: Annotated[
        str | None, typer.Option(help="With --explain: by which order, instead of the set one.")
    ] = None,
    plugins: PLUGINS = None,
    as_json: JSON = False,
) -> None:
    """List the model providers, how they are, and whether they can be asked."""
    wanted = tuple(one.strip() for one in needs.split(",") if one.strip())
    told, seen = asyncio.run(_explained(wanted, strategy, plugins))
    entries = [one for one in told.providers if name in (None, one.name)]
    if name is not None and not entries:
        from otp_genesis.errors import UnknownName

        raise UnknownName("provider", name, [one.name for one in told.providers])
    if as_json:
        data = [{**_data(one), "seen_last": seen.get(one.name)} for one in entries]
        print(json.dumps({**told.model_dump(mode="json"), "providers": data} if explain else data,
                         indent=2))  # fmt: skip
    elif explain:
        _print_order(told, entries)
    else:
        for one in entries:
            before = f"; when it was asked last: {seen[one.name]}" if one.name in seen else ""
            print(f"{_line(one)}{before}")
    if check and not any(one.health == "available" for one in entries):
        raise typer.Exit(3)


async def _explained(
    needs: tuple[str, ...], strategy: str | None, plugins: Any
) -> tuple[Explanation, dict[str, str]]:
    """Return who would be asked, and how each provider was found in the last runs."""
    runtime = opened(plugins)
    async with runtime:
        runtime.catalog()
        await runtime.pool.check_all()
        warn_of_quarantined(runtime)
        told = runtime.pool.explain(needs=needs, strategy=strategy)
    return told, await _seen_last(runtime)


async def _seen_last(runtime: Runtime) -> dict[str, str]:
    """Return what the events of the last runs say of each provider; the newest counts."""
    from otp_genesis.durable.sqlite import SqliteStore
    from otp_genesis.model.run import fold

    path = runtime.settings.home / "runs.sqlite"
    if not path.is_file():
        return {}
    store = SqliteStore(path)
    seen: dict[str, str] = {}
    try:
        for request in list(await store.runs())[:RUNS_LOOKED_AT]:
            state = fold(event for _, event in await store.events(request.run_id))
            seen = {**state.providers, **seen}
    finally:
        await store.close()
    return seen


def _data(one: ExplainedProvider) -> dict[str, Any]:
    data = one.model_dump(mode="json")
    data["available"] = one.health == "available"
    if not data["available"]:
        data["reason"] = one.health_reason
    return data


def _line(one: ExplainedProvider) -> str:
    if one.health == "available":
        state = "available" if one.circuit == "closed" else f"circuit {one.circuit}"
    else:
        remedy = f" ({one.remedy})" if one.remedy else ""
        state = f"unavailable: {one.health_reason}{remedy}"
    return f"{one.name:<14} {', '.join(one.capabilities):<40} {state}"


def _print_order(told: Explanation, entries: list[ExplainedProvider]) -> None:
    print(f"for {', '.join(told.needs)}, by {told.strategy}:")
    if told.fault:
        print(f"  {told.fault}")
    for one in sorted(entries, key=lambda one: (one.place is None, one.place or 0, one.name)):
        place = f"{one.place}." if one.place is not None else "not"
        facts = [f"priority {one.priority}", f"circuit {one.circuit}"]
        if one.latency_s is not None:
            facts.append(f"{one.latency_s:.2f} s")
        if one.calls:
            facts.append(f"{one.calls} calls, {one.failures} failed")
        told_of = one.reason or ", ".join(facts)
        print(f"  {place:<4} {one.name:<16} {told_of}")
