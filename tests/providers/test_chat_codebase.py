"""A model that works on a real project with the codebase's own tools, by way of a gateway."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from otp_genesis.codebase.folder import FolderCodebase
from otp_genesis.codebase.tools import codebase_tools
from otp_genesis.contracts.call_site import CallSite
from otp_genesis.contracts.provider import Reply, Request
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.model.environment import scrubbed_environment
from otp_genesis.model.event import ModelSaid
from otp_genesis.providers.pool import Pool
from providers.fakes import Told
from providers.vendors import VENDORS, Vendor, ended

DATE = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("vendor", VENDORS, ids=str)
def test_a_model_edits_a_project(vendor: Vendor, tmp_path: Path) -> None:
    """It looks, tries what it may not, changes a file, runs the tests; the events tell all."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.ex").write_text("defmodule A do\n  def a, do: 1\nend\n")
    script = [
        vendor.calling(("search", {"pattern": "def a"}), ("read_file", {"path": "../secret"})),
        vendor.calling(("edit_file", {"path": "a.ex", "old": "do: 1", "new": "do: 2"})),
        vendor.calling(("run_tests", {})),
        "It is 2 now.",
    ]
    told = Told()
    announced: list[str] = []

    async def about_to_write() -> None:
        announced.append("now")

    async def go() -> Reply:
        codebase = await FolderCodebase.open(
            folder, tmp_path / "state", "r", commit_date=DATE, env=scrubbed_environment(os.environ)
        )
        toolbox = codebase_tools(codebase, ("grep", "-c", "do: 2", "a.ex"))
        site = CallSite(codebase=codebase, toolbox=toolbox, about_to_write=about_to_write)
        async with vendor.server(script) as server:
            provider = vendor.made(server.url)
            registry = ProviderRegistry()
            registry.register(provider)
            models = Pool(registry).models("main/fix", told.emit, site=lambda: site)
            request = Request(
                prompt="Make it 2.",
                needs=frozenset(("text", "tools")),
                tools=("search", "read_file", "edit_file", "run_tests"),
            )
            try:
                return await models.complete(request)
            finally:
                await provider.close()

    reply = ended(go())
    results = [
        (one.tool, one.failed)
        for one in told.events
        if isinstance(one, ModelSaid) and one.what == "tool_result"
    ]

    assert (reply.text, reply.requests) == ("It is 2 now.", 4)
    assert (folder / "a.ex").read_text() == "defmodule A do\n  def a, do: 2\nend\n"
    assert sorted(results[:2]) == [("read_file", True), ("search", False)]
    assert results[2:] == [("edit_file", False), ("run_tests", False)]
    assert announced == ["now", "now"]
    (call,) = told.calls
    assert (call.requests, call.usage) == (4, reply.usage)
