"""The signal that a person ended the command while a run was going."""

from __future__ import annotations


class Interrupted(Exception):
    """Carries the run that can be taken up again."""

    def __init__(self, run_id: str):
        self.run_id = run_id
        super().__init__(f"interrupted; go on with: genesis run --resume {run_id}")
