"""XML as data: elements are keys, `@name` an attribute, `#text` the text beside attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

from otp_genesis.deferred import deferred
from otp_genesis.expr.environment import as_text

xmltodict: Any = deferred("xmltodict")

_NAME = re.compile(r"[^\W\d][\w.-]*(?::[^\W\d][\w.-]*)?")
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = "#text"


def from_xml(text: str) -> Any:
    """Return the data of a document; raise `ValueError` where it is none, or has a DTD."""
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = _no_doctype
    data = text.encode("utf-8", "surrogatepass")
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(
            f"line {error.lineno}, column {error.offset + 1}: {expat.ErrorString(error.code)}"
        ) from None
    return xmltodict.parse(data)


def _no_doctype(*_: Any) -> None:
    raise ValueError("a DOCTYPE is not read: it could bring in other files, or grow without end")


def to_xml(data: Any, root: str, item: str) -> str:
    """Return data as a document; raise `ValueError` where a key is no name of an element.

    Where the data is no mapping of one element, `root` is put around it; the elements of a list
    that has no name of its own are called `item`.
    """
    plain = _plain(data, item)
    whole = isinstance(plain, dict) and len(plain) == 1
    if not whole or any(isinstance(v, list) or k[:1] in "@#" for k, v in plain.items()):
        plain = {_named(root): plain}
    return f"{xmltodict.unparse(plain, pretty=True, indent='  ')}\n"


def _plain(value: Any, item: str) -> Any:
    """Return a value as mappings, lists below a name, and texts."""
    if isinstance(value, Mapping):
        return {_named(str(key)): _below(one, item, str(key)) for key, one in value.items()}
    if isinstance(value, list):
        return {_named(item): [_plain(one, item) for one in value]}
    return None if value is None else _text(as_text(value))


def _below(value: Any, item: str, key: str) -> Any:
    if key[:1] in "@#" and isinstance(value, Mapping | list):
        raise ValueError(f"{key!r} is an attribute or text and cannot hold more than one value")
    return [_plain(one, item) for one in value] if isinstance(value, list) else _plain(value, item)


def _named(key: str) -> str:
    name = key.removeprefix("@")
    if key != _TEXT and not _NAME.fullmatch(name):
        raise ValueError(f"{key!r} is no name of an XML element; rename the key")
    return key


def _text(text: str) -> str:
    if found := _FORBIDDEN.search(text):
        raise ValueError(f"XML cannot hold the character {found[0]!r}")
    return text
