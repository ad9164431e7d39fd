"""Answers about what depends on what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from otp_genesis.languages.facts import FileFacts, Import
from otp_genesis.languages.graph import circles, cycles, reached, turned
from otp_genesis.languages.layout import Layout
from otp_genesis.languages.manifests import Manifest
from otp_genesis.languages.names import language_of
from otp_genesis.languages.resolution import resolved
from otp_genesis.languages.standard import is_standard, package_of
from otp_genesis.steps.codebase_query_files import noted, said, tests_of
from otp_genesis.steps.codebase_query_params import (
    AnalyzeImpact,
    FindCircularDependencies,
    FindDependencies,
    FindDependents,
    FindImports,
)
from otp_genesis.steps.codebase_query_project import Project
from otp_genesis.steps.codebase_query_roles import of_tests

_IN_PLACE = "reference"
_NEAR = ("crate", "self", "super")


async def find_imports(asked: FindImports, project: Project) -> dict[str, Any]:
    """Return what files import, and which files of the project that is."""
    paths, note = await project.places(asked)
    layout = await project.layout()
    rows = []
    for path in paths:
        facts = layout.facts[path]
        for one in facts.imports:
            files = resolved(layout, path, one)
            if one.kind == _IN_PLACE or (asked.external_only and _is_inside(layout, path, one)):
                continue
            package = package_of(facts.language, one.target)
            rows.append({
                "file": path, "line": one.line, "kind": one.kind, "target": one.target,
                "names": list(one.names), "files": list(files),
                "external": not _is_inside(layout, path, one),
                "package": package, "standard": is_standard(facts.language, package),
            })  # fmt: skip
    told = {"imports": rows, "count": len(rows), "config": said(asked)}
    if asked.group_by_package:
        told["packages"] = _by_package(rows)
    return {**told, **project.unparsed(paths), **noted(note)}


def _by_package(rows: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row["package"]].add(row["file"])
    return {package: sorted(files) for package, files in sorted(found.items())}


def _is_inside(layout: Layout, path: str, one: Import) -> bool:
    """Whether an import is of the project: it is a file of it, or says itself that it is near."""
    rust = layout.facts[path].language == "rust"
    near = one.target.partition("::")[0] in _NEAR if rust else one.target.startswith(".")
    return near or bool(resolved(layout, path, one)) or path in _own(layout, path, one)


def _own(layout: Layout, path: str, one: Import) -> tuple[str, ...]:
    """Return the file itself where it names one of its own modules."""
    return (path,) if path in layout.modules.get(one.target, ()) else ()


async def find_dependencies(asked: FindDependencies, project: Project) -> dict[str, Any]:
    """Return what the project declares, or what a file imports."""
    if asked.for_file is None:
        return await _declared(asked, project)
    path, note = await project.known(asked.for_file)
    layout = await project.layout()
    files: dict[str, list[str]] = {"direct": [], "transitive": []}
    direct: list[str] = []
    further: list[str] = []
    if not note and path in layout.facts:
        graph = await project.graph()
        ways = reached(graph, [path], asked.max_depth)
        files["direct"] = sorted(graph[path])
        direct = _targets(layout, [path], asked)
        if asked.include_transitive or asked.type in ("transitive", "all"):
            files["transitive"] = sorted(ways.keys() - graph[path])
            inner = [other for other, far in ways.items() if far < (asked.max_depth or far + 1)]
            further = [one for one in _targets(layout, inner, asked) if one not in direct]
    if asked.type == "transitive":
        direct = []
    dependencies = {
        "direct": direct,
        "transitive": further,
        "file_specific": {path: [*direct, *further]},
        "files": files,
    }
    beside = {**project.unparsed(layout.facts), **noted(note)}
    return {"dependencies": dependencies, "config": said(asked), **beside}


def _targets(layout: Layout, paths: Iterable[str], asked: FindDependencies) -> list[str]:
    """Return the names that files import, as asked for, sorted."""
    found: set[str] = set()
    for path in paths:
        facts = layout.facts[path]
        if asked.language in (None, facts.language):
            found |= {one.target for one in _wanted(layout, path, facts, asked)}
    return sorted(found)


def _wanted(
    layout: Layout, path: str, facts: FileFacts, asked: FindDependencies
) -> Iterator[Import]:
    for one in facts.imports:
        if path in _own(layout, path, one):
            continue
        inside = _is_inside(layout, path, one)
        standard = is_standard(facts.language, package_of(facts.language, one.target))
        if inside and not asked.include_internal:
            continue
        if not inside and not (asked.include_stdlib if standard else asked.include_external):
            continue
        yield one


async def _declared(asked: FindDependencies, project: Project) -> dict[str, Any]:
    manifests = top_manifests(await project.manifests())
    if asked.language is not None:
        kind = "javascript" if asked.language == "typescript" else asked.language
        manifests = [one for one in manifests if one.project_type == kind]
    every = [one for manifest in manifests for one in manifest.dependencies]
    direct = sorted({one.name for one in every if one.group != "indirect"})
    further: list[str] = []
    note = ""
    if asked.include_transitive or asked.type in ("transitive", "all"):
        locked = {name for manifest in manifests for name in manifest.locked}
        locked |= {one.name for one in every if one.group == "indirect"}
        own = {manifest.name for manifest in manifests}
        further = sorted(locked - set(direct) - own - {""})
        note = "" if locked else "no lock file says what the dependencies depend on"
    dependencies: dict[str, Any] = {
        "direct": [] if asked.type == "transitive" else direct,
        "transitive": further,
        "file_specific": {},
    }
    beside = {**project.bad_manifests(), **noted(note)}
    return {"dependencies": dependencies, "config": said(asked), **beside}


def top_manifests(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return the manifests at the top of the project, or all where there is none."""
    every = list(manifests)
    return [one for one in every if not one.folder] or every


