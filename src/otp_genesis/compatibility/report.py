"""What of a folder of documents runs as it is, what changes, and what cannot be decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from otp_genesis.compatibility.migration import Check, Names, migrate
from otp_genesis.errors import GenesisError, InvalidDocument
from otp_genesis.model.document import read_document
from otp_genesis.model.frozen import Frozen
from otp_genesis.model.load import parse_pipeline

SUFFIXES = (".yaml", ".yml", ".json")
State = Literal["as_is", "changes", "undecided", "fails", "no_pipeline"]


class FileReport(Frozen):
    """One file. `as_is`: canonical already; `changes`: runs, and migrating rewrites it;
    `undecided`: runs, and a person must decide something to make it canonical; `fails`: does not
    pass the check."""

    file: str
    state: State
    changes: tuple[str, ...] = ()
    """`line: what`."""
    undecided: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def documents_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that are named, and every YAML and JSON file below the folders."""
    for path in paths:
        if path.is_dir():
            found = (one for one in path.rglob("*") if one.suffix in SUFFIXES and one.is_file())
            yield from sorted(one for one in found if not _hidden(one.relative_to(path)))
        else:
            yield path


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "node_modules" for part in path.parts)


def compatibility(path: Path, check: Check, names: Names) -> FileReport:
    """Return what is to be said of one file; nothing is written."""
    file = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return FileReport(file=file, state="fails", errors=(f"cannot be read: {error}",))
    if not _is_pipeline(text, file):
        return FileReport(file=file, state="no_pipeline")
    try:
        complaints = check(parse_pipeline(text, file, lenient=True))
        done = migrate(text, file, check, names)
    except InvalidDocument as error:
        return FileReport(file=file, state="fails", errors=_told(error.diagnostics))
    except GenesisError as error:
        return FileReport(file=file, state="fails", errors=(str(error),))
    errors = [one for one in complaints if one.severity == "error"]
    state: State = "as_is"
    if done.after != done.before:
        state = "changes"
    if done.undecided:
        state = "undecided"
    if errors:
        state = "fails"
    return FileReport(
        file=file,
        state=state,
        changes=tuple(f"{one.line}: {one.what}" for one in done.changes),
        undecided=_told(done.undecided) if not errors else (),
        errors=_told(errors),
        warnings=_told(one for one in complaints if one.severity == "warning"),
    )


def _told(complaints: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(one).splitlines()[0] for one in complaints)


def _is_pipeline(text: str, file: str) -> bool:
    """Whether it means to be one: other YAML files lie in the same folders."""
    try:
        data = read_document(text, file).data
    except InvalidDocument:
        return "workflow:" in text
    return isinstance(data, dict) and ("workflow" in data or isinstance(data.get("steps"), list))
