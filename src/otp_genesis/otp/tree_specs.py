"""Reads child lists: each child spec that an expression holds, and what it leaves unsaid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import arguments, body, child, code, parts
from otp_genesis.otp.tree import Unsaid
from otp_genesis.otp.tree_branches import branches, is_exhaustive, last, short
from otp_genesis.otp.tree_scope import (
    Given,
    called,
    function_of,
    is_variable,
    meaning,
    operands,
    operator,
    returned,
)
from otp_genesis.otp.tree_values import Values

EXPANSIONS = 5000
"""How many expressions are looked at for one child list."""
DEPTH = 150
"""How deep expressions may stand in each other."""
PASSED = frozenset({"List.flatten", "List.wrap", "Enum.concat", "Enum.uniq", "Enum.to_list"})
SIFTED = frozenset({"Enum.reject", "Enum.filter"})
MAPPED = frozenset({"Enum.map", "Enum.flat_map"})
PUT = frozenset({"Map.put", "Map.merge", "Supervisor.child_spec"})
NO_NIL = frozenset({"&is_nil/1", "&is_nil(&1)", "& &1", "&(&1)", "&(&1 == nil)", "&(&1 != nil)"})
OLD = ("worker", "supervisor")
"""The functions of `Supervisor.Spec`."""


@dataclass(frozen=True)
class Spec:
    """One child as it is declared; its module is `None` where the source computes it."""

    given: Given
    module: str | None = None
    function: str = "start_link"
    args: tuple[Given, ...] = ()
    plain: bool = False
    """Whether it is written out, so that the module's own `child_spec/1` is not asked."""
    inherits: bool = False
    """Whether what is not written out is as `use` makes it: it is `super(…)`, perhaps changed."""
    said: Mapping[str, Given] = field(default_factory=dict)
    """What is given for `id`, `restart`, `shutdown` and `type`."""
    conditions: tuple[str, ...] = ()
    repeated: str | None = None
    unsaid: tuple[Unsaid, ...] = ()


