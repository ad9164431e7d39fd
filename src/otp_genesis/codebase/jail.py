"""Which paths of a project may be touched: a relative path in, a real path inside the root out."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from otp_genesis.errors import OutsideJail

_SEPARATORS = re.compile(r"[/\\]")
# Characters that some file systems ignore, so that a name with them can still mean `.git`.
_IGNORABLE = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


@dataclass(frozen=True)
class Jail:
    """A folder that no path given to it can lead out of."""

    root: Path
    """Absolute, and free of symbolic links."""

    @classmethod
    def at(cls, root: Path) -> Jail:
        """Return the jail of the folder that `root` really is."""
        return cls(Path(os.path.realpath(root)))

    def resolve(self, path: str) -> Path:
        """Return the place that `path` really is, existing or not; raise `OutsideJail`.

        The result holds no symbolic link, so that writing to it cannot be led elsewhere.
        """
        if why := _spelled_wrong(path):
            raise OutsideJail(path, why)
        real = Path(os.path.realpath(self.root / path))
        if not real.is_relative_to(self.root):
            raise OutsideJail(path, "a symbolic link leads out of it")
        if any(_means_git(part) for part in real.relative_to(self.root).parts):
            raise OutsideJail(path, "a symbolic link leads into .git")
        if why := _no_ordinary_file(real):
            raise OutsideJail(path, why)
        return real


def _spelled_wrong(path: str) -> str | None:
    parts = _SEPARATORS.split(path)
    if not path:
        return "it is empty"
    if "\0" in path or not _encodable(path):
        return "it holds a character that no path can hold"
    if path.startswith(("/", "\\")):
        return "it is absolute"
    if ".." in parts:
        return "it holds '..'"
    if any(_means_git(part) for part in parts):
        return "it points into .git"
    return None


def _means_git(part: str) -> bool:
    name = _IGNORABLE.sub("", part).split(":")[0].rstrip(" .").lower()
    return name in (".git", "git~1")


def _encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _no_ordinary_file(real: Path) -> str | None:
    try:
        mode = real.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return error.strerror or "it cannot be looked up"
    if stat.S_ISLNK(mode):
        return "its symbolic links run in a circle"
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "it is neither a file nor a folder"
    return None
