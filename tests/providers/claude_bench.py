"""What the tests of the agent share: a project, a vendor of our own, and what was told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from otp_genesis.codebase.folder import FolderCodebase
from otp_genesis.contracts.call_site import CallSite, Tape
from otp_genesis.contracts.provider import Reply, Request
from otp_genesis.contracts.tool import Tool
from otp_genesis.loopback.anthropic import AnthropicServer, Script
from otp_genesis.model.event import Event, ModelSaid, Noted, Warned
from otp_genesis.providers.claude import ClaudeProvider
from otp_genesis.providers.claude_call import ClaudeSettings
from otp_genesis.providers.kind import Surroundings
from otp_genesis.providers.secrets import Secrets

T = TypeVar("T")
KEY = "sk-ant-the-real-key-of-the-user"
EDITS: Mapping[str, Any] = {"permission_mode": "accept_edits"}
SHELL: Mapping[str, Any] = {"allowed_tools": ["Bash"]}
MODEL = "claude-opus-5-5"


@dataclass
class ClaudeBench:
    """A provider with a project and a loopback vendor, for one test."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    with_files: bool = True
    environ: dict[str, str] = field(default_factory=dict)
    about_to_write: Callable[[], Coroutine[Any, Any, None]] | None = None
    toolbox: dict[str, Tool] = field(default_factory=dict)
    tape: Tape | None = None
    events: list[Event] = field(default_factory=list)
    writes: int = 0

    def __post_init__(self) -> None:
        """Make the project."""
        self.project = self.folder / "project"
        self.project.mkdir(parents=True, exist_ok=True)
        self.state = self.folder / "state"
        self.server = AnthropicServer(key=KEY)

    def provider(self, **more: Any) -> ClaudeProvider:
        """Return a provider as `genesis.toml` would set it."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environ = {**kept, "HOME": str(self.folder / "user"), "ANTHROPIC_API_KEY": KEY}
        environ |= self.environ
        given = {"base_url": self.server.url or None, "model": MODEL, **self.settings}
        around = Surroundings(Secrets(environ), self.state, environ)
        return ClaudeProvider("claude", ClaudeSettings.model_validate(given), around, **more)

    async def tell(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)

    async def writing(self) -> None:
        """Count, or do what the test says."""
        self.writes += 1
        if self.about_to_write is not None:
            await self.about_to_write()

    async def site(self) -> CallSite:
        """Return the place that a step asks from."""
        codebase = None
        if self.with_files:
            codebase = await FolderCodebase.open(
                self.project, self.folder / "runs", "r1",
                commit_date=datetime(2026, 1, 2, tzinfo=UTC),
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            )  # fmt: skip
        return CallSite("p/a", self.tell, codebase, self.writing, self.toolbox, self.tape)

    async def ask(self, prompt: str = "go", **request: Any) -> Reply:
        """Ask the provider as it is set now."""
        site = await self.site()
        return await self.provider().complete(Request(prompt=prompt, site=site, **request))

    def run(self, script: Script, prompt: str = "go", **request: Any) -> Reply:
        """Ask once, with the vendor answering by a script."""
        self.server = AnthropicServer(script, key=KEY)

        async def main() -> Reply:
            async with self.server:
                return await self.ask(prompt, **request)

        return asyncio.run(main())

    def said(self, what: str = "tool_result") -> list[str]:
        """Return what was told of one kind."""
        return [one.text for one in self.events if isinstance(one, ModelSaid) and one.what == what]

    def headers(self, name: str) -> set[str]:
        """Return the values that a header had in the requests to the vendor."""
        found = [{n.lower(): v for n, v in one.headers.items()} for one in self.server.asked]
        return {headers.get(name, "") for headers in found}

    @property
    def denials(self) -> list[str]:
        """The results of tools that failed."""
        return [one.text for one in self.events if isinstance(one, ModelSaid) and one.failed]

    @property
    def notes(self) -> list[str]:
        """What was noted."""
        return [one.message for one in self.events if isinstance(one, Noted)]

    @property
    def warnings(self) -> list[str]:
        """What was warned of."""
        return [one.message for one in self.events if isinstance(one, Warned)]