class SpecReader:
    """Reads the child specs of one project."""

    def __init__(self, project: Project, values: Values):
        self.project, self.values = project, values
        self._left = self._depth = 0

    def read(self, given: Given) -> list[Spec]:
        """Return the children that an expression holds, in order."""
        self._left, self._depth = EXPANSIONS, 0
        return list(self._expand(given))

    def _expand(self, given: Given) -> Iterator[Spec]:
        self._left -= 1
        if self._left < 0 or self._depth >= DEPTH:
            yield gap(given, "too much code leads to it")
            return
        self._depth += 1
        yield from self._read(given)
        self._depth -= 1

    def _read(self, given: Given) -> Iterator[Spec]:
        readers: dict[str, Callable[[Given], Iterator[Spec]]] = {
            "list": self._list,
            "binary_operator": self._operator,
            "call": self._call,
            "tuple": self._tuple,
            "map": self._map,
            "block": self._block,
            "identifier": self._name,
            "unary_operator": self._name,
            "alias": self._module,
            "atom": self._module,
            "nil": _nothing,
            "boolean": _nothing,
        }
        yield from readers.get(given.node.type, _gaps)(given)

    def _list(self, given: Given) -> Iterator[Spec]:
        for part in parts(given.node):
            yield from self._expand(replace(given, node=part))

    def _block(self, given: Given) -> Iterator[Spec]:
        found = last(given.node)
        yield from self._expand(replace(given, node=found)) if found is not None else ()

    def _operator(self, given: Given) -> Iterator[Spec]:
        left, right = operands(given.node)
        sign = operator(given.node)
        if left is None or right is None:
            return
        if sign in ("++", "|"):
            yield from self._expand(replace(given, node=left))
            yield from self._expand(replace(given, node=right))
        elif sign in ("&&", "and"):
            yield from _under(self._expand(replace(given, node=right)), f"if {short(left)}")
        elif sign in ("||", "or"):
            yield from _under(self._expand(replace(given, node=left)), "if there is one")
            yield from _under(self._expand(replace(given, node=right)), f"unless {short(left)}")
        elif sign == "=":
            yield from self._expand(replace(given, node=right))
        elif sign == "|>":
            yield from self._call(given)
        else:
            yield gap(given)

    def _module(self, given: Given) -> Iterator[Spec]:
        yield Spec(given, self.values.static(given))

    def _tuple(self, given: Given) -> Iterator[Spec]:
        found = [replace(given, node=part) for part in parts(given.node)]
        if len(found) == 6 and found[1].node.type == "tuple":
            names = ("id", "start", "restart", "shutdown", "type", "modules")
            yield self._started(Spec(given), dict(zip(names, found, strict=True)))
        elif len(found) == 2:
            module = self.values.static(found[0])
            unsaid = () if module else (Unsaid("module", why(found[0]), short(found[0].node)),)
            yield Spec(given, module, args=(found[1],), unsaid=unsaid)
        else:
            yield gap(given)

    def _map(self, given: Given) -> Iterator[Spec]:
        content = child(given.node, "map_content")
        first = parts(content)[0] if content is not None and parts(content) else None
        if first is not None and operator(first) == "|":
            left, right = operands(first)
            if left is not None and right is not None:
                for spec in self._expand(replace(given, node=left)):
                    yield self._started(spec, _pairs(right, given))
            return
        pairs = _pairs(content, given)
        yield self._started(Spec(given), pairs) if "start" in pairs else gap(given)

    def _started(self, spec: Spec, pairs: Mapping[str, Given]) -> Spec:
        """Return `spec` with what a map says of it."""
        said = {**spec.said, **{key: value for key, value in pairs.items() if key != "start"}}
        spec = replace(spec, said=said)
        if "start" not in pairs:
            return spec
        start: Given | None = pairs["start"]
        while start is not None and start.node.type != "tuple":
            start = meaning(start)
        mfa = [replace(start, node=part) for part in parts(start.node)] if start else []
        if start is None or len(mfa) != 3:
            unsaid = (Unsaid("module", why(pairs["start"]), short(pairs["start"].node)),)
            return replace(spec, module=None, plain=True, unsaid=unsaid)
        module, function = self.values.static(mfa[0]), self.values.static(mfa[1])
        args = parts(mfa[2].node) if mfa[2].node.type == "list" else []
        return replace(
            spec,
            module=module,
            function=(function or "").lstrip(":"),
            args=tuple(replace(mfa[2], node=arg) for arg in args),
            plain=True,
            unsaid=() if module else (Unsaid("module", why(mfa[0]), short(mfa[0].node)),),
        )

    def _name(self, given: Given) -> Iterator[Spec]:
        if code(given.node) == "__MODULE__":
            yield from self._module(given)
        elif (meant := meaning(given)) is not None:
            yield from self._expand(meant)
        elif given.node.type == "identifier":
            yield from self._follow(given)
        else:
            yield gap(given)

    def _follow(self, given: Given) -> Iterator[Spec]:
        """Read what a function of the project returns."""
        found = returned(self.project, given)
        if not found:
            yield gap(given, "" if found is None else "it calls itself")
            return
        yield from _joined([(one.when, list(self._expand(one.given))) for one in found], True)

    def _call(self, given: Given) -> Iterator[Spec]:
        name, values = called(given.node)
        module, _, function = name.rpartition(".")
        full = given.scope.file.expand(module, given.node.start_byte) if module else ""
        dotted = f"{full}.{function}"
        found = [replace(given, node=value) for value in values]
        if not module and (taken := branches(given.node)):
            made: list[tuple[tuple[str, ...], list[Spec]]] = []
            for branch in taken:
                value = last(branch.block)
                specs = list(self._expand(replace(given, node=value))) if value is not None else []
                made.append(((branch.when,) if branch.when else (), specs))
            yield from _joined(made, is_exhaustive(given.node, taken))
        elif function == "for" and not module:
            yield from self._for(given)
        elif function == "super" and len(found) == 1:
            module = given.scope.module.name
            yield Spec(given, module, args=tuple(found), plain=True, inherits=True)
        elif self._is_old(given, dotted, len(found)):
            yield from self._old(given, function, found)
        elif dotted in PASSED | SIFTED | MAPPED | PUT and found:
            yield from self._library(dotted, given, found)
        elif function == "child_spec" and len(found) == 1 and full[:1].isupper():
            yield Spec(given, full, args=tuple(found))
        else:
            yield from self._follow(given)

    def _library(self, name: str, given: Given, found: list[Given]) -> Iterator[Spec]:
        if name in PASSED:
            for each in found:
                yield from self._expand(each)
        elif name in SIFTED:
            specs = self._expand(found[0])
            sieve = short(found[-1].node)
            yield from specs if sieve in NO_NIL else _under(specs, f"{name[5:]} {sieve}")
        elif name in MAPPED:
            yield from self._mapped(given, found)
        else:
            yield from self._put(name, given, found)

    def _for(self, given: Given) -> Iterator[Spec]:
        told = short(", ".join(code(a) for a in arguments(given.node) if a.type != "keywords"))
        returns = body(given.node)
        for spec in self._expand(replace(given, node=returns[-1])) if returns else ():
            yield replace(spec, repeated=told)

    def _mapped(self, given: Given, found: list[Given]) -> Iterator[Spec]:
        function = found[-1].node
        made: Node | None = None
        if function.type == "anonymous_function":
            clauses = [part for part in parts(function) if part.type == "stab_clause"]
            right = clauses[0].child_by_field_name("right") if len(clauses) == 1 else None
            made = last(right) if right is not None else None
        elif operator(function) == "&":
            made = function.child_by_field_name("operand")
        if made is None or len(found) != 2 or operator(made) == "/":
            yield gap(given)
            return
        for spec in self._expand(replace(found[-1], node=made)):
            yield replace(spec, repeated=short(found[0].node))

    def _put(self, name: str, given: Given, found: list[Given]) -> Iterator[Spec]:
        if name == "Map.put" and len(found) == 3:
            pairs = {code(found[1].node).lstrip(":"): found[2]}
        elif len(found) == 2:
            content = found[1].node
            pairs = _pairs(child(content, "map_content") or content, found[1])
        else:
            yield gap(given)
            return
        for spec in self._expand(found[0]):
            yield self._started(spec, pairs) if spec.module or spec.said else spec

    def _is_old(self, given: Given, name: str, count: int) -> bool:
        short_name = name.rpartition(".")[2]
        if short_name not in OLD or not 1 <= count <= 3:
            return False
        if name.startswith("Supervisor.Spec."):
            return True
        return name.startswith(".") and function_of(given.scope, short_name, count) is None

    def _old(self, given: Given, function: str, found: list[Given]) -> Iterator[Spec]:
        args = parts(found[1].node) if len(found) > 1 and found[1].node.type == "list" else []
        module = self.values.static(found[0])
        said = _pairs(found[2].node, found[2]) if len(found) > 2 else {}
        named = said.get("function")
        yield Spec(
            given,
            module,
            (self.values.static(named) or "" if named else ":start_link").lstrip(":"),
            tuple(replace(found[1], node=arg) for arg in args),
            plain=True,
            said=said,
            unsaid=() if module else (Unsaid("module", why(found[0]), short(found[0].node)),),
        )


