"""Which files of a folder are the project's own Elixir files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from otp_genesis.errors import NotAProject

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

    Links to files are followed, links to folders are not, so that loops end. What cannot be looked
    at is listed as well, so that it is told. Hidden files are none, as for `mix`. By path.
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


def require_project(root: Path) -> None:
    """Raise `NotAProject` where `root` has no `mix.exs`."""
    if not (root / "mix.exs").is_file():
        raise NotAProject(str(root), "there is no mix.exs" if root.is_dir() else "no folder")


def project_paths(root: Path) -> list[str]:
    """Return the paths of a project's own Elixir files, in order."""
    return [one.path for one in listed(root)]


def _file(root: Path, path: str) -> Iterator[Listed]:
    if (root / path).is_file():
        yield _of(path, (root / path).stat)


def _below(root: str, folder: str) -> Iterator[Listed]:
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(root + folder))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            yield Listed(folder, 0, 0, 0, 0)
            continue
        for entry in entries:
            name = entry.name
            path = f"{folder}/{name}"
            if name[0] == "." or name in SKIPPED:
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif name.endswith((".ex", ".exs")) and _is_source(entry):
                yield _of(path, entry.stat)


def _is_source(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link that leads nowhere."""
    try:
        return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())
    except OSError:
        return True


def _of(path: str, look: Callable[[], os.stat_result]) -> Listed:
    try:
        found = look()
    except OSError:
        # It has gone, or leads nowhere: reading it says which.
        return Listed(path, 0, 0, 0, 0)
    return Listed(path, found.st_ctime_ns, found.st_mtime_ns, found.st_size, found.st_ino)


class Unreadable(Exception):
    """A file that is there for the project and cannot be read."""

    def __init__(self, file: str, reason: str):
        super().__init__(reason)
        self.file = file
        """Its path as it can be printed."""


def content(root: Path, path: str) -> bytes:
    """Return the bytes of a listed file; raise `Unreadable`."""
    try:
        path.encode()
    except UnicodeEncodeError:
        printable = os.fsencode(path).decode(errors="backslashreplace")
        raise Unreadable(printable, "its name is not UTF-8") from None
    try:
        return (root / path).read_bytes()
    except OSError as error:
        raise Unreadable(path, f"cannot be read: {error.strerror}") from None


def source_lines(data: bytes) -> list[str]:
    """Return the lines of a text as findings count them: they end with a line feed only."""
    text = data.decode(errors="replace").removeprefix("\ufeff")
    return [line.removesuffix("\r") for line in text.split("\n")]


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
