"""The section `[verify]` of `genesis.toml`: how a project proves that it works."""

from __future__ import annotations

import shlex
from typing import Any

from pydantic import Field, field_validator

from otp_genesis.model.frozen import Frozen

Command = tuple[str, ...]


class VerifySettings(Frozen):
    """Commands (a string or a list; an empty one turns the check off), environment and limits."""

    format: Command = ("mix", "format")
    """Formats the files it is given; with `--check-formatted` it only looks."""
    compile: Command = ("mix", "compile")
    test: Command = ("mix", "test")
    credo: Command | None = None
    """By default `mix credo`, where the project has it."""
    env: dict[str, str] = {}
    """Added to what the commands see. `MIX_ENV` is `test` unless it is given here."""
    network: bool = False
    compile_timeout_s: float = Field(default=600, gt=0)
    test_timeout_s: float = Field(default=600, gt=0)
    memory_mb: int = Field(default=4096, ge=64)

    @field_validator("format", "compile", "test", "credo", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return tuple(shlex.split(value)) if isinstance(value, str) else value

    @property
    def environment(self) -> dict[str, str]:
        """What the commands see beside the scrubbed environment."""
        return {"MIX_ENV": "test", **self.env}
