"""Which files of a folder are the project's own Elixir files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

SKIPPED = frozenset({"deps", "_build", "node_modules", "cover", "doc", "priv", "assets"})
FOLDERS = ("lib", "test", "config")


class Listed(NamedTuple):
    """A file and what tells that it was changed, without reading it."""

    path: str
    """Relative to the project, with `/`."""
    changed_ns: int
    modified_ns: int
    size: int
    inode: int


def listed(root: Path) -> list[Listed]:
    """Return `mix.exs` and the files of `lib`, `test` and `config`, of an umbrella's apps too.

    Links to files are followed, links to folders are not, so that loops end. By path.
    """
    found = [*_file(root, "mix.exs")]
    tops = [""]
    apps = root / "apps"
    if apps.is_dir():
        tops += [
            f"apps/{app.name}/" for app in sorted(apps.iterdir()) if (app / "mix.exs").is_file()
        ]
    for top in tops:
        if top:
            found += _file(root, f"{top}mix.exs")
        for folder in FOLDERS:
            found += _below(f"{root}{os.sep}", f"{top}{folder}")
    return sorted(set(found))


def project_paths(root: Path) -> list[str]:
    """Return the paths of a project's own Elixir files, in order."""
    return [one.path for one in listed(root)]


def _file(root: Path, path: str) -> Iterator[Listed]:
    if (root / path).is_file():
        yield _of(path, (root / path).stat())


def _below(root: str, folder: str) -> Iterator[Listed]:
    try:
        entries = list(os.scandir(root + folder))
    except OSError:
        return
    for entry in entries:
        name = entry.name
        path = f"{folder}/{name}"
        if name.endswith((".ex", ".exs")) and entry.is_file():
            yield _of(path, entry.stat())
        elif name not in SKIPPED and name[0] != "." and entry.is_dir(follow_symlinks=False):
            yield from _below(root, path)


def _of(path: str, found: os.stat_result) -> Listed:
    return Listed(path, found.st_ctime_ns, found.st_mtime_ns, found.st_size, found.st_ino)


class Sources(Protocol):
    """Where the text of a project's files comes from."""

    def source(self, path: str) -> bytes:
        """Return the bytes of a file."""


class Folder:
    """The files of a project as they lie on disk."""

    def __init__(self, root: Path):
        self._root = root

    def source(self, path: str) -> bytes:
        """Return the bytes of a file; none where it has gone meanwhile."""
        try:
            return (self._root / path).read_bytes()
        except OSError:
            return b""
