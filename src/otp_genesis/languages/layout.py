"""Where the files of a project are, and what its manifests say: what imports are resolved by."""

from __future__ import annotations

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from otp_genesis.languages.facts import FileFacts
from otp_genesis.languages.manifests import Manifest

_JSON_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)


@dataclass(frozen=True)
class Layout:
    """One project. Paths are relative, with `/`."""

    paths: frozenset[str]
    facts: Mapping[str, FileFacts]
    manifests: tuple[Manifest, ...] = ()
    aliases: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Folder of a tsconfig.json → the prefixes of its `paths`, and what they stand for."""

    @cached_property
    def modules(self) -> dict[str, list[str]]:
        """The files of each Elixir module."""
        found: dict[str, list[str]] = defaultdict(list)
        for path, facts in sorted(self.facts.items()):
            if facts.language == "elixir":
                for one in facts.definitions:
                    if one.kind == "module" and path not in found[one.name]:
                        found[one.name].append(path)
        return found

    @cached_property
    def go_folders(self) -> dict[str, list[str]]:
        """The Go files of each folder that are no tests."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self.paths):
            if path.endswith(".go") and not path.endswith("_test.go"):
                found[posixpath.dirname(path)].append(path)
        return found

    def of_type(self, project_type: str) -> list[Manifest]:
        """Return the manifests of a type, the deepest first."""
        found = [one for one in self.manifests if one.project_type == project_type]
        return sorted(found, key=lambda one: (-one.folder.count("/"), one.path))

    def first(self, candidates: Iterable[str]) -> str | None:
        """Return the first of the paths that is there."""
        return next((path for path in candidates if path in self.paths), None)


def tsconfig_aliases(path: str, text: str) -> tuple[tuple[str, str], ...]:
    """Return the prefixes that a tsconfig.json gives other places to; raise `ValueError`.

    What it extends is not read.
    """
    plain = _JSON_TOKEN.sub(lambda hit: hit[0] if hit[0].startswith('"') else "", text)
    options: Any = json.loads(plain)
    options = options.get("compilerOptions") if isinstance(options, dict) else None
    if not isinstance(options, dict):
        return ()
    base = posixpath.join(posixpath.dirname(path), str(options.get("baseUrl") or "."))
    found: list[tuple[str, str]] = []
    written = options.get("paths")
    for prefix, places in (written if isinstance(written, dict) else {}).items():
        for place in places if isinstance(places, list) else ():
            found.append((prefix, posixpath.normpath(posixpath.join(base, str(place)))))
    if options.get("baseUrl"):
        found.append(("*", posixpath.normpath(posixpath.join(base, "*"))))
    return tuple(found)
