"""Answers about the project as a whole: its kind, its parts, its declared dependencies."""

from __future__ import annotations

from collections import Counter
from typing import Any

from otp_genesis.languages.manifests import framework
from otp_genesis.languages.names import language_of
from otp_genesis.steps.codebase_query_git import git_info
from otp_genesis.steps.codebase_query_links import top_manifests
from otp_genesis.steps.codebase_query_project import Project
from otp_genesis.steps.codebase_query_roles import ROLES

_TYPES = {"typescript": "javascript"}
_PARTS = ("main", "test", "config", "source")


async def _kind(project: Project) -> dict[str, Any]:
    """Return type, language, framework and how many files there are of each language."""
    counts = Counter(one for path in await project.files() if (one := language_of(path)))
    languages = dict(sorted(counts.items(), key=lambda row: (-row[1], row[0])))
    manifests = [one for one in await project.manifests() if not one.folder]
    declared = sorted({one.project_type for one in manifests})
    by_type = Counter({_TYPES.get(name, name): 0 for name in languages})
    for name, count in languages.items():
        by_type[_TYPES.get(name, name)] += count
    known = declared or sorted(by_type)
    kind = max(known, key=lambda name: by_type[name], default="unknown")
    near = [name for name in languages if _TYPES.get(name, name) == kind]
    every = [one for manifest in manifests for one in manifest.dependencies]
    return {
        "project_type": kind,
        "type": kind,
        "language": near[0] if near else None if kind == "unknown" else kind,
        "framework": framework(every),
        "languages": languages,
        "manifests": [one.path for one in manifests],
    }


async def get_project_type(asked: bool, project: Project) -> dict[str, Any]:
    """Return all that is known of the project's kind."""
    return {**await _kind(project), **project.bad_manifests()}


async def get_language(asked: bool, project: Project) -> dict[str, Any]:
    """Return the language that the project is mostly in."""
    return {"language": (await _kind(project))["language"]}


async def get_framework(asked: bool, project: Project) -> dict[str, Any]:
    """Return the framework that its dependencies tell of."""
    return {"framework": (await _kind(project))["framework"]}


async def get_structure(asked: bool, project: Project) -> dict[str, Any]:
    """Return the project's folders, and its files by what they are for."""
    files = await project.files()
    folders = {
        "/".join(parts[:size])
        for parts in (path.split("/") for path in files)
        for size in range(1, len(parts))
    }
    told = {f"{part}_files": [path for path in files if ROLES[part](path)] for part in _PARTS}
    return {"structure": {"directories": sorted(folders), **told}}


async def get_dependencies(asked: bool, project: Project) -> dict[str, Any]:
    """Return what the project's manifests declare."""
    manifests = await project.manifests()
    top = top_manifests(manifests)
    every = [one for manifest in top for one in manifest.dependencies]
    groups: dict[str, dict[str, str]] = {}
    for one in every:
        groups.setdefault(one.group, {}).setdefault(one.name, one.version)
    rows = [
        {"file": one.path, "type": one.project_type, "name": one.name or None,
         "dependencies": {each.name: each.version for each in one.dependencies}}
        for one in manifests if not one.locked
    ]  # fmt: skip
    return {
        "dependencies": dict(sorted((one.name, one.version) for one in every)),
        "dependency_groups": groups,
        "dependency_files": rows,
        **project.bad_manifests(),
    }


async def codebase_context(project: Project) -> dict[str, Any]:
    """Return what a model should know of the project before it is told anything else."""
    kind = await _kind(project)
    return {
        "project_type": kind["project_type"],
        "language": kind["language"],
        "framework": kind["framework"],
        "file_count": len(await project.files()),
        **await get_structure(True, project),
        "dependencies": (await get_dependencies(True, project))["dependencies"],
        "git_info": await git_info(project),
    }
