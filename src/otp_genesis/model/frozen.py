"""The base of all data that crosses a file or a process."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Immutable, and closed: an unknown key is an error."""

    # Most models of a process are never used in it: they are completed when they first are.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
