"""What languages are called, and the endings of their files."""

from __future__ import annotations

from pathlib import PurePosixPath

NAMES = {
    "elixir": "elixir", "ex": "elixir", "python": "python", "py": "python", "go": "go",
    "golang": "go", "rust": "rust", "rs": "rust", "javascript": "javascript", "js": "javascript",
    "typescript": "typescript", "ts": "typescript",
}  # fmt: skip
"""What a language may be called → its name."""
ENDINGS = {
    "elixir": (".ex", ".exs"),
    "python": (".py", ".pyi", ".pyw"),
    "javascript": (".js", ".jsx", ".mjs", ".cjs"),
    "typescript": (".ts", ".mts", ".cts", ".tsx"),
    "go": (".go",),
    "rust": (".rs",),
}
_BY_ENDING = {ending: name for name, endings in ENDINGS.items() for ending in endings}


def language_of(path: str) -> str | None:
    """Return the language that a file is in, by its ending."""
    return _BY_ENDING.get(PurePosixPath(path).suffix)
