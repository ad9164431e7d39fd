"""Changes to text files as data: made by rules and models, applied by the Codebase."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from otp_genesis.errors import StaleChange
from otp_genesis.model.frozen import Frozen


class Edit(Frozen):
    """Replace the bytes `start:end` of a file by `text`; `start == end` inserts."""

    start: int
    end: int
    text: str


class FileChange(Frozen):
    """What becomes of one file.

    `base` is the `digest` of the bytes that the edits were made for; `None` means that the file
    must not exist yet. `path` is relative to the project, with `/`.
    """

    path: str
    base: str | None
    edits: tuple[Edit, ...]

    def apply(self, data: bytes | None) -> bytes:
        """Return the file's new bytes; raise `StaleChange` where `data` is not the base."""
        if (None if data is None else digest(data)) != self.base:
            raise StaleChange(self.path, "the file has changed since the edit was made")
        return apply_edits(self.path, data or b"", self.edits)


class ChangeSet(Frozen):
    """One change to a project, over any number of files, each named once."""

    files: tuple[FileChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that are changed or made, sorted."""
        return tuple(sorted(change.path for change in self.files))


class Revision(Frozen):
    """A state of the codebase: its files as a git tree id, and the commit that the work is at."""

    tree: str
    head: str | None = None


def digest(data: bytes) -> str:
    """Return the name of these bytes: the hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def apply_edits(path: str, data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return `data` with all edits made, each given in offsets of the original bytes.

    Raises `StaleChange` where two edits overlap or one reaches beyond the end. Several insertions
    at one place keep the order they are given in.
    """
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    parts: list[bytes] = []
    done = 0
    for edit in ordered:
        if edit.start < done or edit.end < edit.start or edit.end > len(data):
            raise StaleChange(path, f"edit {edit.start}:{edit.end} overlaps another or is outside")
        parts += (data[done : edit.start], edit.text.encode())
        done = edit.end
    return b"".join((*parts, data[done:]))
