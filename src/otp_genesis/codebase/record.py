"""What is remembered of an opened project, so that the same run can open it again."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from otp_genesis.codebase.writing import write_together
from otp_genesis.errors import EnvironmentLacks, UsageError
from otp_genesis.model.frozen import Frozen

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


class WorkRecord(Frozen):
    """One opened project, kept as JSON in the run's state folder."""

    project: str
    branch: str
    base: str
    commit_date: datetime
    plain: bool
    """Whether the work folder is a copy with a repository of its own."""
    ready: bool = False
    """Whether the work folder was made to its end."""
    tip: str | None = None
    """Where the branch was when the work was closed."""

    def updated(self, *, ready: bool | None = None, tip: str | None = None) -> WorkRecord:
        """Return the record with what is given changed."""
        given = {"ready": ready, "tip": tip}
        return self.model_copy(update={k: v for k, v in given.items() if v is not None})


def run_folder(state_dir: Path, run_id: str) -> Path:
    """Return the state folder of a run; raise `UsageError` where the id cannot name one."""
    if not _RUN_ID.fullmatch(run_id):
        raise UsageError(f"{run_id!r} is no run id: letters, digits, '_' and '-', at most 100")
    return state_dir / run_id


def work_folder(state_dir: Path, run_id: str) -> Path:
    """Return where the run's own checkout is, or will be."""
    return run_folder(state_dir, run_id) / "tree"


def read_record(folder: Path) -> WorkRecord | None:
    """Return the record of a run, if it has one."""
    path = folder / "work.json"
    try:
        return WorkRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise EnvironmentLacks(f"cannot read {path}: {error}") from error


def write_record(folder: Path, record: WorkRecord) -> None:
    """Keep the record of a run."""
    write_together({folder / "work.json": record.model_dump_json(indent=2).encode()})
