"""Answers about the repository that the project is in; without one they are empty and say so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from otp_genesis.errors import GitFailed, UsageError
from otp_genesis.steps.codebase_query_params import (
    ChangedFiles,
    ChangeFrequency,
    Contributors,
    RecentCommits,
    moment,
)
from otp_genesis.steps.codebase_query_project import Project, literally

NO_REPOSITORY = "the folder is in no git repository, or not committed in it"
NO_COMMITS = "the git repository has no commit yet"
_STATES = {
    "M": "modified", "A": "added", "D": "deleted", "R": "renamed", "C": "copied",
    "T": "type changed", "U": "unmerged", "?": "untracked",
}  # fmt: skip
_ID = 8
_INFO_COMMITS = 5
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_MOST_DAYS = 50 * 365
_FIRST_DAY_S = 24 * 3600
"""Before 1970 git knows no dates: it takes an earlier one for a date to come."""
_COMMIT = "--format=%x01%H%x00%an%x00%ae%x00%aI%x00%s%x00"


async def _ask(project: Project, *arguments: str, paths: Iterable[str] = ()) -> str | None:
    """Return what git says about the folder; nothing without a repository or a commit."""
    git = project.ctx.codebase.ask_git
    chosen = [f":(glob){literally(project.prefix)}{path}" for path in paths]
    if not chosen and (project.prefix or (await git("rev-parse", "--show-prefix") or "").strip()):
        # Of a whole repository nothing is named: git leaves merges out where paths are.
        chosen = [f":(literal){project.prefix.rstrip('/')}" if project.prefix else "."]
    return await git(*arguments, "--", *chosen)


async def _head(project: Project) -> tuple[str | None, str]:
    """Return the commit that the folder is at, or why there is none."""
    try:
        told = await project.ctx.codebase.ask_git("rev-parse", "--verify", "--quiet", "HEAD")
    except GitFailed:
        return None, NO_COMMITS
    return (None, NO_REPOSITORY) if told is None else (told.strip(), "")


async def _branch(project: Project) -> str | None:
    told = await project.ctx.codebase.ask_git("rev-parse", "--abbrev-ref", "HEAD")
    name = (told or "").strip()
    return None if name in ("", "HEAD") else name


async def _status(project: Project) -> list[dict[str, Any]]:
    """Return the files that are otherwise than committed."""
    told = await _ask(project, "status", "--porcelain", "-z", "--no-renames", "-uall") or ""
    # These paths begin at the top of the repository, whatever folder git runs in.
    top = await project.ctx.codebase.ask_git("rev-parse", "--show-prefix") or ""
    rows = []
    for entry in filter(None, told.split("\0")):
        code, path = entry[:2].strip(), entry[3:].removeprefix(top.strip("\n"))
        rows.append({"file": path, "status": _STATES.get(code[:1], code)})
    return sorted((_inside(row, project) for row in rows), key=lambda row: row["file"])


def _inside(row: dict[str, Any], project: Project) -> dict[str, Any]:
    return {**row, "file": row["file"].removeprefix(project.prefix)}


async def get_git_status(asked: bool, project: Project) -> dict[str, Any]:
    """Return branch, commit and what is not committed."""
    head, why = await _head(project)
    if head is None:
        nothing: dict[str, Any] = {
            "branch": None,
            "commit": None,
            "status": None,
            "changed_files": [],
        }
        return {"git_status": {**nothing, "reason": why}}
    changed = await _status(project)
    return {
        "git_status": {
            "branch": await _branch(project),
            "commit": head[:_ID],
            "status": "dirty" if changed else "clean",
            "changed_files": changed,
        }
    }


async def git_info(project: Project) -> dict[str, Any]:
    """Return branch, commit, whether all is committed, and the last commits in a line each."""
    told = dict((await get_git_status(True, project))["git_status"])
    told.pop("changed_files")
    commits = await _commits(project, f"-{_INFO_COMMITS}") if told["commit"] else []
    lines = [f"{one['commit'][:_ID]} {one['message']}" for one in commits]
    return {**told, "recent_commits": lines}


async def get_git_info(asked: bool, project: Project) -> dict[str, Any]:
    """Return the repository in short."""
    return {"git_info": await git_info(project)}


async def _commits(
    project: Project, *options: str, paths: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Return commits, the newest first, each with the files it names where that is asked for."""
    told = await _ask(project, "log", _COMMIT, *options, paths=paths) or ""
    found = []
    for block in told.split("\x01")[1:]:
        commit, author, email, when, message, *names = block.split("\0")
        files = [name.lstrip("\n") for name in names if name.strip("\n")]
        found.append({
            "commit": commit, "author": author, "email": email, "date": when, "message": message,
            "files": files,
        })  # fmt: skip
    return found


