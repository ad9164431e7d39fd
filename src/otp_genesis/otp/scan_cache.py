"""What the last scan of a folder found, by the content of its files.

A file counts as unchanged where size, times and inode are what they were; where they are not, or
are so young that a change could hide behind the clock's grain, its content decides
(https://git-scm.com/docs/racy-git). What was found by other rules, or another version of them, is
never looked at.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import tree_sitter
import tree_sitter_elixir
from pydantic import ValidationError

from otp_genesis.model.change import digest
from otp_genesis.otp.folder import Listed
from otp_genesis.otp.rule import Finding, Rule
from otp_genesis.otp.scan import Report

_OURS = "otp_genesis."
_GRAIN_NS = 2_000_000_000
_KEPT = 32
"""Scans of different folders or rules that are kept; the oldest go first."""


@dataclass(frozen=True)
class Known:
    """A file's content and what the rules of a single file found in it."""

    digest: str
    findings: tuple[Finding, ...]


class ScanCache:
    """The last scan of `root` with exactly these `rules`, kept below `folder`.

    A cache that cannot be read or written is none: nothing is told, and every file is read.
    """

    def __init__(self, folder: Path, root: Path, rules: Sequence[Rule]):
        self._folder = folder
        name = f"{root.resolve()}\0{_identity(rules)}"
        self._path = folder / f"{digest(name.encode())[:32]}.json"
        self._root = root

    def report(self, files: Sequence[Listed]) -> Report | None:
        """Return the last report where no file was changed since, nor came, nor went."""
        known = self._last.get("files", {})
        if not known or len(files) != len(known):
            return None
        young = self._last["written_ns"] - _GRAIN_NS
        for one in files:
            kept = known.get(one.path)
            if kept is None:
                return None
            same = kept[:4] == [*one[1:]] and one.changed_ns < young and one.modified_ns < young
            if not same and not self._has(one.path, kept[4]):
                return None
        try:
            return Report.model_validate(self._last["report"])
        except (KeyError, ValidationError):
            return None

    def known(self, used: str) -> Mapping[str, Known]:
        """Return what single files had, where those that they use were the same."""
        if self._last.get("used") != used:
            return {}
        files, found = self._last.get("files", {}), self._last.get("near", {})
        try:
            return {
                path: Known(files[path][4], tuple(map(Finding.model_validate, findings)))
                for path, findings in found.items()
            }
        except (KeyError, ValidationError):
            return {}

    def keep(
        self,
        files: Iterable[Listed],
        began_ns: int,
        digests: Mapping[str, str],
        near: Mapping[str, Sequence[Finding]],
        used: str,
        report: Report,
    ) -> None:
        """Write what was found; `began_ns` is when the first file was read."""
        whole = {
            "written_ns": began_ns,
            "used": used,
            "files": {one.path: [*one[1:], digests[one.path]] for one in files},
            "near": {path: [one.model_dump() for one in found] for path, found in near.items()},
            "report": report.model_dump(),
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            written = self._path.with_suffix(f".{os.getpid()}")
            written.write_text(json.dumps(whole))
            written.replace(self._path)
            kept = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
            for path in kept[:-_KEPT]:
                path.unlink(missing_ok=True)
        except OSError:
            return

    @cached_property
    def _last(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _has(self, path: str, known: str) -> bool:
        try:
            return digest((self._root / path).read_bytes()) == known
        except OSError:
            return False


def _identity(rules: Sequence[Rule]) -> str:
    """Return what names the rules and all code that they stand on."""
    kinds = {kind for rule in rules for kind in type(rule).__mro__ if kind is not object}
    theirs = {_file(kind) for kind in kinds if not kind.__module__.startswith(_OURS)}
    codes = [rule.code for rule in rules]
    return "\n".join([sys.version, *codes, _own_code(), *map(_stamp, sorted(theirs))])


@cache
def _own_code() -> str:
    """Return the stamps of this program's rules and of the grammar; looked at once a process."""
    here = Path(__file__).parent
    paths = [*here.iterdir(), *(here / "rules").iterdir()]
    paths += [Path(str(module.__file__)) for module in (tree_sitter, tree_sitter_elixir)]
    return "\n".join(_stamp(str(path)) for path in sorted(paths) if path.suffix == ".py")


def _file(kind: type) -> str:
    try:
        return inspect.getfile(kind)
    except (OSError, TypeError):
        # A class of no file, as an interpreter makes it: known to this process alone.
        return f"{os.getpid()} {id(kind)}"


def _stamp(path: str) -> str:
    with suppress(OSError):
        found = Path(path).stat()
        return f"{path} {found.st_mtime_ns} {found.st_size}"
    return path
