"""A complaint about a document: what, where, what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, order=True)
class Diagnostic:
    """One complaint. Line and column count characters from 1; `length` of the caret's underline."""

    file: str
    line: int
    column: int
    severity: Literal["error", "warning"]
    code: str
    message: str
    source_line: str = ""
    length: int = 1
    at: tuple[str | int, ...] = field(default=(), compare=False, repr=False)
    """The value that is meant, as keys and indexes from the document's root."""
    fix: tuple[str, str] | None = field(default=None, compare=False, repr=False)
    """A name in its expression, and what to write instead."""

    def __str__(self) -> str:
        head = (
            f"{self.file}:{self.line}:{self.column}: {self.severity}[{self.code}]: {self.message}"
        )
        if not self.source_line.strip():
            return head
        shown, caret_at = _window(self.source_line.replace("\t", " "), self.column - 1)
        width = max(1, min(self.length, len(shown) - caret_at))
        return f"{head}\n    {shown}\n    {' ' * caret_at}{'^' * width}"


def _window(line: str, at: int, width: int = 100) -> tuple[str, int]:
    """Return the part of a long line around `at`, and where `at` is in it."""
    line = line.rstrip()
    if len(line) <= width:
        return line, at
    start = max(0, at - width // 2)
    return line[start : start + width], at - start
