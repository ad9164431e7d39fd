"""Shell commands of the agent: which it may run, and the walls that they run within."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from otp_genesis.model.environment import scrubbed_environment

_ROOT_KEEPS = ("CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER")
_NOT_SHOWN = (
    ".aws", ".azure", ".claude", ".claude.json", ".config/gcloud", ".config/gh", ".docker",
    ".git-credentials", ".gnupg", ".kube", ".netrc", ".npmrc", ".pypirc", ".ssh",
)  # fmt: skip
"""What of the user's home no command has to read."""
_PARTS = re.compile(r"&&|\|\||[;|&\n]")
_WITHIN = ("`", "$(", "<(", ">(")
"""Commands within a command: no pattern speaks of them."""


def command_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what commands find in their environment: nothing secret, and no folder of ours."""
    kept = scrubbed_environment(environ)
    kept.pop("TMPDIR", None)
    return kept


def allowed(command: str, allowed_tools: Sequence[str], disallowed_tools: Sequence[str]) -> bool:
    """Whether rules like `Bash`, `Bash(git log *)` and `Bash(mix:*)` let a command be run."""
    parts = [part.strip() for part in _PARTS.split(command) if part.strip()]
    forbidden = _patterns(disallowed_tools)
    if any(_fits(one, rule) for one in (command.strip(), *parts) for rule in forbidden):
        return False
    permitted = _patterns(allowed_tools)
    if "*" in permitted:
        return True
    if any(mark in command for mark in _WITHIN):
        return False
    return bool(parts) and all(any(_fits(part, rule) for rule in permitted) for part in parts)


def _patterns(rules: Sequence[str]) -> list[str]:
    found = [re.fullmatch(r"Bash(?:\((.*)\))?", rule, re.DOTALL) for rule in rules]
    return [match[1] or "*" for match in found if match]


def _fits(command: str, pattern: str) -> bool:
    if pattern == "*":
        return True
    if pattern.endswith(":*"):
        pattern = f"{pattern[:-2]} *"
    if pattern.endswith(" *") and command == pattern[:-2]:
        return True
    shape = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(shape, command, re.DOTALL) is not None


async def find_bubblewrap(environ: Mapping[str, str]) -> str | None:
    """Return the path of a `bwrap` that works here, found by running it."""
    program = shutil.which("bwrap", path=environ.get("PATH"))
    if program is None:
        return None
    tried = [program, *_walls(Path("/"), ()), "--", "true"]
    try:
        # In a thread: who is cancelled meanwhile has no process to end.
        done = await asyncio.to_thread(
            subprocess.run, tried, stdin=subprocess.DEVNULL, capture_output=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return program if done.returncode == 0 else None


@dataclass(frozen=True)
class Walls:
    """How commands are run: in bubblewrap, or with a clean environment only."""

    bubblewrap: str | None
    root: Path
    environment: Mapping[str, str]
    hidden: tuple[Path, ...] = ()
    """Files and folders that commands cannot read."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """What the processes of a call are known by, in their environment."""

    def around(self, command: str, cwd: str = "") -> str:
        """Return the shell command that runs `command` within the walls, in a folder of `root`."""
        shell = shutil.which("bash", path=self.environment.get("PATH")) or "/bin/sh"
        marks = [f"{name}={value}" for name, value in self.marks.items()]
        if self.bubblewrap is None:
            given = [f"{name}={value}" for name, value in sorted(self.environment.items())]
            return shlex.join(["env", "-i", *marks, *given, shell, "-c", command])
        inside = {**self.environment, "TMPDIR": "/tmp"}
        given = [part for one in sorted(inside.items()) for part in ("--setenv", *one)]
        walls = [*_walls(self.root, self._masked(), cwd), "--clearenv", *given]
        # Within the walls bubblewrap itself is to be seen, with the environment it was started in.
        clean = ["env", "-i", *marks, self.bubblewrap]
        # In the place of the CLI's shell: it is to end with the CLI.
        return "exec " + shlex.join([*clean, *walls, "--", shell, "-c", command])

    def _masked(self) -> tuple[Path, ...]:
        home = Path(self.environment.get("HOME", "/nonexistent"))
        found = (*self.hidden, *(home / name for name in _NOT_SHOWN))
        return tuple(path for path in found if not self.root.is_relative_to(path))


def _walls(root: Path, masked: Sequence[Path], cwd: str = "") -> list[str]:
    walls = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    place = str(root)
    if place != "/":
        walls += ["--bind", place, place]
        if (root / ".git").exists():
            walls += ["--ro-bind", f"{place}/.git", f"{place}/.git"]
    for path in masked:
        # In /tmp there is nothing to be hidden but what is in the project.
        if path.is_relative_to("/tmp") and not path.is_relative_to(root):
            continue
        if path.is_dir():
            walls += ["--tmpfs", os.path.realpath(path)]
        elif path.exists():
            walls += ["--ro-bind", "/dev/null", os.path.realpath(path)]
    within = cwd if Path(cwd or "/").is_relative_to(root) else place
    walls += ["--chdir", within or place, "--unshare-pid", "--unshare-ipc", "--unshare-net"]
    walls += ["--die-with-parent", "--new-session"]
    if os.geteuid() == 0:
        walls += ["--cap-drop", "ALL"]
        for capability in _ROOT_KEEPS:
            walls += ["--cap-add", capability]
    return walls
