"""The state of a server as its source shows it: its keys, what they begin as, what changes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

from tree_sitter import Node

from otp_genesis.otp.callbacks import clause_node, clauses, module_node
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.syntax import (
    arguments,
    call_at,
    call_named_at,
    child,
    code,
    keyword,
    parts,
    target,
    walk,
)

COLLECTION = re.compile(
    r"(%\{\}|\[\]|(MapSet|Map|Keyword)\.new(\(\))?|:queue\.new(\(\))?|:gb_(trees|sets)\.\w+(\(\))?)"
)
NUMBER = re.compile(r"\d[\d_]*(\.\d+)?")
UPDATES = {"Map.put", "Map.update", "Map.update!", "Map.replace", "Map.replace!", "struct"}
PATHS = {"put_in", "update_in", "pop_in", "get_and_update_in"}

CHANGING = re.compile(
    rb"(?<!\|)(?P<bar>\|)(?![|>])"
    rb"|\b(?P<call>put|update!?|replace!?|struct|(?:put|update|pop|get_and_update)_in)(?![\w?!])"
)
"""Where the text of a function may change a key."""


@dataclass(frozen=True)
class Key:
    """One key of the state and the offset of its first mention."""

    name: str
    initial: str
    start: int

    @property
    def holds_many(self) -> bool:
        """Whether it begins as an empty collection."""
        return COLLECTION.fullmatch(self.initial) is not None


def state_keys(file: SourceFile, module: Module) -> dict[str, Key]:
    """Return the keys of the maps and structs that `init/1` and `defstruct` name."""
    return file.once(("state keys", module.name), lambda: _state_keys(file, module))


def _state_keys(file: SourceFile, module: Module) -> dict[str, Key]:
    root = module_node(file, module)
    found: dict[str, Key] = {}
    places = [clause_node(root, clause) for clause in clauses(file, module, "init/1")]
    for match in re.finditer(rb"\bdefstruct\b", file.text[module.start : module.end]):
        where = module.start + match.start(), module.start + match.end()
        if (call := call_named_at(root, where)) is not None:
            places.append(call)
    for place in places:
        for pair in _pairs(place):
            name = _key_name(pair)
            value = code(pair.child_by_field_name("value"))
            found.setdefault(name, Key(name, value, pair.start_byte))
    return {**schema_keys(file, module), **found}


def schema_keys(file: SourceFile, module: Module) -> dict[str, Key]:
    """Return the keys that `use …, schema: [key: [default: …]]` declares."""
    found: dict[str, Key] = {}
    block = child(module_node(file, module), "do_block")
    for use in block.named_children if block is not None else ():
        given = arguments(use) if target(use) == "use" else []
        schema = keyword(given[-1], "schema") if given else None
        for pair in parts(schema.named_children[0]) if schema and schema.named_children else ():
            default = keyword(pair.child_by_field_name("value"), "default")
            name = _key_name(pair)
            found[name] = Key(name, code(default), pair.start_byte)
    return found


def initial_collection(file: SourceFile, module: Module) -> Node | None:
    """Return the empty collection that `init/1` gives as the whole state."""
    root = module_node(file, module)
    for clause in clauses(file, module, "init/1"):
        for node in walk(clause_node(root, clause)):
            given = parts(node) if node.type == "tuple" else []
            if len(given) > 1 and code(given[0]) == ":ok" and COLLECTION.fullmatch(code(given[1])):
                return given[1]
    return None


def changes(file: SourceFile, module: Module) -> dict[str, int]:
    """Return the keys that the module's functions change, each with its first place."""
    return file.once(("changes", module.name), lambda: _changes(file, module))


def _changes(file: SourceFile, module: Module) -> dict[str, int]:
    root = module_node(file, module)
    made: list[tuple[int, str]] = []
    for function in file.functions_of(module.name):
        if function.label == "init/1":
            continue
        for clause in function.clauses:
            for match in CHANGING.finditer(file.text, clause.start, clause.end):
                for node in _changing(root, match):
                    made += [(node.start_byte, name) for name in _changed(node)]
    found: dict[str, int] = {}
    for start, name in sorted(made, key=itemgetter(0)):
        found.setdefault(name, start)
    return found


def _changing(root: Node, match: re.Match[bytes]) -> Iterator[Node]:
    """Yield the update of a map, or the call, that stands at a match of `CHANGING`."""
    if match["call"]:
        call = call_at(root, match.span("call"))
        yield from () if call is None else [call]
        return
    bar = root.descendant_for_byte_range(*match.span("bar"))
    if bar is not None and bar.type == "|" and bar.parent is not None:
        yield bar.parent


def _pairs(place: Node) -> Iterator[Node]:
    """Yield the pairs of maps and structs, or of a `defstruct`."""
    whole = target(place) == "defstruct"
    for node in walk(place):
        if node.type == "pair" and (whole or _in_map(node)):
            yield node


def _in_map(pair: Node) -> bool:
    around = pair.parent.parent if pair.parent is not None else None
    return around is not None and around.type == "map_content"


def _key_name(pair: Node) -> str:
    return code(pair.child_by_field_name("key")).strip().strip(":")


def _changed(node: Node) -> Iterator[str]:
    if node.type == "binary_operator" and code(node.child_by_field_name("operator")) == "|":
        right = node.child_by_field_name("right")
        if right is not None and right.type == "keywords":
            yield from (_key_name(pair) for pair in parts(right) if pair.type == "pair")
    called = target(node)
    if called in UPDATES:
        yield from (code(a).lstrip(":") for a in arguments(node)[:2] if a.type == "atom")
    elif called in PATHS and (given := arguments(node)):
        if match := re.match(r"\w+\.(\w+)", code(given[0])):
            yield match[1]
        for argument in given[:2]:
            if match := re.match(r"\[:(\w+)", code(argument)):
                yield match[1]
