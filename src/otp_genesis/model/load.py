"""YAML or JSON text → `Pipeline`; every complaint about its shape with file, line and column.

What a key of a step means is its type's affair and is checked by `engine.check`; here only the
skeleton is read: the workflow's own keys, and that steps are steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from otp_genesis.errors import InvalidDocument, UsageError, did_you_mean, nearest
from otp_genesis.model.budget import Budget
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import Document, read_document
from otp_genesis.model.document import Path as Place
from otp_genesis.model.frozen import Frozen
from otp_genesis.model.older_header import HEADER, TOLD, has_header, without_header
from otp_genesis.model.older_keys import OLDER_KEYS
from otp_genesis.model.pipeline import CodebaseSpec, Input, Pipeline, Step

MAX_BYTES = 10 * 1024 * 1024

SUFFIXES = (".yaml", ".yml", ".json", "")

WORKFLOW_KEYS = (
    "name", "description", "version", "strict", "inputs", "outputs", "steps", "variables", "env",
    "codebase", "metadata", "requires", "provider_strategy", "output_schema", "budget",
)  # fmt: skip

Record = TypeVar("Record", bound=Frozen)


def load_pipeline(source: str | Path, *, lenient: bool = False) -> Pipeline:
    """Return the pipeline in a file.

    Raises `UsageError` where the file cannot be read and `InvalidDocument`, with every complaint
    about its shape, where it holds no pipeline. A `lenient` reader gets a pipeline that carries
    its complaints, as far as there is one, so that a check can add its own.
    """
    path = Path(source)
    text = _text(path)
    try:
        return parse_pipeline(text, str(path), lenient=lenient)
    except InvalidDocument as error:
        no_pipeline = any(one.code in ("yaml", "shape") for one in error.diagnostics)
        if no_pipeline and path.suffix.lower() not in SUFFIXES:
            first = error.diagnostics[0]
            as_yaml = f"read as such, line {first.line} is wrong: {first.message}"
            message = f"a {path.suffix!r} file; a pipeline is written in YAML or JSON ({as_yaml})"
            raise UsageError(f"{path}: {message}") from None
        raise


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        message = (
            f"larger than {MAX_BYTES // 1024**2} MiB; no pipeline is: keep data in other files"
        )
        raise UsageError(f"{path}: {message}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None


def parse_pipeline(text: str, file: str = "<text>", *, lenient: bool = False) -> Pipeline:
    """Return the pipeline in `text`, as `load_pipeline` does."""
    document = read_document(text, file)
    return _read(document, document.data, (), lenient)


def parse_inline(outer: Pipeline, value: Any, at: Place) -> Pipeline:
    """Return the pipeline that is written inside another at `at`, leniently."""
    return _read(outer.document, value, at, lenient=True)


def _read(document: Document, value: Any, at: Place, lenient: bool) -> Pipeline:
    reader = _Reader(document)
    pipeline = reader.pipeline(value, at)
    complaints = told_once((*document.complaints, *reader.complaints))
    wrong = any(one.severity == "error" for one in complaints)
    if pipeline is None or (wrong and not lenient):
        raise InvalidDocument(complaints)
    return replace(pipeline, complaints=complaints)


def read_steps(document: Document, value: Any, at: Place) -> tuple[list[Step], list[Diagnostic]]:
    """Return the steps in `value`, which stands at `at`, and the complaints about it."""
    reader = _Reader(document)
    return reader.steps(value, at), reader.complaints


def model_complaints(
    document: Document, at: Place, details: Iterable[Any], known: Iterable[str] = ()
) -> list[Diagnostic]:
    """Return pydantic's error details as complaints about the places under `at`."""
    return [_complaint(document, at, detail, known) for detail in details]