async def find_dependents(asked: FindDependents, project: Project) -> dict[str, Any]:
    """Return the files that depend on a file, or on a module by its name."""
    layout, note = await project.layout(), ""
    back = turned(await project.graph())
    if asked.of_file is not None:
        path, note = await project.known(asked.of_file)
        found = {} if note else reached(back, [path], asked.max_depth)
    else:
        first = [path for path in layout.facts if _imports(layout.facts[path], asked.of_module)]
        further = reached(back, first, asked.max_depth - 1)
        found = {**dict.fromkeys(first, 1), **{path: far + 1 for path, far in further.items()}}
    kept = sorted(path for path in found if asked.include_tests or not of_tests(path))
    rows = [{"file": path, "depth": found[path]} for path in kept]
    told: dict[str, Any] = {"dependents": rows, "count": len(rows), "config": said(asked)}
    if asked.group_by_directory:
        folders: dict[str, list[str]] = defaultdict(list)
        for path in kept:
            folders[path.rpartition("/")[0] or "."].append(path)
        told["by_directory"] = dict(sorted(folders.items()))
    return {**told, **project.unparsed(layout.facts), **noted(note)}


def _imports(facts: FileFacts, module: str | None) -> bool:
    """Whether a file imports a module, or something in it."""
    name = module or ""
    inner = tuple(name + mark for mark in (".", "::", "/"))
    return any(one.target == name or one.target.startswith(inner) for one in facts.imports)


async def analyze_impact(asked: AnalyzeImpact, project: Project) -> dict[str, Any]:
    """Return what may have to change with a file, and a number that says how much that is."""
    path, note = await project.known(asked.file)
    layout = await project.layout()
    ways: dict[str, int] = {}
    tests: list[str] = []
    if not note:
        ways = reached(turned(await project.graph()), [path], asked.max_depth)
        near = {other for other, far in ways.items() if far == 1 and of_tests(other)}
        tests = sorted(near | tests_of(path, await project.files())) if asked.include_tests else []
    affected = {o: far for o, far in ways.items() if asked.include_tests or not of_tests(o)}
    direct = sorted(other for other, far in affected.items() if far == 1)
    told = {
        "directly_affected": direct,
        "potentially_affected": sorted(affected),
        "test_files": tests,
        "impact_score": 3 * len(direct) + len(affected) + 2 * len(tests),
    }
    beside = {**project.unparsed(layout.facts), **noted(note)}
    return {"impact_analysis": told, "config": said(asked), **beside}


async def find_circular_dependencies(
    asked: FindCircularDependencies, project: Project
) -> dict[str, Any]:
    """Return the files that depend on themselves by way of others."""
    graph = await project.graph()
    folder = (asked.in_directory or "").removeprefix("./").rstrip("/")
    below = f"{folder}/" if folder not in ("", ".") else ""
    kept = {path for path in graph if path.startswith(below)}
    inside = {path: graph[path] & kept for path in sorted(kept)}
    found, complete = cycles(inside, asked.max_cycle_length, asked.limit)
    told = {"circular_dependencies": found, "count": len(found), "complete": complete}
    return {
        **told,
        "groups": circles(inside),
        "config": said(asked),
        **project.unparsed(path for path in kept if language_of(path)),
    }
