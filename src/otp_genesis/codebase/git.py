"""Git's plumbing, with everything switched off that a user's configuration could make it do."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from otp_genesis.codebase.children import end_child, start_child
from otp_genesis.errors import EnvironmentLacks, GitFailed, MissingTool

_HARMLESS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    # A repository of another owner is refused because of what its configuration may run; what can
    # be run is switched off here, and the user named the folder.
    "safe.directory=*",
)
_EXACT = (
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "core.fileMode=true",
    "core.symlinks=true",
    "core.trustctime=true",
    "core.excludesFile=/dev/null",
    "core.sparseCheckout=false",
    "submodule.recurse=false",
    "commit.gpgSign=false",
    "i18n.commitEncoding=UTF-8",
    "advice.detachedHead=false",
    "advice.addEmbeddedRepo=false",
)
_LACKS = ("No space left on device", "Read-only file system", "Disk quota exceeded")
_NO_CONFIGURATION = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
}
_INSTALL = "install git (https://git-scm.com/downloads)"


@dataclass(frozen=True)
class Git:
    """Git in one folder. Each method runs one command and raises `GitFailed` where it fails."""

    folder: Path
    environment: Mapping[str, str]
    """What the commands see, without the `GIT_…` names; `PATH` and `HOME` count."""
    settings: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    as_user: bool = False
    """Whether the user's own configuration counts: only to look, never to change anything."""

    def at(self, folder: Path) -> Git:
        """Return the same git in another folder."""
        return replace(self, folder=folder)

    def configured(self, *settings: str) -> Git:
        """Return a git with more `name=value` settings, the later before the earlier."""
        return replace(self, settings=(*self.settings, *settings))

    def with_variables(self, **variables: str) -> Git:
        """Return a git with more environment variables, such as `GIT_INDEX_FILE`."""
        return replace(self, variables={**self.variables, **variables})

    async def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Return what the command prints."""
        code, out, err = await self._execute(arguments, stdin)
        if code != 0:
            said = err.decode(errors="replace")
            if any(words in said for words in _LACKS):
                raise EnvironmentLacks(f"git {arguments[0]} in {self.folder}: {said.strip()}")
            raise GitFailed(arguments, said)
        return out

    async def line(self, *arguments: str) -> str:
        """Return what the command prints as text, without the last line end."""
        return os.fsdecode(await self.run(*arguments)).removesuffix("\n")

    async def lines(self, *arguments: str) -> list[str]:
        """Return the entries of a command that ends each with NUL (`-z`)."""
        return [os.fsdecode(entry) for entry in (await self.run(*arguments)).split(b"\0") if entry]

    async def ask(self, *arguments: str) -> str | None:
        """Return the line that the command prints, or `None` where it fails."""
        code, out, _ = await self._execute(arguments, b"")
        return os.fsdecode(out).removesuffix("\n") if code == 0 else None

    def _environment(self) -> dict[str, str]:
        own = {k: v for k, v in self.environment.items() if not k.startswith("GIT_")}
        return {
            **own,
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            **({} if self.as_user else _NO_CONFIGURATION),
            **self.variables,
        }

    async def _execute(self, arguments: tuple[str, ...], stdin: bytes) -> tuple[int, bytes, bytes]:
        environment = self._environment()
        program = shutil.which("git", path=environment.get("PATH", os.defpath))
        if program is None:
            raise MissingTool("git", _INSTALL)
        exact = () if self.as_user else _EXACT
        settings = [part for s in (*_HARMLESS, *exact, *self.settings) for part in ("-c", s)]
        pipe = asyncio.subprocess.PIPE
        try:
            process = await start_child(
                *(program, *settings, *arguments),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                cwd=self.folder,
                env=environment,
            )
        except OSError as error:
            raise EnvironmentLacks(f"cannot run git in {self.folder}: {error.strerror}") from error
        out, err = await _talk(process, stdin)
        return process.returncode or 0, out, err


async def _talk(process: asyncio.subprocess.Process, stdin: bytes) -> tuple[bytes, bytes]:
    try:
        return await process.communicate(stdin)
    except asyncio.CancelledError:
        # Asked to end rather than killed, git takes its lock files away.
        await end_child(process, signal.SIGTERM)
        raise
