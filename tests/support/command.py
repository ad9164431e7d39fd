"""`genesis` and `git` as a user runs them, and what a user's folder looks like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}
OURS = ("GENESIS_", "PIPELINE_", "GIT_", "XDG_", "TEST_MODE", "MIX_", "NO_COLOR")


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints; it must succeed."""
    command = ["git", "-c", "protocol.file.allow=always", *arguments]
    env = {**os.environ, **IDENTITY}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, check=True, text=True, timeout=60
    )
    return done.stdout.rstrip("\n")


@dataclass(frozen=True)
class Genesis:
    """The command with a home of its own below `place`."""

    place: Path

    @property
    def home(self) -> Path:
        """Where it keeps its runs."""
        return self.place / "genesis home"

    def environment(self, more: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return what the command sees; a value of `None` takes a variable away."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        user = self.place / "user"
        user.mkdir(exist_ok=True)
        seen = {**kept, "GENESIS_HOME": str(self.home), "HOME": str(user)}
        for name, value in (more or {}).items():
            if value is None:
                seen.pop(name, None)
            else:
                seen[name] = value
        return seen

    def argv(self, *arguments: str | Path) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-W", "error", "-m", "otp_genesis", *map(str, arguments)]

    def __call__(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.argv(*arguments),
            cwd=cwd or self.place,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def start(
        self, *arguments: str | Path, env: Mapping[str, str | None] | None = None
    ) -> subprocess.Popen[str]:
        """Start it in a process group of its own."""
        return subprocess.Popen(
            self.argv(*arguments),
            cwd=self.place,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def refactor(
        self,
        project: Path,
        *options: str | Path,
        env: Mapping[str, str | None] | None = None,
        code: int = 0,
    ) -> dict[str, Any]:
        """Return the JSON of `otp refactor`, which must end with `code`."""
        done = self("otp", "refactor", project, "--json", *options, env=env)
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """Return the events of a run."""
        done = self("runs", "events", run_id)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def said(self, done: subprocess.CompletedProcess[str], code: int) -> str:
        """Return the one message of a command that ended with `code`."""
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        return done.stderr.strip()


def files_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return every file below a folder but git's own: its mode and its bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if ".git" in path.relative_to(folder).parts[:-1]:
            continue
        if path.is_symlink():
            found[name] = (0, os.fsencode(path.readlink()))
        elif path.is_file():
            found[name] = (path.stat().st_mode, path.read_bytes())
    return found


def user_state(folder: Path) -> dict[str, Any]:
    """Return all that a user would miss: files, index, HEAD, configuration, references."""
    state: dict[str, Any] = {"files": files_of(folder)}
    if (folder / ".git").is_dir():
        for name in ("HEAD", "index", "config", "info/exclude"):
            file = folder / ".git" / name
            state[name] = file.read_bytes() if file.exists() else None
        state["refs"] = references(folder)
        state["worktrees"] = git(folder, "worktree", "list", "--porcelain")
        state["hooks"] = files_of(folder / ".git" / "hooks")
    return state


def references(folder: Path) -> dict[str, str]:
    """Return every reference and what it points at."""
    listed = git(folder, "for-each-ref", "--format=%(refname) %(objectname)")
    return dict(line.split() for line in listed.splitlines())


def commits(folder: Path, base: str, branch: str) -> list[str]:
    """Return the commits of a branch since `base`, the oldest first."""
    return git(folder, "rev-list", "--reverse", f"{base}..{branch}").split()
