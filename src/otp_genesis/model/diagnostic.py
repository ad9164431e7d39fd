"""A complaint about a document: what, where, what to do."""

from __future__ import annotations

from dataclasses import dataclass
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
