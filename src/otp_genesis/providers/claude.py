"""Claude as an agent: the CLI of the Claude Agent SDK works on the project's files."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from pydantic import SecretStr

from otp_genesis.contracts.call_site import NOWHERE
from otp_genesis.contracts.provider import Health, Reply, Request
from otp_genesis.errors import BadCredentials, ProviderError, UsageError
from otp_genesis.model.event import Warned
from otp_genesis.providers.claude_call import TOKEN, Call, ClaudeSettings, Login, Setting
from otp_genesis.providers.claude_commands import find_bubblewrap
from otp_genesis.providers.kind import ProviderKind, Surroundings
from otp_genesis.providers.wire_proxy import WireProxy

KEY = "env:ANTHROPIC_API_KEY"
ADDRESS = "https://api.anthropic.com"
INSTALL = "pip install 'otp-genesis[claude]'"
_NOT_INSTALLED = "the package claude-agent-sdk is not installed"


def _installed() -> bool:
    return find_spec("claude_agent_sdk") is not None


class ClaudeProvider:
    """Asks the CLI, each call in a process of its own; conversations are kept in a folder."""

    capabilities = frozenset(
        ("text", "structured_output", "tools", "streaming", "sessions", "agent")
    )
    speaks_wire = True
    """Whether calls are recorded and replayed on the wire, by `CallSite.tape`."""

    def __init__(
        self,
        name: str,
        settings: ClaudeSettings,
        surroundings: Surroundings,
        *,
        installed: Callable[[], bool] = _installed,
    ):
        self.name = name
        self.settings = settings
        self._around = replace(surroundings, folder=surroundings.folder.absolute())
        self._installed = installed
        self._warned: set[str] = set()
        self._bubblewrap: tuple[str | None] | None = None

    async def check(self) -> Health:
        """Say whether the SDK is there and something to log in with."""
        if not self._installed():
            return Health(False, _NOT_INSTALLED, INSTALL)
        try:
            login = self._login()
        except UsageError as error:
            return Health(False, str(error), f"see api_key in [providers.{self.name}]")
        if login is None:
            return Health(False, *self._no_login())
        cli = self.settings.cli_path
        if cli is not None and shutil.which(cli) is None:
            return Health(False, f"{cli} is no program", f"see cli_path in [providers.{self.name}]")
        return Health(True)

    async def complete(self, request: Request) -> Reply:
        """Let the agent work until it answers; raise `ProviderError`."""
        if not self._installed():
            raise ProviderError(f"{_NOT_INSTALLED}: {INSTALL}", retryable=False)
        site = request.site or NOWHERE
        replaying = site.tape is not None and not site.tape.recording
        login = Login(key=SecretStr("replay")) if replaying else self._login()
        if login is None:
            raise BadCredentials("; ".join(self._no_login()))
        # It takes seconds to import.
        await asyncio.to_thread(import_module, "claude_agent_sdk")
        async with _scratch() as scratch, AsyncExitStack() as stack:
            setting = Setting(self.name, self.settings, self._around, self._works)
            call = Call(setting, request, site, scratch)
            await self._warn(call)
            if login.key is not None or site.tape is not None:
                upstream = self.settings.base_url or self._environ("ANTHROPIC_BASE_URL", ADDRESS)
                call.proxy = WireProxy(upstream, login.key, tape=site.tape, places=call.places())
                await stack.enter_async_context(call.proxy)
            return await call.made(login)

    def _environ(self, name: str, default: str) -> str:
        return self._around.environ.get(name) or default

    def _login(self) -> Login | None:
        if (key := self._around.secrets.read(self.settings.api_key or KEY)) is not None:
            return Login(key=key)
        if self.settings.api_key is not None:
            return None
        token = self._environ(TOKEN, "") or self._stored_token()
        if not token:
            return None
        self._around.secrets.know(token, f"env:{TOKEN}")
        return Login(token=SecretStr(token))

    def _stored_token(self) -> str | None:
        """Return the token of the CLI's login in the user's home, unless it has run out."""
        home = Path(self._environ("HOME", "/nonexistent"))
        try:
            text = (home / ".claude" / ".credentials.json").read_text(encoding="utf-8")
            stored = json.loads(text)["claudeAiOauth"]
            good = stored.get("expiresAt", 0) / 1000 > time.time()
            return str(stored["accessToken"]) if good else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _no_login(self) -> tuple[str, str]:
        reference = self.settings.api_key or KEY
        reason = f"there is no key at {reference}"
        if self.settings.api_key is None:
            reason += ", and the CLI is not logged in"
        name = reference.partition(":")[2]
        return reason, (
            f"put the key there ({name}), say where it is by api_key in"
            f" [providers.{self.name}], or set {TOKEN} to what `claude setup-token` says"
        )

    async def _warn(self, call: Call) -> None:
        for option, why in call.asked.unmapped().items():
            if option in self._warned:
                continue
            self._warned.add(option)
            message = f"claude_options: {option!r} has no effect: {why}"
            warned = Warned(
                at=time.time(), path=call.site.path, code="claude_options", message=message
            )
            await call.site.tell(warned)

    async def _works(self) -> str | None:
        if self._bubblewrap is None:
            self._bubblewrap = (await find_bubblewrap(self._around.environ),)
        return self._bubblewrap[0]


@asynccontextmanager
async def _scratch() -> AsyncIterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="genesis-claude-"))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _make(name: str, settings: ClaudeSettings, surroundings: Surroundings) -> ClaudeProvider:
    return ClaudeProvider(name, settings, surroundings)


KIND = ProviderKind(ClaudeSettings, _make)
