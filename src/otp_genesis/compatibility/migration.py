"""An older document in the spelling of today.

Nothing is parsed and printed again: each change replaces the characters of one place, so that
comments, order, quotes and blanks stay to the byte elsewhere. After each change the document is
read anew, and a change that does not read as meant is taken back and told.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from otp_genesis.contracts.entry import Deprecation
from otp_genesis.errors import ExpressionError, InvalidDocument
from otp_genesis.expr.rename import renamed
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import Document, Path, Span, read_document
from otp_genesis.model.load import parse_pipeline
from otp_genesis.model.pipeline import Pipeline

ROUNDS = 50
"""How often a document is checked again after changes: each round mends all it can."""

Check = Callable[[Pipeline], tuple[Diagnostic, ...]]
"""Returns every complaint about a document, warnings too."""


@dataclass(frozen=True)
class Change:
    """One place that is written otherwise now. Lines from 1, of the text as it was then."""

    line: int
    what: str


@dataclass(frozen=True)
class Migration:
    """A document before and after, what was changed, and what a person must decide."""

    file: str
    before: str
    after: str
    changes: tuple[Change, ...] = ()
    undecided: tuple[Diagnostic, ...] = ()

    @property
    def diff(self) -> str:
        """The changes as a unified diff."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"a/{self.file.lstrip('/')}",
            f"b/{self.file.lstrip('/')}",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Names:
    """What step types are called now."""

    aliases: Mapping[str, str] = field(default_factory=dict)
    deprecated: Mapping[str, Deprecation] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """Return the name to write instead of `name`, or `name` itself."""
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            deprecation = self.deprecated.get(name)
            instead = deprecation.use if deprecation else None
            name = instead or self.aliases.get(name, name)
        return name


def migrate(text: str, file: str, check: Check, names: Names) -> Migration:
    """Return the document as it is written now; raise `InvalidDocument` where it is none at all.

    It becomes `strict: true`, unless something in it can only be read by the older rules: then it
    stays as it is in that, and what is in the way is told.
    """
    worker = _Worker(text, file, check, names)
    worker.structure()
    loose = worker.text
    if worker.make_strict():
        worker.mend()
        left = worker.errors()
        if left and not _errors(check, loose, file):
            worker.undo_strict(loose)
            told = tuple(replace(one, severity="warning") for one in left)
            return worker.result((*worker.undecided, *told))
    return worker.result((*worker.undecided, *worker.errors()))


def _errors(check: Check, text: str, file: str) -> list[Diagnostic]:
    pipeline = parse_pipeline(text, file, lenient=True)
    return [one for one in check(pipeline) if one.severity == "error"]


