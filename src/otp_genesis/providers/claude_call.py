"""One call of the agent: the CLI is started, heard to the end, and nothing of it left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr

from otp_genesis.contracts.call_site import CallSite
from otp_genesis.contracts.provider import Reply, Request
from otp_genesis.contracts.tool import Tool
from otp_genesis.deferred import deferred
from otp_genesis.errors import CodebaseError, NoAnswerInTime, ProviderError
from otp_genesis.model.outcome import Usage
from otp_genesis.providers.claude_commands import Walls, command_environment
from otp_genesis.providers.claude_errors import error_of_status, failure_of
from otp_genesis.providers.claude_guard import NO_FILES, Guard
from otp_genesis.providers.claude_hooks import hooks_of
from otp_genesis.providers.claude_listener import Listener
from otp_genesis.providers.claude_process import MARK, cli_environment, complaints, ended, launcher
from otp_genesis.providers.claude_request import Asked, is_wrapped, sdk_options
from otp_genesis.providers.claude_sessions import Sessions
from otp_genesis.providers.kind import Surroundings, VendorSettings
from otp_genesis.providers.wire_proxy import WireProxy

if TYPE_CHECKING:
    import claude_agent_sdk as sdk
else:
    sdk = deferred("claude_agent_sdk")

TOKEN = "CLAUDE_CODE_OAUTH_TOKEN"
# What the SDK logs of a process that was ended is no news to the user.
logging.getLogger("claude_agent_sdk").addHandler(logging.NullHandler())
MOST_MESSAGE_BYTES = 64 * 1024**2
_NO_COMMANDS = (
    "commands are not run here: bubblewrap (bwrap) does not work on this machine, and"
    " [providers.claude] does not say allow_commands_unsandboxed = true"
)


class ClaudeSettings(VendorSettings):
    """`[providers.claude]`."""

    cli_path: str | None = None
    """The program of the CLI, where it is not the one that comes with the SDK."""
    allow_commands_unsandboxed: bool = False
    """Whether the agent may run commands where bubblewrap does not work."""
    max_budget_usd: float | None = Field(default=None, gt=0)
    """How much one call may cost, where its options say nothing."""


@dataclass(frozen=True)
class Login:
    """With what the vendor is asked: a key, or the CLI's own login."""

    key: SecretStr | None = None
    token: SecretStr | None = None


@dataclass(frozen=True)
class Setting:
    """What all calls of one provider share."""

    name: str
    settings: ClaudeSettings
    surroundings: Surroundings
    bubblewrap: Callable[[], Awaitable[str | None]]
    """Returns the `bwrap` that works here."""


