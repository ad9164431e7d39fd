"""The project that is asked about: its files listed once, each read and parsed at most once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from otp_genesis.contracts.codebase import PathFacts
from otp_genesis.contracts.step import Context
from otp_genesis.deferred import deferred
from otp_genesis.errors import CodebaseError, nearest
from otp_genesis.languages.facts import FileFacts
from otp_genesis.languages.graph import Graph
from otp_genesis.languages.layout import Layout, tsconfig_aliases
from otp_genesis.languages.manifests import BadManifest, Manifest, is_manifest, read_manifest
from otp_genesis.languages.names import language_of
from otp_genesis.languages.resolution import resolved
from otp_genesis.steps.codebase_query_params import Where
from otp_genesis.steps.codebase_query_roles import of_tests

if TYPE_CHECKING:
    from otp_genesis.languages import table
else:
    table = deferred("otp_genesis.languages.table")

LEFT_OUT = frozenset({
    ".git", "_build", "deps", "node_modules", ".venv", "venv", "target", "vendor", "__pycache__",
    ".elixir_ls", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox",
})  # fmt: skip
MOST_BYTES = 2_000_000
_AT_ONCE = 32
_SPECIAL = re.compile(r"[*?\[{]")
_TSCONFIGS = ("tsconfig.json", "jsconfig.json")


class Project:
    """One folder of the codebase. Paths are relative to it."""

    def __init__(self, ctx: Context, top: str, names: Iterable[str] = ()):
        self.ctx = ctx
        self.prefix = "" if top in ("", ".") else top.rstrip("/") + "/"
        self._names = frozenset(names)
        self._files: tuple[str, ...] | None = None
        self._globs: dict[str, frozenset[str]] = {}
        self._facts: dict[str, FileFacts] = {}
        self._manifests: tuple[Manifest, ...] | None = None
        self._bad_manifests: dict[str, str] = {}
        self._layout: Layout | None = None
        self._graph: Graph | None = None

    async def files(self) -> tuple[str, ...]:
        """Return the files that are looked at, sorted."""
        if self._files is None:
            self._files = tuple(sorted(await self._listed("**/*")))
        return self._files

    async def matching(self, pattern: str) -> frozenset[str]:
        """Return the files that match a glob pattern."""
        if pattern not in self._globs:
            self._globs[pattern] = frozenset(await self._listed(pattern))
        return self._globs[pattern]

    async def _listed(self, pattern: str) -> list[str]:
        below = literally(self.prefix)
        listed = await self.ctx.codebase.list(below + pattern.removeprefix("./"))
        paths = (path[len(self.prefix) :] for path in listed)
        return [path for path in paths if LEFT_OUT.isdisjoint(path.split("/")[:-1])]

    async def matching_any(self, patterns: Iterable[str]) -> frozenset[str]:
        """Return the files that match one of the glob patterns, or are named by it."""
        files = frozenset(await self.files())
        found: frozenset[str] = frozenset()
        for pattern in patterns:
            # A path such as `pages/[id].tsx` is a pattern too, of other files.
            found |= {pattern} & files or await self.matching(pattern)
        return found

    async def describe(self, path: str) -> PathFacts:
        """Return what is at a path that was listed."""
        return await self.ctx.codebase.describe(self.prefix + path) or PathFacts(
            folder=False, size=0
        )

    async def known(self, path: str) -> tuple[str, str]:
        """Return a path as files are told, and what to say where there is no such file."""
        path = path.removeprefix(f"{self.ctx.codebase.root.rstrip('/')}/{self.prefix}")
        path = path.removeprefix("./")
        files = await self.files()
        if path in files:
            return path, ""
        near = nearest(path, files)
        return path, f"there is no file {path!r}" + (f"; did you mean {near!r}?" if near else "")

    async def places(self, where: Where) -> tuple[list[str], str]:
        """Return the source files that a question is about, and what to say if one is not there."""
        chosen, note = frozenset(await self.files()), ""
        if where.in_file is not None:
            path, note = await self.known(where.in_file)
            chosen &= {path}
        if where.in_files is not None:
            chosen &= await self.matching_any(where.in_files)
        chosen -= await self.matching_any(where.exclude_patterns)
        language = where.language
        wanted = [
            path
            for path in sorted(chosen)
            if (own := language_of(path)) is not None and (language is None or own == language)
        ]
        return [one for one in wanted if not (where.exclude_tests and of_tests(one))], note

    async def facts(self, paths: Iterable[str]) -> dict[str, FileFacts]:
        """Return what files in one of the languages say; each is parsed once."""
        wanted = [path for path in paths if language_of(path)]
        left = [path for path in wanted if path not in self._facts]
        for start in range(0, len(left), _AT_ONCE):
            texts = {path: await self._text(path) for path in left[start : start + _AT_ONCE]}
            self._facts |= await asyncio.to_thread(self._read, texts)
        return {path: self._facts[path] for path in wanted}

    def _read(self, texts: dict[str, tuple[str, str]]) -> dict[str, FileFacts]:
        return {
            path: FileFacts(language_of(path) or "", problem=problem)
            if problem
            else table.read(path, text, self._names)
            for path, (text, problem) in texts.items()
        }

    async def _text(self, path: str) -> tuple[str, str]:
        """Return the text of a file, or why it is not parsed."""
        size = (await self.describe(path)).size
        if size > MOST_BYTES:
            return "", f"its {size} bytes are more than {MOST_BYTES}; it was not parsed"
        try:
            text = await self.ctx.codebase.read(self.prefix + path)
        except CodebaseError as error:
            return "", str(error)
        return ("", "it is binary; it was not parsed") if "\0" in text else (text, "")

    async def manifests(self) -> tuple[Manifest, ...]:
        """Return what the project's manifests and lock files say, by path."""
        if self._manifests is None:
            found = []
            for path in await self.files():
                if is_manifest(path):
                    text, problem = await self._text(path)
                    try:
                        told = None if problem else read_manifest(path, text)
                    except BadManifest as error:
                        told, problem = None, str(error)
                    if problem:
                        self._bad_manifests[path] = problem
                    found += [told] if told else []
            self._manifests = tuple(found)
        return self._manifests

    async def layout(self) -> Layout:
        """Return all that imports are resolved by."""
        if self._layout is None:
            files = await self.files()
            aliases = {}
            for path in files:
                name = PurePosixPath(path).name
                if name in _TSCONFIGS and path.rpartition("/")[0] not in aliases:
                    try:
                        told = tsconfig_aliases(path, (await self._text(path))[0])
                    except ValueError as error:
                        self._bad_manifests[path] = f"{path} cannot be read: {error}"
                        told = ()
                    aliases[path.rpartition("/")[0]] = told
            facts = await self.facts(files)
            self._layout = Layout(frozenset(files), facts, await self.manifests(), aliases)
        return self._layout

    async def graph(self) -> Graph:
        """Return which source file depends on which."""
        if self._graph is None:
            layout = await self.layout()
            self._graph = await asyncio.to_thread(_linked, layout)
        return self._graph

    def unparsed(self, paths: Iterable[str]) -> dict[str, Any]:
        """Return which of the files could not be read, or not to the end, and why."""
        bad = [
            {"file": path, "reason": facts.problem}
            for path in sorted(set(paths))
            if (facts := self._facts.get(path)) is not None and facts.problem
        ]
        return {"unparsed": bad, "unparsed_count": len(bad)}

    def bad_manifests(self) -> dict[str, Any]:
        """Return which manifests could not be read, and why."""
        bad = [{"file": path, "reason": why} for path, why in sorted(self._bad_manifests.items())]
        return {"unparsed": bad, "unparsed_count": len(bad)}


def literally(path: str) -> str:
    """Return the glob pattern that means a path, whatever is in it."""
    return _SPECIAL.sub(r"[\g<0>]", path)


def _linked(layout: Layout) -> dict[str, frozenset[str]]:
    found = {}
    for path, facts in layout.facts.items():
        others = {other for one in facts.imports for other in resolved(layout, path, one)}
        found[path] = frozenset(others & layout.facts.keys())
    return found
