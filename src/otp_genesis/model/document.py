"""YAML and JSON text as plain data, with the place of every key and value.

PyYAML's C parser composes; scalars are read by the YAML 1.2 core schema (`on` and `no` are
strings, `012` is twelve, `1e3` is a number), a key given twice is an error, and aliases may not
blow up.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from otp_genesis.deferred import deferred
from otp_genesis.errors import InvalidDocument
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.yaml_fault import yaml_fault

if TYPE_CHECKING:
    import yaml
else:
    yaml = deferred("yaml")

Path = tuple[str | int, ...]
"""Where a value stands in a document: keys and indexes from the root."""

MAX_ALIASED_NODES = 10_000
MAX_DEPTH = 200
MAX_INT_DIGITS = 400
"""A longer run of digits is text: nobody means it as a number."""

_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_MAYBE_DEEP = re.compile(r"^[ ]{900}|(?:[-?][ ]){400}", re.MULTILINE)
_SURROGATES = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
_SAVED = len(r"\ud83d\ude00") - len(r"\U0001f600")
_WITH_HOLES = ("too-deep", "alias-bomb", "alias")
"""What these leave out would be missed, and told again and again."""
_CONTROL = {code: "\ufffd" for code in (*range(9), 11, 12, *range(14, 32), 127)}
_STRING_TAG = "tag:yaml.org,2002:str"
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}


@cache
def _loader() -> type[yaml.CSafeLoader]:
    """Return what composes nodes; deciding what a plain scalar means is ours."""

    class Loader(yaml.CSafeLoader):
        yaml_implicit_resolvers: dict[str, Any] = {}

    return Loader


@dataclass(frozen=True)
class Span:
    """Line and column from 1; `start` and `end` in characters of the text."""

    line: int
    column: int
    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """One file, read. `values` and `keys` say where each value, and each key, stands."""

    file: str
    text: str
    data: Any
    values: Mapping[Path, Span] = field(default_factory=dict, repr=False)
    keys: Mapping[Path, Span] = field(default_factory=dict, repr=False)
    complaints: tuple[Diagnostic, ...] = ()
    """What is wrong with it as YAML, but leaves it readable: a key given twice, say."""

    def at(self, path: Path, *, key: bool = False) -> Span:
        """Return where `path` is, or the nearest thing around it that has a place."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            if path in self.keys:
                return self.keys[path]
            path = path[:-1]
        return self.values.get(path, Span(1, 1, 0, 0))

    def error(self, path: Path, code: str, message: str, *, key: bool = False) -> Diagnostic:
        """Return the complaint about the value (or key) at `path`; about the key of nothing."""
        span = self.at(path, key=key)
        if span.start == span.end and path in self.keys:
            span = self.keys[path]
        return replace(self.diagnose(span, code, message), at=path)

    def diagnose(self, span: Span, code: str, message: str, *, warning: bool = False) -> Diagnostic:
        """Return the complaint about the text at `span`."""
        start = self.text.rfind("\n", 0, span.start) + 1
        end = self.text.find("\n", span.start)
        source = self.text[start : end if end >= 0 else len(self.text)].translate(_CONTROL)
        width = min(span.end, end if end >= 0 else len(self.text)) - span.start
        severity: Literal["error", "warning"] = "warning" if warning else "error"
        return Diagnostic(
            self.file, span.line, span.column, severity, code, message, source, max(1, width)
        )

    def within(self, path: Path, needle: str, *, nth: int = 0) -> Span:
        """Return the place of the `nth` occurrence of `needle` in the text of the value there."""
        span = self.at(path)
        found = span.start - 1
        for _ in range(nth + 1):
            found = self.text.find(needle, found + 1, span.end)
            if found < 0:
                return span
        return self._span(found, found + len(needle))

    def _span(self, start: int, end: int) -> Span:
        line = self.text.count("\n", 0, start) + 1
        return Span(line, start - self.text.rfind("\n", 0, start), start, end)


