"""Files written all together or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from otp_genesis.errors import CodebaseError, EnvironmentLacks, GenesisError

_LACKS = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.EIO),
        *(errno.EACCES, errno.EPERM, errno.EROFS),
    }
)
_PREFIX = ".genesis-"


def write_together(files: Mapping[Path, bytes]) -> None:
    """Give each file its bytes, making its folders; where one fails, leave all as they were.

    A file keeps its mode. Raises `EnvironmentLacks` where room or a permission is missing. The
    paths must be free of symbolic links.
    """
    writing = _Writing()
    try:
        for target, data in files.items():
            writing.stage(target, data)
        for target in files:
            writing.replace(target)
    except OSError as error:
        writing.undo()
        raise refused(writing.current, error) from error
    except BaseException:
        writing.undo()
        raise
    finally:
        writing.tidy()


def refused(path: Path, error: OSError) -> GenesisError:
    """Return what to raise for a file that could not be written."""
    message = f"cannot write {path}: {error.strerror}"
    return EnvironmentLacks(message) if error.errno in _LACKS else CodebaseError(message)


@dataclass
class _Writing:
    current: Path = field(default_factory=Path)
    staged: dict[Path, Path] = field(default_factory=dict)
    backups: dict[Path, Path] = field(default_factory=dict)
    replaced: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def stage(self, target: Path, data: bytes) -> None:
        """Write the new bytes, and keep the old ones, beside the file."""
        self.current = target
        self._make_folder(target.parent)
        staged = target.with_name(f"{_PREFIX}{uuid4().hex}")
        with staged.open("xb") as stream:
            self.staged[target] = staged
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            _dress(staged, target)
            self._back_up(target)

    def replace(self, target: Path) -> None:
        """Put the new bytes into the place of the old ones."""
        self.current = target
        self.staged[target].replace(target)
        self.replaced.append(target)

    def undo(self) -> None:
        """Put everything back; needs no room, as it only renames and removes."""
        for target in self.replaced:
            if target in self.backups:
                self.backups[target].replace(target)
            else:
                target.unlink(missing_ok=True)
        self.tidy()
        for folder in reversed(self.folders):
            with suppress(OSError):
                folder.rmdir()

    def tidy(self) -> None:
        """Remove what stands beside the files."""
        for path in (*self.staged.values(), *self.backups.values()):
            path.unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        missing = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
        for place in reversed(missing):
            place.mkdir()
            self.folders.append(place)

    def _back_up(self, target: Path) -> None:
        staged = self.staged[target]
        backup = staged.with_name(f"{staged.name}.old")
        self.backups[target] = backup
        try:
            os.link(target, backup)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
                raise
            shutil.copy2(target, backup)


def _dress(file: Path, like: Path) -> None:
    shutil.copymode(like, file)
    owner = like.stat()
    with suppress(PermissionError):
        os.chown(file, owner.st_uid, owner.st_gid)
