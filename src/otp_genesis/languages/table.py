"""Which module reads a file of which language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from otp_genesis.languages import elixir, go, javascript, python, rust
from otp_genesis.languages.facts import FileFacts
from otp_genesis.languages.names import language_of

Read = Callable[[str, frozenset[str]], FileFacts]
_READERS: dict[str, Read] = {
    "elixir": elixir.read,
    "python": python.read,
    "javascript": javascript.read,
    "typescript": javascript.read_typescript,
    "go": go.read,
    "rust": rust.read,
}


def read(path: str, text: str, names: frozenset[str] = frozenset()) -> FileFacts:
    """Return the facts of a file in one of the languages, with the references to `names`."""
    language = language_of(path) or ""
    tsx = PurePosixPath(path).suffix == ".tsx"
    return (javascript.read_tsx if tsx else _READERS[language])(text, names)