def read_document(text: str, file: str = "<text>") -> Document:
    """Return the document in `text`; raise `InvalidDocument` where it cannot be read at all."""
    read = text
    if _SURROGATES.search(text) and is_json(text):
        # JSON writes a character beyond U+FFFF as two escapes, YAML as one.
        read = _SURROGATES.sub(_one_escape, text)
    bare = Document(file, read, None)
    try:
        root = _composed(bare)
    except UnicodeEncodeError as error:
        span = bare._span(error.start, error.end)
        raise InvalidDocument([bare.diagnose(span, "yaml", "half a character")]) from None
    except yaml.YAMLError as error:
        message, at = yaml_fault(read, error)
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        span = bare._span(at, at + 1)
        if mark is not None and mark.index == at:
            span = Span(mark.line + 1, mark.column + 1, at, at + 1)
        raise InvalidDocument([bare.diagnose(span, "yaml", message)]) from None
    except RecursionError:
        message = f"more than {MAX_DEPTH} levels deep"
        raise InvalidDocument([bare.diagnose(Span(1, 1, 0, 0), "too-deep", message)]) from None
    builder = _Builder(Document(file, text, None), _shortened(text) if read != text else ())
    data = builder.build(root, ()) if root is not None else None
    found = tuple(sorted(builder.complaints))
    if any(one.code in _WITH_HOLES for one in found):
        raise InvalidDocument(found)
    return Document(file, text, data, builder.values, builder.keys, found)


def _shortened(text: str) -> tuple[int, ...]:
    """Return where, in the text that was read, each pair of escapes has become one."""
    pairs = enumerate(_SURROGATES.finditer(text))
    return tuple(pair.start() - _SAVED * before for before, pair in pairs)