class Call:
    """One request, made."""

    def __init__(self, setting: Setting, request: Request, site: CallSite, scratch: Path):
        settings = setting.settings
        self.setting, self.request, self.site, self.scratch = setting, request, site, scratch
        self.around = setting.surroundings
        self.root = None if site.codebase is None else Path(site.codebase.root)
        self.asked = Asked.of(request, self.root, scratch, settings.model, settings.max_budget_usd)
        self.sessions = Sessions(self.around.folder)
        self.mark = uuid.uuid4().hex
        self.proxy: WireProxy | None = None
        redact = self.around.secrets.redact
        self.listener = Listener(setting.name, site, redact, stream=request.stream)

    def places(self) -> dict[str, str]:
        """Return the folders whose names differ from run to run."""
        own = {"scratch": str(self.scratch), "state": str(self.around.folder)}
        if self.root is None:
            return own
        return own | {"project": str(self.root), "real": os.path.realpath(self.root)}

    async def made(self, login: Login) -> Reply:
        """Make it; leave no process behind."""
        options, guard = await self._options(login)
        task = asyncio.create_task(self._hear(options))
        limit = self.setting.settings.timeout_s
        try:
            await asyncio.wait({task}, timeout=limit)
            late = not task.done()
        finally:
            await _to_the_end(asyncio.create_task(ended(task, self.mark)))
            problem = None if task.cancelled() else task.exception()
        if late:
            error = NoAnswerInTime(f"there was no answer within {limit:g} s")
            error.output = self.listener.text or None
            raise self._redacted(error)
        if guard.failure is not None:
            raise guard.failure
        return self._reply(problem)

    async def _options(self, login: Login) -> tuple[sdk.ClaudeAgentOptions, Guard]:
        try:
            own_tools = self.site.tools(self.request.tools)
        except CodebaseError as error:
            raise ProviderError(str(error), retryable=False) from None
        options = await sdk_options(self.asked, own_tools)
        guard = await self._guard(own_tools)
        environment = self._environment(login)
        cli = _program(self.setting.settings.cli_path)
        cwd = self._cwd(options.cwd)
        if self.asked.session is not None:
            if not self.sessions.known(self.asked.session):
                message = f"there is no conversation {self.asked.session!r} to go on with"
                raise ProviderError(message, retryable=False)
            self.sessions.bring(self.asked.session, cwd)
        if self.asked.options.get("debug_mode"):
            log = self.around.folder / "debug" / f"{self.mark}.log"
            options.extra_args["debug-file"] = str(log)
        options.cli_path = launcher(cli, self.scratch, environment)
        hooks = hooks_of(guard, self.asked.options.get("hooks") or {})
        options = replace(
            options, cwd=cwd, env=environment, hooks=hooks, max_buffer_size=MOST_MESSAGE_BYTES,
        )  # fmt: skip
        return options, guard

    def _cwd(self, chosen: Any) -> Path:
        """Return where the CLI is started: without files, always in the same empty folder.

        Conversations are kept by it, so that another would not find them.
        """
        for name in ("home", "config", "empty", "debug"):
            (self.around.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(chosen) if self.root is not None else self.around.folder / "empty"

    def _environment(self, login: Login) -> dict[str, str]:
        environment = cli_environment(
            self.around.environ, self.around.folder, self.scratch, self.mark
        )
        if self.proxy is not None:
            environment["ANTHROPIC_BASE_URL"] = self.proxy.url
        elif self.setting.settings.base_url is not None:
            environment["ANTHROPIC_BASE_URL"] = self.setting.settings.base_url
        if login.key is not None and self.proxy is not None:
            environment["ANTHROPIC_API_KEY"] = self.proxy.token
        elif login.token is not None:
            environment[TOKEN] = login.token.get_secret_value()
        # With its retries off it does not come to ask the other model: that it does at the third.
        fallback = self.asked.options.get("fallback_model") is not None
        environment["CLAUDE_CODE_MAX_RETRIES"] = "3" if fallback else "0"
        if self.request.max_output_tokens is not None:
            environment["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(self.request.max_output_tokens)
        if self.asked.mode == "bypassPermissions" and os.geteuid() == 0:
            # The CLI refuses it to root elsewhere; the guard is asked all the same.
            environment["IS_SANDBOX"] = "1"
        return environment

    async def _guard(self, own_tools: Sequence[Tool]) -> Guard:
        settings, said = self.setting.settings, self.asked.options
        walls = None
        if self.root is not None:
            found = await self.setting.bubblewrap()
            free = settings.allow_commands_unsandboxed or said.get("allow_commands_unsandboxed")
            if found is not None or free:
                hidden = [self.around.folder]
                if (settings.api_key or "").startswith("file:"):
                    hidden.append(Path(str(settings.api_key)[5:]).expanduser())
                environment = command_environment(self.around.environ)
                marks = {MARK: self.mark}
                walls = Walls(found, self.root, environment, tuple(hidden), marks)
        return Guard(
            self.site,
            walls,
            allowed_tools=self.asked.allowed_tools or (),
            disallowed_tools=tuple(said.get("disallowed_tools") or ()),
            permission_mode=self.asked.mode,
            own_tools={tool.name: tool for tool in own_tools},
            why_no_commands=NO_FILES if self.root is None else _NO_COMMANDS,
        )

    async def _hear(self, options: sdk.ClaudeAgentOptions) -> None:
        async with aclosing(_as_generator(self.request.prompt, options)) as messages:
            async for message in messages:
                await self.listener.heard(message)

    def _reply(self, problem: BaseException | None) -> Reply:
        result = self.listener.result
        if result is None:
            raise self._no_result(problem)
        # The CLI's process ends badly after it has told what went wrong: that is known then.
        if problem is not None and not isinstance(problem, sdk.ClaudeSDKError):
            raise problem
        cost = self._cost(result)
        failure = failure_of(result, self.proxy, self.listener.text)
        if failure is not None:
            failure.usage = _usage(result.usage or {}, cost)
            failure.requests = max(result.num_turns, 1)
            raise self._redacted(failure)
        if problem is not None:
            raise self._no_result(problem)
        return Reply(
            text=result.result or self.listener.text,
            data=self._data(result.structured_output),
            model=self.listener.model,
            session=result.session_id,
            usage=_usage(result.usage or {}, cost),
            cost_known=result.total_cost_usd is not None,
            requests=max(result.num_turns, 1),
        )

    def _data(self, data: Any) -> Any:
        schema = self.request.output_schema
        if schema is None or data is None:
            return None
        return data.get("value") if is_wrapped(schema) else data

    def _cost(self, result: sdk.ResultMessage) -> float:
        total = result.total_cost_usd or 0.0
        return self.sessions.cost_since(result.session_id, self.asked.session, total)

    def _no_result(self, problem: BaseException | None) -> BaseException:
        if problem is not None and not isinstance(problem, sdk.ClaudeSDKError):
            return problem
        said = complaints(self.scratch)
        text = f"the CLI ended without an answer: {said or problem or 'it said nothing'}"
        fault = None if self.proxy is None else self.proxy.fault
        if self.proxy is not None and self.proxy.missed is not None:
            return self._redacted(ProviderError(self.proxy.missed, retryable=False))
        error = error_of_status(None, fault, text, self.listener.text or None)
        error.retryable = error.retryable or (not said and _was_killed(problem))
        return self._redacted(error)

    def _redacted(self, error: ProviderError) -> ProviderError:
        secrets = self.around.secrets
        error.args = (secrets.redact(str(error)),)
        error.output = secrets.redacted(error.output)
        return error


async def _to_the_end(task: asyncio.Task[None]) -> None:
    """Wait for the task to be over, however often this one is cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _as_generator(prompt: str, options: sdk.ClaudeAgentOptions) -> AsyncGenerator[Any, None]:
    async for message in sdk.query(prompt=prompt, options=options):
        yield message


def _was_killed(problem: BaseException | None) -> bool:
    """Whether the CLI was ended, as where memory runs out: that may go well another time."""
    if isinstance(problem, sdk.ProcessError):
        code = problem.exit_code or 0
        return code < 0 or code > 128
    # It was gone before it had read what it is asked; one that cannot be started is an OSError.
    if not isinstance(problem, sdk.CLIConnectionError):
        return False
    return not isinstance(problem.__cause__, OSError)


def _program(named: str | None) -> str:
    """Return the CLI that is named, else the one that came with the SDK, else one on the path."""
    bundled = Path(sdk.__file__).parent / "_bundled" / "claude"
    wanted = named or (str(bundled) if bundled.is_file() else "claude")
    found = shutil.which(wanted)
    if found is None:
        raise ProviderError(f"there is no program {wanted}: the CLI of Claude", retryable=False)
    return str(Path(found).absolute())


def _usage(said: dict[str, Any], cost: float) -> Usage:
    read = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return Usage(
        input_tokens=sum(int(said.get(name) or 0) for name in read),
        output_tokens=int(said.get("output_tokens") or 0),
        cost_usd=cost,
    )
