"""What a `file_ops` step says, and which keys each operation has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from otp_genesis.contracts.step import NoEffect, Params
from otp_genesis.errors import did_you_mean
from otp_genesis.expr.loose_pattern import automaton
from otp_genesis.expr.loose_pattern_grammar import BadPattern
from otp_genesis.expr.template import has_template
from otp_genesis.steps import converting
from otp_genesis.steps.file_ops_selecting import Selection, Source, is_glob

Kind = Literal[
    "copy", "move", "delete", "validate", "list", "convert", "stream_copy", "stream_process",
    "read", "write", "append", "wait",
]  # fmt: skip
_SEVERAL = ("source", "destination", "files", "recursive", "options", "atomic")
_TAKES: Mapping[str, tuple[str, ...]] = {
    "copy": _SEVERAL,
    "move": _SEVERAL,
    "stream_copy": ("source", "destination", "chunk_size"),
    "delete": ("path", "files", "options", "atomic"),
    "validate": ("files",),
    "list": ("path", "pattern", "recursive", "options", "output_field"),
    "convert": ("source", "destination", "format", "options", "xml_root", "xml_item"),
    "stream_process": ("source", "processor", "pattern", "replacement", "chunk_size"),
    "read": ("path", "format", "output_field"),
    "write": ("path", "content", "format", "options"),
    "append": ("path", "content"),
    "wait": ("duration_seconds",),
}
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "copy": ("source", "destination"),
    "move": ("source", "destination"),
    "stream_copy": ("source", "destination"),
    "convert": ("source", "destination", "format"),
    "delete": ("path",),
    "list": ("path",),
    "validate": ("files",),
    "stream_process": ("source",),
    "read": ("path",),
    "write": ("path", "content"),
    "append": ("path", "content"),
    "wait": ("duration_seconds",),
}
"""What must be there; `files` can stand for it."""
_OWN_KEYS = sorted({key for keys in _TAKES.values() for key in keys})
_INSTEAD = {
    "mkdir": "folders are made as files are written into them",
    "create_directories": "folders are made as files are written into them",
    "exists": "'validate' says whether files are there",
    "rename": "that is 'move'",
    "remove": "that is 'delete'",
}
LONGEST_WAIT_S = 86_400


def _checked_kind(kind: Any) -> Any:
    known = get_args(Kind)
    if isinstance(kind, str) and kind not in known and not has_template(kind):
        told = f"; {_INSTEAD[kind]}" if kind in _INSTEAD else did_you_mean(kind, known)
        raise ValueError(f"there is no operation {kind!r}{told}")
    return kind


def _checked_form(form: str) -> str:
    known = (*get_args(converting.Format), *get_args(converting.Kind))
    if form not in known and not has_template(form):
        raise ValueError(f"there is no format {form!r}{did_you_mean(form, known)}")
    return form


class FileEntry(Selection):
    """One of `files`: a path, what a file should be, what is removed, or what goes where."""

    must_exist: bool = True
    must_be_file: bool = False
    must_be_dir: bool = False
    min_size: int | None = Field(default=None, ge=0)
    """Bytes."""
    max_size: int | None = Field(default=None, ge=0)
    must_be_readable: bool = False
    must_be_writable: bool = False
    must_contain: tuple[str, ...] = ()
    """Names that the folder must hold."""
    validate_json: bool = False
    """Whether its content must be JSON."""
    format: converting.Kind | None = None
    """What its content must be."""
    source: str | None = None
    destination: str | None = None


_ENTRY_TAKES: Mapping[str, frozenset[str]] = {
    "copy": frozenset(("source", "destination")),
    "move": frozenset(("source", "destination")),
    "delete": frozenset(("path", "pattern", "exclude", "older_than")),
    "validate": frozenset(FileEntry.model_fields) - {"source", "destination", "older_than"},
}


class Options(converting.Options):
    """How an operation is done."""

    recursive: bool | None = None
    preserve_structure: bool = False
    """For `copy` and `move`: whether files keep the folders that their pattern found them in."""
    overwrite: bool = True
    """For `copy` and `move`: whether a file that is there already is replaced, or a failure."""
    dry_run: bool = False
    """For `copy`, `move` and `delete`: tells what would be done, and does nothing."""
    create_destination: Annotated[
        bool | None, NoEffect("the folders of a destination are always made")
    ] = None
    preserve_timestamps: Annotated[
        bool | None, NoEffect("git keeps no times of files, so a step cannot either")
    ] = None
    include_hidden: bool = True
    pattern: str | None = None
    sort_by: Literal["name", "modified", "size"] = "name"
    """For `list`: by name, the latest first, or the largest first."""
    limit: int | None = Field(default=None, ge=1)


_OPTIONS: Mapping[str, frozenset[str]] = {
    "list": frozenset(("recursive", "include_hidden", "pattern", "sort_by", "limit")),
    "delete": frozenset(("dry_run", "recursive")),
    "convert": frozenset(converting.Options.model_fields),
    "write": frozenset(converting.Options.model_fields),
    **dict.fromkeys(
        ("copy", "move"),
        frozenset(
            (
                "recursive", "preserve_structure", "overwrite", "dry_run", "create_destination",
                "preserve_timestamps",
            )
        ),
    ),
}  # fmt: skip


class FileOps(Params):
    """Parameters of `file_ops`. Every path is relative to the workspace and stays in it."""

    operation: Annotated[Kind, BeforeValidator(_checked_kind)]
    source: Source | None = None
    """A path or a glob, `{pattern: …, exclude: […]}`, or a list of such."""
    destination: str | None = None
    """A file; for several files, or with `/` at its end, the folder that they go to."""
    path: str | None = None
    """For `delete`: a file, or a folder with all in it. For `list`: a folder. For `read`, `write`
    and `append`: a file."""
    files: tuple[FileEntry, ...] | None = None
    """For `validate`, `delete`, `copy` and `move`."""
    pattern: str | None = None
    """For `list`: a glob such as `**/*.ex`, or a regular expression that is found in the names. For
    `replace`: what is replaced."""
    recursive: bool | None = None
    """For `list`: whether folders within the folder count. For `copy`: whether folders may be."""
    format: Annotated[str, AfterValidator(_checked_form)] | None = None
    """For `convert`: `csv_to_json`, or any other two of csv, json, xml and yaml. For `read` and
    `write`: one of these."""
    content: Any = None
    """For `write` and `append`: the text; data is written as `format`, JSON without it."""
    processor: Literal["identity", "uppercase", "lowercase", "trim", "replace"] = "identity"
    """For `stream_process`: what becomes of each line."""
    replacement: str = ""
    options: Options = Options()
    atomic: bool = True
    """Whether several files are all copied, moved or removed, or none."""
    xml_root: str | None = None
    xml_item: str | None = None
    duration_seconds: float | None = Field(default=None, ge=0, le=LONGEST_WAIT_S)
    """For `wait`."""
    output_field: str | None = None
    """For `list` and `read`: a key of the result that holds the same files, or the content."""
    chunk_size: Annotated[int | None, NoEffect("a file is processed as a whole")] = None

    @field_validator(*_OWN_KEYS)
    @classmethod
    def _belongs_here(cls, value: Any, info: ValidationInfo) -> Any:
        kind = info.data.get("operation")
        if kind is not None and value is not None and info.field_name not in _TAKES[kind]:
            takes = ", ".join(map(repr, _TAKES[kind]))
            raise ValueError(f"the operation {kind!r} has no such key; it takes {takes}")
        return value

    @field_validator("files")
    @classmethod
    def _entries_are_of_it(cls, files: Any, info: ValidationInfo) -> Any:
        kind = str(info.data.get("operation"))
        for number, entry in enumerate(files if kind in _ENTRY_TAKES else (), 1):
            if problem := _entry_problem(entry, kind):
                raise ValueError(f"entry {number} {problem}")
        return files

    @field_validator("options")
    @classmethod
    def _options_are_of_it(cls, options: Options, info: ValidationInfo) -> Options:
        kind = str(info.data.get("operation"))
        for key in options.model_fields_set if kind in _OPTIONS else ():
            if key not in _OPTIONS[kind]:
                near = did_you_mean(key, _OPTIONS[kind])
                raise ValueError(f"the operation {kind!r} has no option {key!r}{near}")
        return options

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> FileOps:
        needs = _NEEDS[self.operation]
        if self.files is not None and self.operation in ("copy", "move", "delete"):
            needs = ()
        missing = [key for key in needs if getattr(self, key) is None]
        if missing:
            raise ValueError(f"{self.operation!r} needs {' and '.join(map(repr, missing))}")
        if problem := _form_problem(self) or _pattern_problem(self):
            raise ValueError(problem)
        return self

    @property
    def is_recursive(self) -> bool:
        """Whether folders count, as it is said in either place."""
        return bool(self.options.recursive if self.recursive is None else self.recursive)

    @property
    def form(self) -> converting.Options:
        """How data is converted."""
        said = {"xml_root": self.xml_root, "xml_item": self.xml_item}
        return self.options.model_copy(update={k: v for k, v in said.items() if v is not None})


def _entry_problem(entry: FileEntry, kind: str) -> str | None:
    """Return what keeps one of `files` from being of an operation."""
    takes = _ENTRY_TAKES[kind]
    for key in entry.model_fields_set:
        if key not in takes:
            said = ", ".join(map(repr, sorted(takes)))
            return f"has the key {key!r}; for {kind!r} it takes {said}"
    if kind == "validate" and entry.path is None and entry.pattern is None:
        return "needs 'path' or 'pattern'"
    if kind in ("copy", "move") and None in (entry.source, entry.destination):
        return "needs 'source' and 'destination'"
    return None


def _form_problem(params: FileOps) -> str | None:
    kinds = get_args(converting.Kind)
    if params.format is None or has_template(params.format):
        return None
    if params.operation == "convert" and params.format in kinds:
        return f"'convert' needs both forms, such as 'csv_to_{params.format}'"
    if params.operation in ("read", "write") and params.format not in kinds:
        return f"{params.operation!r} needs one form: {', '.join(kinds)}"
    return None


def _pattern_problem(params: FileOps) -> str | None:
    pattern = params.pattern if params.pattern is not None else params.options.pattern
    if params.operation != "list" or pattern is None or has_template(pattern) or is_glob(pattern):
        return None
    try:
        automaton(pattern)
    except BadPattern as error:
        return f"{pattern!r} is no regular expression: {error}"
    return None
