"""One run at a time for each project, by a lock that the kernel gives back after a crash."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from otp_genesis.errors import EnvironmentLacks, ProjectBusy


class ProjectLock(AbstractContextManager["ProjectLock"]):
    """Held while the `with` block runs, or until the process ends in whatever way."""

    def __init__(self, state_dir: Path, project: Path, *, run_id: str):
        self._project = os.path.realpath(project)
        name = hashlib.sha256(os.fsencode(self._project)).hexdigest()[:32]
        self._path = state_dir / "locks" / f"{name}.lock"
        self._holder = f"run {run_id} (process {os.getpid()})"
        self._file = -1

    def __enter__(self) -> ProjectLock:
        """Take the lock; raise `ProjectBusy`, which names the holder, where it is taken."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EnvironmentLacks(f"cannot lock {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 4096).decode(errors="replace") or "another run"
            os.close(file)
            raise ProjectBusy(self._project, holder) from None
        os.ftruncate(file, 0)
        os.write(file, self._holder.encode())
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The file stays: to remove it would let two runs lock two files of one name.
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
