"""Commands in a bubblewrap container: own processes, own /tmp, no network, one writable folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from otp_genesis.codebase.local import LocalSandbox, require_program, run_limited
from otp_genesis.contracts.codebase import ExecResult, Limits, Sandbox
from otp_genesis.errors import EnvironmentLacks, MissingTool

Kind = Literal["auto", "bubblewrap", "local"]
# What root keeps inside: enough to write to files of other owners, not enough to undo a mount.
_ROOT_KEEPS = ("CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER")


@dataclass(frozen=True)
class BubblewrapSandbox:
    """`Sandbox` in which a command can change nothing but its folder and those in `writable`.

    Of these, `.git` can only be read.
    All else can be read, except /tmp: there a command finds an empty folder of its own, with the
    `readable` and `writable` folders shown through. A command that a signal ends has the exit code
    128 and the signal's number, as in a shell: its own container stands in between.
    """

    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    name: str = field(default="bubblewrap", init=False)

    def with_writable(self, *folders: Path) -> BubblewrapSandbox:
        """Return a sandbox in which `folders` may be written to as well."""
        return replace(self, writable=(*self.writable, *folders))

    async def run(
        self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str], limits: Limits
    ) -> ExecResult:
        """Run `argv` to its end or to a limit; leave no process behind."""
        require_program(argv, cwd, env)
        bwrap = require_program(("bwrap",), cwd, env)
        command = [bwrap, *self._walls(cwd, limits), "--", *argv]
        inside = {**env, "TMPDIR": "/tmp"}
        return await run_limited(command, argv, cwd=cwd, env=inside, limits=limits)

    async def unavailable(self, env: Mapping[str, str]) -> str | None:
        """Return why commands cannot be run here, found by running one; `None` where they can."""
        try:
            tried = await self.run(["true"], cwd="/", env=env, limits=Limits(timeout_s=10))
        except (MissingTool, EnvironmentLacks) as error:
            return str(error)
        return None if tried.ok else tried.stderr.strip() or f"bwrap ended by {tried.ended_by}"

    def _walls(self, cwd: str, limits: Limits) -> list[str]:
        walls = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
        for folder in self.readable:
            walls += ["--ro-bind", str(folder), str(folder)]
        own = () if cwd == "/" else (Path(os.path.realpath(cwd)),)
        open_to_writes = (*own, *self.writable)
        for folder in open_to_writes:
            walls += ["--bind", str(folder), str(folder)]
        # Git runs outside the walls: a command that could change its configuration could get out.
        for inner in (folder / ".git" for folder in open_to_writes):
            if inner.exists():
                walls += ["--ro-bind", str(inner), str(inner)]
        walls += ["--chdir", os.path.realpath(cwd)]
        walls += ["--unshare-pid", "--unshare-ipc", "--die-with-parent", "--new-session"]
        if not limits.network:
            walls.append("--unshare-net")
        if os.geteuid() == 0:
            walls += ["--cap-drop", "ALL"]
            for capability in _ROOT_KEEPS:
                walls += ["--cap-add", capability]
        return walls


@dataclass(frozen=True)
class ChosenSandbox:
    """A sandbox, and why it is this one."""

    sandbox: Sandbox
    why: str


async def choose_sandbox(
    env: Mapping[str, str],
    *,
    kind: Kind = "auto",
    writable: Sequence[Path] = (),
    readable: Sequence[Path] = (),
) -> ChosenSandbox:
    """Return bubblewrap where it works, else the local one; `kind` insists on one of them.

    Raises `EnvironmentLacks` where bubblewrap is insisted on and does not work.
    """
    if kind == "local":
        return ChosenSandbox(LocalSandbox(), "local was asked for")
    walled = BubblewrapSandbox(tuple(writable), tuple(readable))
    lacking = await walled.unavailable(env)
    if lacking is None:
        return ChosenSandbox(walled, "bubblewrap works here")
    if kind == "bubblewrap":
        raise EnvironmentLacks(f"bubblewrap does not work here: {lacking}")
    return ChosenSandbox(LocalSandbox(), f"bubblewrap does not work here: {lacking}")