def _composed(bare: Document) -> yaml.Node | None:
    text = bare.text
    brackets = text.count("[") + text.count("{")
    if brackets > 2000 or _MAYBE_DEEP.search(text):
        _refuse_depth(bare)
    loader = _loader()(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _refuse_depth(bare: Document) -> None:
    """Raise where composing, which recurses in C, would overrun the stack; events do not."""
    loader = _loader()(bare.text)
    depth = 0
    try:
        while loader.check_event():
            event = loader.get_event()
            assert event is not None
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > 2 * MAX_DEPTH:
                message = f"more than {MAX_DEPTH} levels deep"
                raise InvalidDocument([bare.diagnose(_span(event), "too-deep", message)])
    finally:
        loader.dispose()


def is_json(text: str) -> bool:
    """Whether `text` is a JSON document."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _one_escape(pair: re.Match[str]) -> str:
    high, low = int(pair[1], 16), int(pair[2], 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


class _Builder:
    """Turns composed nodes into data, collecting places and complaints."""

    def __init__(self, document: Document, shortened: tuple[int, ...] = ()):
        self.document = document
        self.values: dict[Path, Span] = {}
        self.keys: dict[Path, Span] = {}
        self.complaints: list[Diagnostic] = []
        self._shortened = shortened
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliased = 0
        self._inside_alias = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.values[path] = self._span(node)
        if len(path) > MAX_DEPTH:
            return self._complain(node, "too-deep", f"more than {MAX_DEPTH} levels deep")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            return self._complain(node, "alias", "an alias stands inside what it repeats")
        again = id(node) in self._seen
        self._seen.add(id(node))
        self._open.add(id(node))
        self._inside_alias += again
        try:
            if self._inside_alias and not self._count_alias(node):
                return None
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
            if _unquoted_template(node):
                return self._as_text(node)
            assert isinstance(node, yaml.MappingNode)
            return self._mapping(node, path)
        finally:
            self._inside_alias -= again
            self._open.discard(id(node))

    def _count_alias(self, node: yaml.Node) -> bool:
        self._aliased += 1
        if self._aliased == MAX_ALIASED_NODES + 1:
            self._complain(node, "alias-bomb", f"aliases expand to over {MAX_ALIASED_NODES} nodes")
        return self._aliased <= MAX_ALIASED_NODES

    def _as_text(self, node: yaml.Node) -> str:
        """Complain of `{{ … }}` without quotes, and read it as if it had them."""
        span = self._span(node)
        written = self.document.text[span.start : span.end]
        self._complain(node, "quotes", f'a template as a value must stand in quotes: "{written}"')
        return written

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged = self._merged(node, path)
        next_item = False
        for key_node, value_node in node.value:
            if _merges(key_node):
                continue
            key = self._key(key_node)
            place = (*path, key)
            if key in result:
                # With its first key a list's next item begins, whose other keys are no mistake.
                item = bool(path) and isinstance(path[-1], int) and not node.flow_style
                begins = item and key == next(iter(result))
                if not next_item:
                    self._twice(key_node, key, self.keys[place], begins)
                next_item = next_item or begins
                continue
            if key in merged:
                self._forget(place)
            self.keys[place] = self._span(key_node)
            result[key] = self.build(value_node, place)
        self.values[path] = self._span(node)
        return {**merged, **result} if merged else result

    def _twice(self, node: yaml.Node, key: str, first: Span, begins: bool) -> None:
        message = f"key {key!r} is given twice; it stands in line {first.line} already"
        dash = "; if a new item begins here, its '- ' is missing" if begins else ""
        self._complain(node, "duplicate-key", message + dash)

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """Return what `<<` brings. It is read first: the mapping's own values keep their places."""
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if _merges(key_node):
                for source in self._merge_sources(value_node):
                    merged = self._beneath(source, path, merged)
        return merged

    def _beneath(self, source: yaml.Node, path: Path, merged: dict[str, Any]) -> dict[str, Any]:
        """Return `merged` with what it lacks of `source`; the places of what it has stay."""
        values, keys = self.values, self.keys
        self.values, self.keys = {}, {}
        found = self.build(source, path) or {}
        new = {place for place in self.values if len(place) > len(path)}
        shown = {place for place in new if place[len(path)] not in merged}
        values |= {place: self.values[place] for place in shown}
        keys |= {place: span for place, span in self.keys.items() if place in shown}
        self.values, self.keys = values, keys
        return {**found, **merged}

    def _forget(self, place: Path) -> None:
        """Forget the places below `place`: what was merged there is written anew."""
        for places in (self.values, self.keys):
            for one in [one for one in places if one[: len(place)] == place]:
                del places[one]

    def _merge_sources(self, node: yaml.Node) -> Iterator[yaml.Node]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for source in sources:
            if isinstance(source, yaml.MappingNode):
                yield source
            else:
                self._complain(source, "merge", "'<<' merges mappings only")

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self._complain(node, "key", "a key must be a plain word or a string")
            return "?"
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        if node.tag not in _PLAIN_TAGS and not node.tag.startswith("!"):
            return self._complain(node, "tag", f"tag {node.tag!r} is not supported")
        if node.tag.startswith("!") and len(node.tag) > 1:
            return self._complain(node, "tag", f"tag {node.tag!r} is not supported")
        plain = not node.style and node.tag == _STRING_TAG
        return _plain(text) if plain else text

    def _complain(self, node: yaml.Node, code: str, message: str) -> None:
        self.complaints.append(self.document.diagnose(self._span(node), code, message))

    def _span(self, node: yaml.Node) -> Span:
        span = _span(node)
        if not self._shortened:
            return span
        start, end = (
            at + _SAVED * bisect_left(self._shortened, at) for at in (span.start, span.end)
        )
        line_start = self.document.text.rfind("\n", 0, start) + 1
        return Span(span.line, start - line_start + 1, start, end)


def _unquoted_template(node: yaml.Node) -> bool:
    """Whether it is `{{ … }}`, which YAML reads as a mapping whose key is a mapping."""
    pairs = node.value if isinstance(node, yaml.MappingNode) and node.flow_style else ()
    return [type(key) for key, _ in pairs] == [yaml.MappingNode]


def _merges(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.value == "<<" and not key.style


def _plain(text: str) -> Any:
    """Read a scalar without quotes by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if not text[0].isascii() or text[0].isalpha():
        return text
    if len(text) > MAX_INT_DIGITS:
        return text
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    if _OCTAL.match(text):
        return int(text[2:], 8)
    return int(text, 16) if _HEX.match(text) else text


def _span(node: yaml.Node | yaml.Event) -> Span:
    start, end = node.start_mark, node.end_mark
    assert start is not None
    assert end is not None
    return Span(start.line + 1, start.column + 1, start.index, end.index)