def told_once(complaints: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the complaints in order of place, without those that others are the cause of.

    Who misspells a key is not told as well that the right one is missing.
    """
    found = sorted(set(complaints))
    unknown = {(one.file, one.at) for one in found if one.code == "unknown-key"}
    misplaced = {_spot(one) for one in found if one.code == "misplaced-key"}

    def caused(one: Diagnostic) -> bool:
        if one.code == "unknown-key":
            return _spot(one) in misplaced
        if one.code == "template-key":
            return (one.file, one.at) in unknown
        if one.code != "missing-key" or not one.at:
            return False
        around = (one.file, one.at[:-1])
        beside = [str(at[-1]) for file, at in unknown if at and (file, at[:-1]) == around]
        return nearest(str(one.at[-1]), beside) is not None

    return tuple(one for one in found if not caused(one))


def _spot(one: Diagnostic) -> tuple[str, int, int]:
    return one.file, one.line, one.column


def _complaint(document: Document, at: Place, detail: Any, known: Iterable[str]) -> Diagnostic:
    loc = detail["loc"]
    place = (*at, *loc)
    name = _name_of(loc)
    match detail["type"]:
        case "extra_forbidden":
            key = str(loc[-1])
            message = f"unknown key {key!r}{did_you_mean(key, known)}"
            return document.error(place, "unknown-key", message, key=True)
        case "missing":
            message = f"key {str(loc[-1])!r} is missing"
            found = document.error(place[:-1], "missing-key", message, key=True)
            return replace(found, at=place)
    given = detail.get("input")
    if detail["type"] == "value_error":
        said = detail["msg"].removeprefix("Value error, ")
        return document.error(place, "wrong-type", f"{name!r}: {said}" if loc else said)
    wanted = _WANTED.get(detail["type"]) or detail["msg"].removeprefix("Input should be ")
    message = f"{name!r} should be {wanted}, not {_shown(given)}"
    if isinstance(given, str) and wanted == "a valid list" and given:
        message += f"; write [{given}]"
    return document.error(place, "wrong-type", message)


_WANTED = {
    "int_parsing": "a valid integer",
    "int_from_float": "a valid integer",
    "float_parsing": "a valid number",
    "bool_parsing": "a valid boolean, true or false",
    "bool_type": "a valid boolean, true or false",
    "tuple_type": "a valid list",
    "model_type": "a valid dictionary",
    "model_attributes_type": "a valid dictionary",
}
"""What pydantic's kinds of error ask for, where its own words say more or other than that."""


def _name_of(location: tuple[str | int, ...]) -> str:
    """Return the last key of a location with the indexes behind it: `prompt[0]`."""
    keys = [index for index, part in enumerate(location) if isinstance(part, str)]
    if not keys:
        return "".join(f"[{part}]" for part in location) or "?"
    key, *indexes = location[keys[-1] :]
    return f"{key}{''.join(f'[{index}]' for index in indexes)}"


def _shown(value: Any) -> str:
    match value:
        case dict() | BaseModel():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


_BECOMES = {"no effect": "has no effect", "not supported": "is not supported"}


class _Reader:
    def __init__(self, document: Document):
        self.document = document
        self.complaints: list[Diagnostic] = []

    def pipeline(self, data: Any, at: Place) -> Pipeline | None:
        if not isinstance(data, dict):
            self._complain(at, "shape", "a pipeline is a mapping with the key 'workflow'")
            return None
        if data.get("strict") is not True and has_header(data):
            span = self.document.at((*at, HEADER), key=True)
            self.complaints.append(self.document.diagnose(span, "deprecated", TOLD, warning=True))
            data = without_header(data)
        root = at
        beside = [key for key in data if key != "workflow" and not key.startswith("x-")]
        if "workflow" in data:
            data, root = data["workflow"], (*at, "workflow")
        elif not set(WORKFLOW_KEYS) & set(beside) and (key := nearest("workflow", beside)):
            message = f"unknown key {key!r}; did you mean 'workflow'?"
            self._complain((*at, key), "unknown-key", message, key=True)
            beside.remove(key)
            data, root = data[key], (*at, key)
        outside = beside if root != at else []
        for key in outside:
            message = f"unknown key {key!r} beside 'workflow'"
            if key in WORKFLOW_KEYS:
                message = f"{key!r} stands beside 'workflow' and belongs under it: indent it more"
            self._complain((*at, key), "unknown-key", message)
        if not isinstance(data, dict):
            empty = "; it is empty, or what belongs under it is not indented"
            message = f"'workflow' must be a mapping{empty if data is None else ''}"
            self._complain(root, "shape", message)
            return None
        strict = self._typed(data, root, "strict", bool, "true or false") or False
        older = self._older_keys(data, root, strict=strict)
        steps = [] if "steps" in outside else self._required_steps(data, root)
        name = self._string(data, root, "name") or Path(self.document.file).stem
        return Pipeline(
            name=name,
            steps=tuple(steps),
            document=self.document,
            at=root,
            description=self._string(data, root, "description") or "",
            version=self._string(data, root, "version"),
            strict=strict,
            older=older,
            inputs=self._inputs(data, root),
            outputs=self._typed(data, root, "outputs", dict, "a mapping of names to values") or {},
            variables=self._typed(data, root, "variables", dict, "a mapping") or {},
            env=self._names(data, root, "env", "a list of variable names"),
            requires=self._names(data, root, "requires", "a list such as ['otp-genesis>=0.1']"),
            provider_strategy=self._string(data, root, "provider_strategy"),
            output_schema=self._typed(data, root, "output_schema", dict, "a JSON Schema"),
            codebase=self._record(data, root, "codebase", CodebaseSpec),
            budget=self._record(data, root, "budget", Budget),
        )

    def steps(self, value: Any, at: Place) -> list[Step]:
        if not isinstance(value, list):
            self._complain(at, "shape", "steps must be a list")
            return []
        found = [self._step(item, (*at, i)) for i, item in enumerate(value)]
        steps = [step for step in found if step is not None]
        first: dict[str, Step] = {}
        for step in steps:
            if step.name in first:
                line = self.document.at(first[step.name].at).line
                message = f"a step named {step.name!r} stands in line {line} already"
                self._complain((*step.at, "name"), "duplicate-name", message)
            first.setdefault(step.name, step)
        return steps

    def _step(self, item: Any, at: Place) -> Step | None:
        if not isinstance(item, dict):
            self._complain(at, "shape", "a step is a mapping with 'name' and 'type'")
            return None
        kind = item.get("type")
        name = item.get("name")
        for key, value in (("name", name), ("type", kind)):
            if key not in item:
                self._lacks(item, key, at)
            elif not isinstance(value, str) or not value.strip():
                self._complain((*at, key), "wrong-type", f"{key!r} must be a non-empty string")
        if not isinstance(kind, str) or not isinstance(name, str):
            return None
        if "{{" in kind:
            message = "a step's type stands in the document; a 'switch' chooses between steps"
            self._complain((*at, "type"), "type", message)
            return None
        if "/" in name or "{{" in name:
            self._complain((*at, "name"), "name", "a step's name may hold neither '/' nor '{{'")
        return Step(name, kind, item, at)

    def _lacks(self, item: dict[str, Any], key: str, at: Place) -> None:
        given = nearest(key, [name for name in item if name not in ("name", "type")])
        if given is None:
            self._complain(at, "missing-key", f"the step has no {key!r}")
            return
        message = f"unknown key {given!r}; did you mean {key!r}?"
        self._complain((*at, given), "unknown-key", message, key=True)

    def _required_steps(self, data: dict[str, Any], at: Place) -> list[Step]:
        if data.get("steps"):
            return self.steps(data["steps"], (*at, "steps"))
        for key, value in data.items():
            if "steps" not in data and isinstance(value, dict) and value.get("steps"):
                message = f"'steps' stands under {key!r} and belongs beside it: indent it less"
                place = (*at, key, "steps")
                self._complain(place, "misplaced-key", message, key=True)
                return []
        self._complain((*at, "steps"), "missing-key", "a pipeline needs at least one step")
        return []

    def _inputs(self, data: dict[str, Any], at: Place) -> dict[str, Input]:
        declared = self._typed(data, at, "inputs", dict, "a mapping of names to declarations") or {}
        inputs = {}
        for name, value in declared.items():
            place = (*at, "inputs", name)
            given = value if isinstance(value, dict) else {"default": value}
            try:
                inputs[name] = Input.model_validate(given)
            except ValidationError as error:
                found = model_complaints(self.document, place, error.errors(), Input.model_fields)
                self.complaints += found
                continue
            if problem := inputs[name].default_misfit:
                self._complain((*place, "default"), "wrong-type", f"the default {problem}")
        return inputs

    def _record(
        self, data: dict[str, Any], at: Place, key: str, model: type[Record]
    ) -> Record | None:
        if data.get(key) is None:
            return None
        try:
            return model.model_validate(data[key])
        except ValidationError as error:
            self.complaints += model_complaints(
                self.document, (*at, key), error.errors(), model.model_fields
            )
            return None

    def _names(self, data: dict[str, Any], at: Place, key: str, what: str) -> tuple[str, ...]:
        names = self._typed(data, at, key, list, what) or []
        if not all(isinstance(name, str) for name in names):
            self._complain((*at, key), "wrong-type", f"{key!r} must be {what}")
            return ()
        return tuple(names)

    def _older_keys(self, data: dict[str, Any], at: Place, *, strict: bool) -> dict[str, Any]:
        """Return what keys of older documents say; complain of those that nobody knows."""
        found: dict[str, Any] = {}
        for key in data:
            older = OLDER_KEYS.get(key)
            if key in WORKFLOW_KEYS:
                continue
            if older is None or strict:
                hint = f"; {older.told}" if older and older.told else ""
                near = hint or did_you_mean(key, WORKFLOW_KEYS)
                message = f"unknown key {key!r}{near}"
                self._complain((*at, key), "unknown-key", message, key=True)
            elif older.state == "works":
                found[key] = self._older(data, at, key)
            else:
                code = "no-effect" if older.state == "no effect" else "not-supported"
                message = f"{key!r} {_BECOMES[older.state]}: {older.told}"
                span = self.document.at((*at, key), key=True)
                self.complaints.append(self.document.diagnose(span, code, message, warning=True))
        return found

    def _older(self, data: dict[str, Any], at: Place, key: str) -> Any:
        if key in ("workspace_dir", "output_dir"):
            return self._string(data, at, key)
        return self._typed(data, at, key, dict, "a mapping") or {}

    def _string(self, data: dict[str, Any], at: Place, key: str) -> str | None:
        value = data.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if value is None or isinstance(value, str):
            return value
        self._complain((*at, key), "wrong-type", f"{key!r} must be a string")
        return None

    def _typed(self, data: dict[str, Any], at: Place, key: str, kind: type, what: str) -> Any:
        value = data.get(key)
        if value is None or isinstance(value, kind):
            return value
        self._complain((*at, key), "wrong-type", f"{key!r} must be {what}")
        return None

    def _complain(self, at: Place, code: str, message: str, *, key: bool = False) -> None:
        self.complaints.append(self.document.error(at, code, message, key=key))
