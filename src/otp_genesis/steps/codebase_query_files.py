"""Answers about files: which there are, which belong together, which lines they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from otp_genesis.contracts.codebase import PathFacts
from otp_genesis.languages.names import language_of
from otp_genesis.steps.codebase_query_params import FindCode, FindFiles, FindRelated, moment
from otp_genesis.steps.codebase_query_project import Project, literally
from otp_genesis.steps.codebase_query_roles import (
    ROLES,
    is_entry_point,
    is_source,
    is_test,
    of_tests,
)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TEST_WORDS = frozenset({"test", "tests", "spec"})
_SIMILAR = 0.7
_MOST_LINES = 100_000


def said(config: Any) -> dict[str, Any]:
    """Return what was asked for, as it was written."""
    told: dict[str, Any] = config.model_dump(mode="json", exclude_unset=True)
    return told


def noted(note: str) -> dict[str, Any]:
    """Return what the asker should know, where there is something."""
    return {"note": note} if note else {}


async def find_files(asked: FindFiles, project: Project) -> dict[str, Any]:
    """Return the files that fulfil all criteria."""
    chosen, note = list(await project.files()), ""
    if asked.related_to is not None:
        path, note = await project.known(asked.related_to)
        chosen = [] if note else sorted(_around(path, chosen))
    chosen = [path for path in chosen if _fits(path, asked)]
    patterns = [one for one in (asked.pattern,) if one is not None]
    for wanted in (patterns, asked.patterns):
        if wanted:
            matching = await project.matching_any(wanted)
            chosen = [path for path in chosen if path in matching]
    left_out = await project.matching_any(asked.exclude_patterns)
    chosen = [path for path in chosen if path not in left_out]
    chosen = await _by_description(chosen, asked, project)
    told = chosen[: asked.limit]
    return {"files": told, "count": len(told), "criteria": said(asked), **noted(note)}


def _fits(path: str, asked: FindFiles) -> bool:
    folder = (asked.in_directory or "").removeprefix("./").rstrip("/")
    below = "" if folder in ("", ".") else f"{folder}/"
    checks = (
        asked.type is None or ROLES[asked.type](path),
        path.startswith(below) and (asked.recursive or "/" not in path[len(below) :]),
        asked.language is None or language_of(path) == asked.language,
        asked.extension is None or PurePosixPath(path).suffix == "." + asked.extension.lstrip("."),
        asked.contains is None or asked.contains in path,
        not asked.exclude_tests or not of_tests(path),
    )
    return all(checks)


async def _by_description(paths: list[str], asked: FindFiles, project: Project) -> list[str]:
    """Return the files of the wanted size and age, in the wanted order."""
    sizes = (asked.size_min, asked.min_size, asked.size_max, asked.max_size)
    if asked.sort_by == "path" and asked.modified_since is None and sizes == (None,) * 4:
        return paths
    least = max(asked.size_min or 0, asked.min_size or 0)
    most = min((one for one in sizes[2:] if one is not None), default=None)
    since = moment(asked.modified_since) if asked.modified_since else None
    found = {path: await project.describe(path) for path in paths}
    kept = [
        path
        for path, facts in found.items()
        if facts.size >= least
        and (most is None or facts.size <= most)
        and (since is None or _written(facts) >= since)
    ]
    if asked.sort_by == "size":
        kept.sort(key=lambda path: (-found[path].size, path))
    elif asked.sort_by == "modified":
        kept.sort(key=lambda path: (-found[path].modified_s, path))
    return kept


def _written(facts: PathFacts) -> datetime:
    return datetime.fromtimestamp(facts.modified_s, UTC)


async def find_entry_points(asked: bool, project: Project) -> dict[str, Any]:
    """Return the files that programs begin in, by their names."""
    found = [path for path in await project.files() if is_entry_point(path)]
    return {"entry_points": found, "count": len(found)}


async def find_code(asked: FindCode, project: Project) -> dict[str, Any]:
    """Return the lines that one of the regular expressions matches."""
    endings = [f".{one.lstrip('.')}" for one in asked.file_types]
    matches: list[dict[str, Any]] = []
    whole = True
    files = frozenset(await project.files())
    for pattern in asked.patterns:
        # The limit comes last: files that are left out must not use it up.
        rows = await project.ctx.codebase.search(
            pattern, glob=f"{literally(project.prefix)}**/*", limit=_MOST_LINES
        )
        whole = whole and len(rows) < _MOST_LINES
        for row in rows:
            path = row.path[len(project.prefix) :]
            if path in files and (not endings or path.endswith(tuple(endings))):
                place = {"file": path, "line": row.line, "column": row.column}
                matches.append({**place, "text": row.text, "pattern": pattern})
    matches.sort(key=lambda one: (one["file"], one["line"], one["column"], one["pattern"]))
    told = matches[: asked.limit]
    complete = whole and len(told) == len(matches)
    return {"matches": told, "count": len(told), "complete": complete, "config": said(asked)}


async def find_related(asked: FindRelated, project: Project) -> dict[str, Any]:
    """Return the files that belong to one, by names and folders; the surest first."""
    path, note = await project.known(asked.file)
    found: list[tuple[float, str, str]] = []
    if not note:
        files = await project.files()
        for relation in dict.fromkeys(asked.types):
            found += ((far, other, relation) for other, far in _relations(relation, path, files))
    found.sort(key=lambda row: (-row[0], row[1], row[2]))
    rows = [
        {"file": other, "relation_type": relation, "confidence": confidence}
        for confidence, other, relation in found[: asked.max_results]
    ]
    return {"related_files": rows, "config": said(asked), **noted(note)}


def _relations(relation: str, path: str, files: Iterable[str]) -> Iterator[tuple[str, float]]:
    for other in files:
        if other == path:
            continue
        if relation == "directory":
            if PurePosixPath(other).parent == PurePosixPath(path).parent:
                yield other, _SIMILAR
        elif relation == "similar":
            near = round(jaro(_stem(path), _stem(other)), 4)
            if near > _SIMILAR:
                yield other, near
        elif _is_a(relation, other) and counterparts(path, other):
            yield other, 0.9


def _is_a(relation: str, path: str) -> bool:
    return is_source(path) and is_test(path) == (relation == "test")


def _around(path: str, files: Iterable[str]) -> set[str]:
    """Return the files of the same folder, of a similar name, and the tests of a file."""
    files = tuple(files)
    found = {other for other in files if other != path and counterparts(path, other)}
    for relation in ("directory", "similar"):
        found |= {other for other, _ in _relations(relation, path, files)}
    return found


def tests_of(path: str, files: Iterable[str]) -> set[str]:
    """Return the tests that a file has by its name."""
    return {one for one in files if one != path and is_test(one) and counterparts(path, one)}


def _stem(path: str) -> str:
    return PurePosixPath(path).name.partition(".")[0] or PurePosixPath(path).name


def _words(path: str) -> tuple[str, ...]:
    """Return the words of a file's name, without those that only say that it is a test."""
    words = [word.lower() for word in _WORD.findall(PurePosixPath(path).stem)]
    return tuple(word for word in words if word not in _TEST_WORDS) if is_test(path) else (*words,)


def counterparts(one: str, other: str) -> bool:
    """Whether the name of one of the files, word by word, is in that of the other."""
    short, long = sorted((_words(one), _words(other)), key=len)
    size = len(short)
    return bool(short) and any(long[at : at + size] == short for at in range(len(long) - size + 1))


def jaro(one: str, other: str) -> float:
    """Return how alike two texts are, from 0 to 1, by Jaro's measure."""
    if one == other:
        return 1.0
    reach = max(max(len(one), len(other)) // 2 - 1, 0)
    taken = [False] * len(other)
    matched = []
    for at, character in enumerate(one):
        for place in range(max(0, at - reach), min(len(other), at + reach + 1)):
            if not taken[place] and other[place] == character:
                taken[place] = True
                matched.append(character)
                break
    if not matched:
        return 0.0
    others = [character for character, used in zip(other, taken, strict=True) if used]
    swapped = sum(a != b for a, b in zip(matched, others, strict=True)) / 2
    count = len(matched)
    return (count / len(one) + count / len(other) + (count - swapped) / count) / 3
