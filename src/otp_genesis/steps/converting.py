"""CSV, YAML, JSON and XML, each into any other: text in, text out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from otp_genesis.contracts.step import Params
from otp_genesis.deferred import deferred
from otp_genesis.errors import InvalidDocument, UsageError
from otp_genesis.expr.environment import as_text
from otp_genesis.model.document import read_document

yaml: Any = deferred("yaml")
if TYPE_CHECKING:
    from otp_genesis.steps import converting_xml as xml
else:
    xml = deferred("otp_genesis.steps.converting_xml")

Format = Literal[
    "csv_to_json", "csv_to_xml", "csv_to_yaml", "json_to_csv", "json_to_xml", "json_to_yaml",
    "xml_to_csv", "xml_to_json", "xml_to_yaml", "yaml_to_csv", "yaml_to_json", "yaml_to_xml",
]  # fmt: skip
Kind = Literal["csv", "json", "xml", "yaml"]


class Options(Params):
    """How data is read and written."""

    csv_delimiter: str = Field(default=",", min_length=1, max_length=1)
    csv_headers: bool = True
    """Whether the first line names the columns."""
    json_indent: int | None = Field(default=None, ge=0, le=16)
    xml_root: str = "root"
    """The outermost element, where the data does not have exactly one."""
    xml_item: str = "item"
    """The elements of a list that is not below a name of its own."""


DEFAULTS = Options()


def converted(text: str, form: Format, options: Options = DEFAULTS) -> str:
    """Return `text` in the other form; raise `UsageError` where it is not what it should be."""
    source, _, target = form.partition("_to_")
    try:
        return _WRITE[target](_read(text, source, options), options)
    except (UsageError, ValueError) as error:
        raise UsageError(f"{form}: {error}") from None
    except RecursionError:
        raise UsageError(f"{form}: the data is too deeply nested") from None


def read_as(text: str, kind: Kind) -> Any:
    """Return the data that a text of this kind holds; raise `UsageError`."""
    try:
        return _read(text, kind, DEFAULTS)
    except ValueError as error:
        raise UsageError(f"this is no {kind}: {error}") from None
    except RecursionError:
        raise UsageError("the data is too deeply nested") from None


def written_as(data: Any, kind: Kind, options: Options = DEFAULTS) -> str:
    """Return data as a text of this kind; raise `UsageError`."""
    try:
        return _WRITE[kind](data, options)
    except ValueError as error:
        raise UsageError(f"this cannot be {kind}: {error}") from None
    except RecursionError:
        raise UsageError("the data is too deeply nested") from None


def _read(text: str, kind: str, options: Options) -> Any:
    try:
        return _READ[kind](text.removeprefix("\ufeff"), options)
    except InvalidDocument as error:
        first = error.diagnostics[0]
        raise ValueError(f"line {first.line}: {first.message}") from None


def _from_csv(text: str, options: Options) -> list[Any]:
    reader = csv.reader(
        io.StringIO(text, newline=""), skipinitialspace=True, strict=True,
        delimiter=options.csv_delimiter,
    )  # fmt: skip
    try:
        if not options.csv_headers:
            return [row for row in reader if row]
        names = [name.strip() for name in next(reader, [])]
        named = [name for name in names if name]
        if len(set(named)) < len(named):
            twice = next(name for name in named if named.count(name) > 1)
            raise ValueError(f"two columns are called {twice!r}")
        return [_named(row, names, reader.line_num) for row in reader if row]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None


def _named(row: list[str], names: list[str], line: int) -> dict[str, str | None]:
    """Return a row by its columns; raise `ValueError` where a cell has none."""
    for number, cell in enumerate(row, 1):
        if cell.strip() and (number > len(names) or not names[number - 1]):
            raise ValueError(f"line {line}: the cell {cell[:40]!r} is in a column without a name")
    filled: list[str | None] = [*row, *([None] * len(names))]
    return {name: cell for name, cell in zip(names, filled, strict=False) if name}


def as_csv(data: Any, options: Options = DEFAULTS) -> str:
    """Return a list of mappings or of lists as CSV; raise `UsageError` where it is none.

    The columns are all keys of the rows, in the order in which they come up.
    """
    if not isinstance(data, list) or not all(isinstance(row, dict | list) for row in data):
        raise UsageError("CSV is made of a list of mappings, or of lists")
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n", delimiter=options.csv_delimiter)
    columns = list(dict.fromkeys(key for row in data if isinstance(row, dict) for key in row))
    if columns and options.csv_headers:
        writer.writerow(columns)
    for row in data:
        cells = row if isinstance(row, list) else [row.get(name) for name in columns]
        writer.writerow([as_text(cell) for cell in cells])
    return written.getvalue()


def as_jsonl(data: Any) -> str:
    """Return each item of a list (or the data itself) as one line of JSON."""
    rows = data if isinstance(data, list) else [data]
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def as_yaml(data: Any) -> str:
    """Return the data as YAML."""
    return str(yaml.safe_dump(data, allow_unicode=True, sort_keys=False))


def _from_json(text: str, options: Options) -> Any:
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _from_yaml(text: str, options: Options) -> Any:
    document = read_document(text)
    if document.complaints:
        raise InvalidDocument(document.complaints)
    return document.data


def _to_csv(data: Any, options: Options) -> str:
    if not data:
        raise ValueError("a list of mappings is needed, with one at least")
    return as_csv(data, options)


def _to_json(data: Any, options: Options) -> str:
    return json.dumps(data, ensure_ascii=False, indent=options.json_indent)


_READ: Mapping[str, Callable[[str, Options], Any]] = {
    "csv": _from_csv,
    "json": _from_json,
    "xml": lambda text, options: xml.from_xml(text),
    "yaml": _from_yaml,
}
_WRITE: Mapping[str, Callable[[Any, Options], str]] = {
    "csv": _to_csv,
    "json": _to_json,
    "xml": lambda data, options: str(xml.to_xml(data, options.xml_root, options.xml_item)),
    "yaml": lambda data, options: as_yaml(data),
}
