"""Reading and changing the text files of a project, within its jail."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from otp_genesis.codebase.jail import Jail
from otp_genesis.codebase.writing import refused, write_together
from otp_genesis.contracts.codebase import PathFacts
from otp_genesis.errors import CodebaseError, OutsideJail, StaleChange, UsageError
from otp_genesis.model.change import ChangeSet


@dataclass(frozen=True)
class ProjectFiles:
    """The files of one folder. `sealed` folders (submodules) can be read and not changed."""

    jail: Jail
    sealed: tuple[Path, ...] = ()

    def read(self, path: str) -> str:
        """Return the file's text, its line ends as they are."""
        try:
            return self._bytes(path, self.jail.resolve(path)).decode()
        except UnicodeDecodeError as error:
            raise CodebaseError(f"{path}: is no UTF-8 text (byte {error.start})") from error

    def write(self, path: str, text: str) -> None:
        """Write the whole file, atomically."""
        write_together({self._writable(path): _encoded(path, text)})

    def edit(self, path: str, old: str, new: str, *, count: int) -> None:
        """Replace `old`, which must occur exactly `count` times."""
        if not old:
            raise UsageError(f"{path}: the text to be replaced is empty")
        text = self.read(path)
        occurs = text.count(old)
        if occurs != count:
            raise StaleChange(path, f"{_shown(old)} occurs {occurs} times, not {count}")
        self.write(path, text.replace(old, new))

    def apply(self, change: ChangeSet) -> None:
        """Make the whole change or none of it."""
        files: dict[Path, bytes] = {}
        for each in change.files:
            target = self._writable(each.path)
            if target in files:
                raise StaleChange(each.path, "the change names this file twice")
            old = self._bytes(each.path, target) if target.exists() else None
            files[target] = each.apply(old)
        write_together(files)

    def describe(self, path: str) -> PathFacts | None:
        """Return what is at `path`, or nothing where nothing is."""
        target = self.jail.resolve(path)
        try:
            facts = target.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise CodebaseError(f"{path}: cannot be looked up: {error.strerror}") from error
        folder = target.is_dir()
        return PathFacts(
            folder=folder,
            size=0 if folder else facts.st_size,
            readable=os.access(target, os.R_OK),
            writable=os.access(target, os.W_OK),
            modified_s=facts.st_mtime,
        )

    def copy(self, source: str, destination: str) -> None:
        """Copy one file, atomically, making the folders of the new one."""
        data = self._bytes(source, self.jail.resolve(source))
        write_together({self._writable(destination): data})

    def move(self, source: str, destination: str) -> None:
        """Give a file or folder another path; a file that has it already is replaced."""
        old, new = self._removable(source), self._writable(destination)
        try:
            new.parent.mkdir(parents=True, exist_ok=True)
            old.replace(new)
        except OSError as error:
            raise refused(new, error) from error

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all in it."""
        target = self._removable(path)
        try:
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink()
        except OSError as error:
            raise refused(target, error) from error

    def _removable(self, path: str) -> Path:
        """Return the place, unless something must stay there; of a symbolic link it is its own."""
        target = self.jail.resolve(path)
        written = PurePosixPath(path)
        own = self.jail.resolve(str(written.parent)) / written.name
        if own.is_symlink():
            return own
        if not target.exists():
            raise CodebaseError(f"{path}: there is no such file")
        if target == self.jail.root:
            raise OutsideJail(path, "it is the whole project")
        if any(s.is_relative_to(target) or target.is_relative_to(s) for s in self.sealed):
            raise OutsideJail(path, "it belongs to a submodule")
        if target.is_dir() and next(target.rglob(".git"), None) is not None:
            raise OutsideJail(path, "it holds a repository of its own")
        return target

    def _writable(self, path: str) -> Path:
        target = self.jail.resolve(path)
        if target.is_dir():
            raise CodebaseError(f"{path}: is a folder")
        if any(target.is_relative_to(folder) for folder in self.sealed):
            raise OutsideJail(path, "it belongs to a submodule")
        return target

    def _bytes(self, path: str, target: Path) -> bytes:
        try:
            return target.read_bytes()
        except FileNotFoundError:
            raise CodebaseError(f"{path}: there is no such file") from None
        except OSError as error:
            raise CodebaseError(f"{path}: cannot be read: {error.strerror}") from error


def _encoded(path: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise CodebaseError(f"{path}: the text holds half a character: {error.reason}") from error


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")