async def get_recent_commits(asked: RecentCommits, project: Project) -> dict[str, Any]:
    """Return the last commits that touch the folder."""
    head, why = await _head(project)
    if head is None:
        return {"recent_commits": [], "reason": why}
    commits = await _commits(project, f"-{asked.limit}")
    for one in commits:
        one.pop("files")
    return {"recent_commits": commits}


async def get_changed_files(asked: ChangedFiles, project: Project) -> dict[str, Any]:
    """Return the files that are otherwise than at a commit or moment, or than committed."""
    head, why = await _head(project)
    if head is None:
        return {"changed_files": [], "changed_count": 0, "reason": why}
    start = head
    if asked.since_commit is not None:
        start = await _commit(project, asked.since_commit)
    if asked.since is not None:
        start = await _before(project, asked.since) or _EMPTY_TREE
    told = await _ask(
        project, "diff", "--name-status", "--no-renames", "--relative", "-z", f"{start}"
    )
    parts = (told or "").split("\0")
    rows: list[dict[str, Any]] = [
        {"file": path, "status": _STATES.get(code[:1], code)}
        for code, path in zip(parts[::2], parts[1::2], strict=False)
    ]
    rows = [_inside(row, project) for row in rows]
    rows += [row for row in await _status(project) if row["status"] == "untracked"]
    if asked.include_stats:
        stats = await _stats(project, start)
        rows = [{**row, **stats.get(row["file"], _NO_STATS)} for row in rows]
    rows.sort(key=lambda row: row["file"])
    return {"changed_files": rows, "changed_count": len(rows)}


_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_NO_STATS: dict[str, int | None] = {"added": None, "removed": None}


async def _commit(project: Project, name: str) -> str:
    """Return the commit that a name means; raise `UsageError` where there is none."""
    whole = f"{name}^{{commit}}"
    try:
        told = await project.ctx.codebase.ask_git("rev-parse", "--verify", "--quiet", whole)
    except GitFailed:
        told = None
    if not told:
        raise UsageError(f"there is no commit {name!r} in the repository")
    return told.strip()


async def _before(project: Project, since: str) -> str | None:
    """Return the last commit before a moment, of those that HEAD has."""
    when = moment(since)
    if when.timestamp() < _FIRST_DAY_S:
        return None
    before = f"--before={when.isoformat()}"
    told = await project.ctx.codebase.ask_git("log", "-1", "--format=%H", before)
    return (told or "").strip() or None


async def _stats(project: Project, start: str) -> dict[str, dict[str, int | None]]:
    told = await _ask(project, "diff", "--numstat", "--no-renames", "--relative", "-z", start)
    found: dict[str, dict[str, int | None]] = {}
    for row in filter(None, (told or "").split("\0")):
        added, removed, path = row.split("\t", 2)
        numbers = {"added": _number(added), "removed": _number(removed)}
        found[path.removeprefix(project.prefix)] = numbers
    return found


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


async def get_contributors(asked: Contributors, project: Project) -> dict[str, Any]:
    """Return who has committed, those with most commits first."""
    head, why = await _head(project)
    if head is None:
        return {"contributors": [], "contributor_count": 0, "reason": why}
    commits = await _commits(project, paths=asked.for_files)
    counts = Counter((one["author"], one["email"]) for one in commits)
    rows = [
        {"name": name, "email": email, **({"commits": n} if asked.include_commit_count else {})}
        for (name, email), n in sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    ]
    return {"contributors": rows, "contributor_count": len(rows)}


def _since(period: str) -> tuple[str, ...]:
    """Return git's option for a period such as `3 months`."""
    number, unit = re.findall(r"\w+", period)
    if int(number) * _DAYS[unit.removesuffix("s")] > _MOST_DAYS:
        return ()
    return (f"--since={number}.{unit}.ago",)


async def get_change_frequency(asked: ChangeFrequency, project: Project) -> dict[str, Any]:
    """Return how many commits have changed each file, those changed most first."""
    head, why = await _head(project)
    if head is None:
        return {"change_frequency": [], "reason": why}
    since = _since(asked.time_period) if asked.time_period else ()
    options = ("--name-only", "--no-renames", "--relative", "-z", *since)
    commits = await _commits(project, *options, paths=asked.for_files)
    counts: Counter[str] = Counter()
    for one in commits:
        counts.update({name.removeprefix(project.prefix) for name in one["files"]})
    rows = [
        {"file": path, "changes": n}
        for path, n in sorted(counts.items(), key=lambda row: (-row[1], row[0]))
        if n >= asked.minimum_changes
    ]
    return {"change_frequency": rows}
