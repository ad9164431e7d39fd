"""Questions to the repository that a folder is in; nothing is changed, and nothing of it is run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from otp_genesis.codebase.git import Git
from otp_genesis.codebase.repository import without_filters
from otp_genesis.errors import UsageError

_LOOKS = {
    "log": ("--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-color"),
    "diff": ("--no-ext-diff", "--no-textconv", "--no-color"),
    "status": ("--ignore-submodules=all",),
    "ls-files": (),
    "rev-parse": (),
}
_WRITES = ("--output", "-o")


async def looked(folder: Path, env: Mapping[str, str], arguments: Sequence[str]) -> str | None:
    """Return what the command prints; nothing where `folder` is committed in no repository.

    Raises `UsageError` for a command that may do more than look, `GitFailed` where git refuses.
    """
    command, rest = arguments[0], arguments[1:]
    if command not in _LOOKS or any(one.startswith(_WRITES) for one in rest):
        raise UsageError(f"git {' '.join(arguments)}: only {', '.join(_LOOKS)} may be asked")
    git = Git(folder, env)
    if await git.ask("rev-parse", "--is-inside-work-tree") != "true":
        return None
    # A folder that a repository around it ignores, or knows nothing of, has no history in it.
    below = await git.ask("rev-parse", "--show-prefix")
    if below and not await git.ask("ls-files", "--cached", "--", "."):
        return None
    # What the user's settings say counts for what is ignored, but no filter of theirs is run.
    asked = replace(await without_filters(git), as_user=True)
    return os.fsdecode(await asked.run(command, *_LOOKS[command], *rest))