class _Worker:
    def __init__(self, text: str, file: str, check: Check, names: Names):
        self.before = self.text = text
        self.file, self.check, self.names = file, check, names
        self.changes: list[Change] = []
        self.undecided: list[Diagnostic] = []

    def result(self, undecided: tuple[Diagnostic, ...]) -> Migration:
        return Migration(self.file, self.before, self.text, tuple(self.changes), undecided)

    def errors(self) -> list[Diagnostic]:
        return _errors(self.check, self.text, self.file)

    def structure(self) -> None:
        """Write types, prompt parts and variables as they are written now."""
        for _ in range(ROUNDS * 20):
            if not self._one_place():
                return

    def _one_place(self) -> bool:
        """Change the first place that is written otherwise now; whether there was one."""
        document = read_document(self.text, self.file)
        for path, step in _steps(document.data, ()):
            for at, span, new, what in _rewrites(document, path, step, self.names):
                known = {(one.line, one.column) for one in self.undecided}
                if (span.line, span.column) in known:
                    continue
                self._replace(document, at, span, new, what)
                return True
        return False

    def _replace(self, document: Document, at: Path, span: Span, new: str, what: str) -> None:
        text = f"{self.text[: span.start]}{new}{self.text[span.end :]}"
        try:
            read_document(text, self.file)
        except InvalidDocument:
            message = f"{what}: it cannot be changed here without breaking the document"
            self.undecided.append(document.diagnose(span, "undecided", message, warning=True))
            return
        self.text = text
        self.changes.append(Change(span.line, what))

    def make_strict(self) -> bool:
        """Say `strict: true`; whether the document is strict now, or was before."""
        pipeline = parse_pipeline(self.text, self.file, lenient=True)
        if pipeline.strict:
            return True
        document = pipeline.document
        value = (*pipeline.at, "strict")
        if value in document.values:
            span = document.values[value]
            self.text = f"{self.text[: span.start]}true{self.text[span.end :]}"
            self.changes.append(Change(span.line, "strict: true"))
            return True
        first = next((path for path in document.keys if path[:-1] == pipeline.at), None)
        if first is None:
            return False
        span = document.keys[first]
        line_start = self.text.rfind("\n", 0, span.start) + 1
        before = self.text[line_start : span.start]
        new = "strict: true, " if before.strip() else f"strict: true\n{before}"
        text = f"{self.text[: span.start]}{new}{self.text[span.start :]}"
        try:
            strict = parse_pipeline(text, self.file, lenient=True).strict
        except InvalidDocument:
            strict = False
        if strict:
            self.text = text
            self.changes.append(Change(span.line, "strict: true"))
        return strict

    def undo_strict(self, loose: str) -> None:
        self.text = loose
        self.changes = [one for one in self.changes if not _of_strictness(one)]

    def mend(self) -> None:
        """Let expressions say where their names come from, as strict documents do."""
        hopeless: set[Path] = set()
        for _ in range(ROUNDS):
            pipeline = parse_pipeline(self.text, self.file, lenient=True)
            wanted: dict[Path, dict[str, str]] = {}
            for one in self.check(pipeline):
                if one.fix and one.file == self.file and one.at not in hopeless:
                    old, new = one.fix
                    wanted.setdefault(one.at, {})[old] = new
            if not wanted:
                return
            # One place a round: the places of the others move with it.
            at, names = next(iter(wanted.items()))
            if not self._rename(pipeline.document, at, names):
                hopeless.add(at)

    def _rename(self, document: Document, at: Path, names: dict[str, str]) -> bool:
        span = document.values.get(at)
        value = _value(document.data, at)
        if span is None or not isinstance(value, str):
            return False
        raw = self.text[span.start : span.end]
        bare = "{{" not in value and "{%" not in value
        quote = raw[:1] if raw[:1] in ("'", '"') else ""
        inner = raw[1:-1] if quote else raw
        try:
            meant = renamed(value, names, bare=bare)
            new = quote + renamed(inner, names, bare=bare) + quote
        except ExpressionError:
            return False
        text = f"{self.text[: span.start]}{new}{self.text[span.end :]}"
        try:
            read = read_document(text, self.file)
        except InvalidDocument:
            return False
        if _value(read.data, at) != meant or meant == value:
            return False
        self.text = text
        for old, said in names.items():
            self.changes.append(Change(span.line, f"{old} → {said}"))
        return True


def _of_strictness(change: Change) -> bool:
    return change.what == "strict: true" or " → steps." in change.what or " → state." in change.what


def _value(data: Any, at: Path) -> Any:
    for key in at:
        try:
            data = data[key]
        except (LookupError, TypeError):
            return None
    return data


def _steps(data: Any, at: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every mapping that looks like a step, however deep, with its place."""
    if isinstance(data, dict):
        if isinstance(data.get("type"), str) and isinstance(data.get("name"), str):
            yield at, data
        for key, value in data.items():
            yield from _steps(value, (*at, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _steps(value, (*at, index))


Rewrite = tuple[Path, Span, str, str]


def _rewrites(
    document: Document, path: Path, step: dict[str, Any], names: Names
) -> Iterator[Rewrite]:
    """Yield each place of a step that is written otherwise now: where, the new text, in words."""
    kind = step["type"]
    if (new := names.of(kind)) != kind:
        at = (*path, "type")
        yield at, document.at(at), new, f"type {kind} → {new}"
    if isinstance(prompt := step.get("prompt"), list):
        for index, part in enumerate(prompt):
            if isinstance(part, dict) and part.get("type") == "previous_response":
                at = (*path, "prompt", index, "name")
                if "name" in part and "step" not in part and at in document.keys:
                    yield at, document.keys[at], "step", "previous_response: name → step"
    if kind == "set_variable" and "variables" not in step:
        yield from _one_variable(document, path, step)


def _one_variable(document: Document, path: Path, step: dict[str, Any]) -> Iterator[Rewrite]:
    """Yield `variable: NAME` and `value: …`, which stood side by side, as one mapping."""
    name, key, value = step.get("variable"), (*path, "variable"), (*path, "value")
    if not isinstance(name, str) or "value" not in step:
        return
    whole = document.values.get(value)
    first, second = document.keys.get(key), document.keys.get(value)
    if whole is None or first is None or second is None or second.start < first.start:
        return
    raw = document.text[whole.start : whole.end]
    between = document.text[document.values[key].end : second.start]
    if between.strip(" ,\n") or "\n" in raw:
        return
    span = Span(first.line, first.column, first.start, whole.end)
    yield key, span, f"variables: {{{name}: {raw}}}", "variable, value → variables"
