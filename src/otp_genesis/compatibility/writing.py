"""A file replaced by another content, whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from otp_genesis.errors import UsageError


def replace_file(path: Path, before: bytes, after: bytes) -> None:
    """Put `after` in the place of `before`; mode and links stay.

    Raises `UsageError` where the file is write-protected or has changed since it was read, and
    `OSError` where its folder cannot be written.
    """
    # A link goes on to lead to the file, which is the one that changes.
    real = Path(os.path.realpath(path))
    mode = stat.S_IMODE(real.stat().st_mode)
    if not mode & 0o222 or not os.access(real, os.W_OK):
        raise UsageError(f"{path}: it is write-protected")
    handle, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(after)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        if real.read_bytes() != before:
            raise UsageError(f"{path}: it was changed meanwhile; call this again")
        Path(name).replace(real)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