def gap(given: Given, reason: str = "") -> Spec:
    """Return what stands for children that the source does not name."""
    return Spec(given, unsaid=(Unsaid("children", reason or why(given), short(given.node)),))


def why(given: Given) -> str:
    """Return why the value of an expression is not said."""
    text = code(given.node)
    configured = ("get_env", "fetch_env", "compile_env", "System.get")
    if any(word in text for word in configured):
        return "it is configuration"
    if (meant := meaning(given)) is not None:
        return why(meant)
    if is_variable(given):
        return "it is a parameter or taken from a pattern"
    return "it is computed"


def _gaps(given: Given) -> Iterator[Spec]:
    yield gap(given)


def _nothing(given: Given) -> Iterator[Spec]:
    yield from ()


def _joined(made: list[tuple[tuple[str, ...], list[Spec]]], exhaustive: bool) -> Iterator[Spec]:
    """Yield the specs of all branches; those that each of them holds are under no condition."""
    places = [{_place(spec) for spec in specs} for _, specs in made]
    always = set.intersection(*places) if exhaustive and places else set()
    for number, (when, specs) in enumerate(made):
        for spec in specs:
            if _place(spec) not in always:
                yield replace(spec, conditions=(*when, *spec.conditions))
            elif number == 0:
                yield spec


def _place(spec: Spec) -> tuple[str, int, str | None, tuple[str, ...]]:
    file = spec.given.scope.file.path
    return file, spec.given.node.start_byte, spec.module, spec.conditions


def _under(specs: Iterator[Spec], condition: str) -> Iterator[Spec]:
    for spec in specs:
        yield replace(spec, conditions=(condition, *spec.conditions))


def _pairs(node: Node | None, given: Given) -> dict[str, Given]:
    """Return the pairs of keywords or of a map's content, by key."""
    found: dict[str, Given] = {}
    for part in parts(node) if node is not None else ():
        if part.type in ("keywords", "map_content", "list"):
            found |= _pairs(part, given)
        elif part.type == "pair":
            key, value = part.child_by_field_name("key"), part.child_by_field_name("value")
            if value is not None:
                found[code(key).strip().rstrip(":")] = replace(given, node=value)
        elif operator(part) == "=>":
            left, right = operands(part)
            if right is not None:
                found[code(left).lstrip(":")] = replace(given, node=right)
    return found
