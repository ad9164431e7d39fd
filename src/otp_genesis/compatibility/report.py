"""What of a folder of documents runs as it is, what changes, and what cannot be decided."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from otp_genesis.compatibility.migration import Migration, Rules, migrate
from otp_genesis.errors import GenesisError, InvalidDocument
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import read_document
from otp_genesis.model.frozen import Frozen
from otp_genesis.model.load import MAX_BYTES

SUFFIXES = (".yaml", ".yml", ".json")
MARK = b"\xef\xbb\xbf"
"""What some editors put before UTF-8 text."""
State = Literal["as_is", "changes", "undecided", "fails", "no_pipeline", "unreadable"]
_MEANT = re.compile(r"^[\s{]*\"?workflow\"?\s*:", re.MULTILINE)


class FileReport(Frozen):
    """What is to be said of one file. Each line of it begins with the place in the file as it is.

    `as_is`: it passes the check and is written as documents are today.
    `changes`: migrating rewrites it, and it passes then.
    `undecided`: it passes, as it is or rewritten, and a person must decide something.
    `fails`: it does not pass the check, rewritten or not; migrating leaves it alone.
    `no_pipeline`: it is not meant to be one.
    `unreadable`: it is not there, cannot be opened, or is no UTF-8 text.
    """

    file: str
    state: State
    passes: bool = False
    """Whether the check lets it pass as it is, so that it can run unchanged."""
    changes: tuple[str, ...] = ()
    """`file:line: what`."""
    undecided: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    """What it requires of the engine and of plugins, and is not there in such a version."""
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examined:
    """A file, what is to be said of it, and what it would become."""

    path: Path
    report: FileReport
    before: bytes = b""
    after: bytes = b""
    diff: str = ""


@dataclass(frozen=True)
class Found:
    """A file to look at: named, or found in a folder; or a place where there is none."""

    path: Path
    named: bool
    problem: str | None = None


def documents_in(paths: Iterable[Path]) -> Iterator[Found]:
    """Yield the files that are named, and every YAML and JSON file below the folders, once each.

    Hidden folders, `node_modules` and links to folders are left out.
    """
    seen: set[str] = set()
    for path in paths:
        found = list(_below(path)) if path.is_dir() else [Found(path, named=True)]
        if not found:
            yield Found(path, named=True, problem="there is no document in it")
        for one in found:
            real = os.path.realpath(one.path)
            if real not in seen or one.problem:
                seen.add(real)
                yield one


def _below(folder: Path) -> Iterator[Found]:
    problems: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=problems.append):
        folders[:] = sorted(one for one in folders if one[0] != "." and one != "node_modules")
        for name in sorted(files):
            path = Path(place, name)
            if path.suffix in SUFFIXES and name[0] != "." and (path.is_file() or path.is_symlink()):
                yield Found(path, named=False)
    for problem in problems:
        where = Path(problem.filename or folder)
        yield Found(where, named=True, problem=problem.strerror or str(problem))


def examine(found: Found, rules: Rules) -> Examined:
    """Return what is to be said of one file; nothing is written."""
    path, file = found.path, str(found.path)
    if found.problem:
        return _unreadable(path, found.problem)
    try:
        before = _read(path)
        text = before.decode("utf-8-sig")
    except OSError as error:
        return _unreadable(path, error.strerror or str(error))
    except UnicodeDecodeError as error:
        if not found.named:
            return Examined(path, FileReport(file=file, state="no_pipeline"))
        line = error.object.count(b"\n", 0, error.start) + 1
        return _unreadable(path, f"line {line} is no UTF-8 text; save the file as UTF-8")
    if before and not _is_pipeline(text, file, found.named):
        return Examined(path, FileReport(file=file, state="no_pipeline"))
    try:
        done = migrate(text, file, rules)
    except InvalidDocument as error:
        told = tuple(_told(error.diagnostics))
        return Examined(path, FileReport(file=file, state="fails", errors=told))
    except GenesisError as error:
        return Examined(path, FileReport(file=file, state="fails", errors=(f"{file}: {error}",)))
    mark = MARK if before.startswith(MARK) else b""
    return Examined(path, _report(done), before, mark + done.after.encode(), done.diff)


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise OSError(f"larger than {MAX_BYTES // 1024**2} MiB; no pipeline is")
    return path.read_bytes()


def _unreadable(path: Path, why: str) -> Examined:
    report = FileReport(file=str(path), state="unreadable", errors=(f"{path}: {why}",))
    return Examined(path, report)


def _report(done: Migration) -> FileReport:
    versions = [one for one in done.errors if one.code == "requires"]
    state: State = "changes" if done.after != done.before else "as_is"
    if done.undecided:
        state = "undecided"
    if done.errors:
        state = "fails"
    return FileReport(
        file=done.file,
        state=state,
        passes=done.passed,
        changes=tuple(f"{done.file}:{one.line}: {one.what}" for one in done.changes),
        undecided=tuple(_told(done.undecided)),
        versions=tuple(_told(versions)),
        errors=tuple(_told(one for one in done.errors if one not in versions)),
        warnings=tuple(_told(done.warnings)),
    )


def _told(complaints: Iterable[Diagnostic]) -> Iterator[str]:
    for one in complaints:
        yield str(one).splitlines()[0]


def _is_pipeline(text: str, file: str, named: bool) -> bool:
    """Whether it means to be one: other YAML files lie in the same folders."""
    if not named and "workflow" not in text and "steps" not in text:
        return False
    try:
        data = read_document(text, file).data
    except InvalidDocument:
        return named or _MEANT.search(text) is not None
    if not isinstance(data, dict):
        return False
    steps = data.get("steps")
    return "workflow" in data or (
        isinstance(steps, list) and any(isinstance(one, dict) and "type" in one for one in steps)
    )
