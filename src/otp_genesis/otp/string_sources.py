"""Where the strings of atoms come from: the code settles them, or a request brings them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.otp.callbacks import identifiers
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.interpolated import inserted
from otp_genesis.otp.syntax import Span, arguments, at, code, inside, target, walk

DEPTH = 8
"""How many bindings are followed back."""
LITERALS = frozenset(
    {"atom", "quoted_atom", "integer", "boolean", "nil", "alias", "string", "charlist", "sigil"}
)
SETTLED = re.compile(
    r"^@\w+\b|^(Enum\.(at|random)|(Map|Keyword)\.(get|fetch!)|Access\.get)\(@\w+"
    r"|System\.(get_env|fetch_env!?|pid|schedulers)|Application\.(get_env|fetch_env!?|compile_env!?)"
    r"|^(:erlang\.phash2|rem|Integer\.mod|node|inspect)\(|atom_to_(binary|list)|Atom\.to_(string|charlist)"
    r"|File\.ls!?\(|Path\.wildcard\(|^~w|^\[[^\]\w]*[\"':]|^[\w()@-]+\.\.|^__MODULE__"
)
"""Values that the code, its configuration, the files of the node or its atoms limit."""
PURE = re.compile(r"(String|Enum|List|Path|Integer|Macro|:binary|:string|:lists)\.[\w?!]+$")
"""What takes a string and gives one made of nothing else."""
PURE_LOCAL = frozenset({"to_string", "elem", "hd", "to_charlist", "binary_slice", "binary_part"})
LISTED = r"(\[[^\]]*\]|@\w+|~w[^,]*|[\w()]+\.\.[^,]*)"
"""Collections that are written down, and ranges."""
REQUESTS = frozenset({"handle_event", "handle_in", "handle_params"})
BY_KEY = re.compile(r'\w\["|\b(conn|socket|Map\.(get|fetch!))\b[\w.(, ]*"')


def function_around(node: Node) -> Node | None:
    """Return the `def` or `defp` around `node`."""
    outer: Node | None = node
    while outer is not None and target(outer) not in ("def", "defp"):
        outer = outer.parent
    return outer


def is_settled(file: SourceFile, value: Node) -> bool:
    """Whether there are only so many strings as the code or its configuration says."""
    function = function_around(value)
    return function is not None and _settled(file, function, value, DEPTH)


def is_requested(value: Node) -> bool:
    """Whether the string is taken from what a client sent with a request or an event."""
    function = function_around(value)
    if function is None:
        return False
    head = head_of(function)
    given = arguments(head)
    if target(head) not in REQUESTS and not (given and code(given[0]).endswith("conn")):
        return False
    sent = {
        name
        for node in walk(head)
        if code(node.child_by_field_name("operator")) == "=>"
        and _is(node.child_by_field_name("left"), "string")
        for name in identifiers([node.child_by_field_name("right") or node])
    }
    return _comes_from(function, value, sent, DEPTH)


def head_of(function: Node) -> Node:
    """Return the name and the parameters of a `def`, its guard left out."""
    head = arguments(function)[0]
    if code(head.child_by_field_name("operator")) == "when":
        return head.child_by_field_name("left") or head
    return head


def is_compiled_in(file: SourceFile, value: Node) -> bool:
    """Whether only macros call the function around `value`: it runs where others are compiled."""
    function = function_around(value)
    if function is None or b"defmacro" not in file.text:
        return False
    name = _name(function)
    if name.startswith("__") and name.endswith("__"):
        return True
    return _only_in_macros(file, function, DEPTH)


def _name(function: Node) -> str:
    head = head_of(function)
    return target(head) or code(head)


def _only_in_macros(file: SourceFile, function: Node, depth: int) -> bool:
    if target(function) != "defp" or not depth:
        return False
    name = _name(function)
    callers = [
        around
        for place in _mentions(file, name)
        if (around := _definition(place)) is not None
        and not (target(around) == "defp" and _name(around) == name)
    ]
    return bool(callers) and all(
        target(around) in ("defmacro", "defmacrop") or _only_in_macros(file, around, depth - 1)
        for around in callers
    )


def _mentions(file: SourceFile, name: str) -> Iterator[Node]:
    """Yield where a function of the file is called or captured by its name."""
    root = file.root()
    for match in re.finditer(re.escape(name.encode()) + rb"(?=[(/ ])", file.text):
        node = root.descendant_for_byte_range(*match.span())
        if node is not None and node.type == "identifier" and code(node) == name:
            yield node


def _definition(node: Node) -> Node | None:
    outer: Node | None = node
    while outer is not None and target(outer) not in ("def", "defp", "defmacro", "defmacrop"):
        outer = outer.parent
    return outer


def _settled(file: SourceFile, function: Node, value: Node, depth: int) -> bool:
    if not depth:
        return False
    if value.type == "identifier":
        return _settled_name(file, function, value, depth)
    if value.type in LITERALS and not any(node.type == "interpolation" for node in walk(value)):
        return True
    if value.type in ("string", "charlist", "sigil", "quoted_atom", "quoted_keyword"):
        return all(_settled(file, function, one, depth - 1) for one in inserted(value))
    if SETTLED.search(code(value)):
        return True
    if any(node.type == "call" and not _is_pure(node) for node in walk(value)):
        return False
    names = [node for node in walk(value) if _is_variable(node)]
    return bool(names) and all(_settled(file, function, one, depth - 1) for one in names)


def _is_pure(call: Node) -> bool:
    called = target(call)
    return called in PURE_LOCAL or PURE.fullmatch(called) is not None


def _is_variable(node: Node) -> bool:
    around = node.parent
    if node.type != "identifier" or around is None:
        return False
    called = around.child_by_field_name("target") == node or around.type == "dot"
    return not called


def _settled_name(file: SourceFile, function: Node, name: Node, depth: int) -> bool:
    text = re.escape(code(name))
    if _is_member(file, function, name) or any(
        re.search(rf"\bwhen\b.*\bis_(atom|boolean)\({text}\)", guard, re.DOTALL)
        for guard in _patterns_around(function, name)
    ):
        return True
    before = file.slice((function.start_byte, name.start_byte))
    if re.search(rf"Enum\.\w+\(\s*{LISTED}\s*,\s*fn \(?{text}\b", before):
        return True
    bound = _bindings(function, name)
    if bound:
        return all(_settled(file, function, one, depth - 1) for one in bound)
    return _is_given_literals(file, function, code(name))


def _is_member(file: SourceFile, function: Node, name: Node) -> bool:
    """Whether the code looked before whether the string is one of a collection."""
    text = re.escape(code(name))
    asked = re.compile(rf"\b{text} (not )?in\b")
    outer = name.parent
    while outer is not None and outer != function:
        branch = outer.type == "else_block" or code(outer).startswith("else:")
        given = inside(outer, "call") if branch else None
        if given is not None and target(given) == "if":
            found = asked.search(code(arguments(given)[0]))
            if found is not None:
                return found[1] is not None
        outer = outer.parent
    return asked.search(file.slice((function.start_byte, name.start_byte))) is not None


def _patterns_around(function: Node, name: Node) -> Iterator[str]:
    """Yield the patterns and guards of the function and of the clauses around a variable."""
    yield code(arguments(function)[0])
    outer = name.parent
    while outer is not None and outer != function:
        if outer.type == "stab_clause":
            yield code(outer.child_by_field_name("left"))
        outer = outer.parent


def _bindings(function: Node, name: Node) -> list[Node]:
    """Return what a variable was last bound to where it stands, by `=`, `<-` or `case`."""
    found = []
    for node in walk(function):
        if node.start_byte >= name.start_byte:
            break
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or code(name) not in identifiers([left]) or not _is_seen(node, name):
            continue
        if code(node.child_by_field_name("operator")) in ("=", "<-") and right is not None:
            if not _is_around(right, name) and not _is_in_head(function, node):
                found.append(right)
        elif node.type == "stab_clause":
            given = inside(node, "call")
            if given is not None and target(given) == "case" and arguments(given):
                found.append(arguments(given)[0])
    return found[-1:]


def _is_seen(binding: Node, name: Node) -> bool:
    """Whether the branch that binds a variable is the one, or around the one, of its use."""
    if binding.type == "stab_clause":
        return _is_around(binding, name)
    scope = inside(binding, "stab_clause", "do_block", "anonymous_function")
    return scope is None or _is_around(scope, name)


def _is_around(outer: Node, node: Node) -> bool:
    return outer.start_byte <= node.start_byte < outer.end_byte


def _is_in_head(function: Node, node: Node) -> bool:
    head = arguments(function)[0]
    return head.start_byte <= node.start_byte < head.end_byte


def _is_given_literals(file: SourceFile, function: Node, name: str) -> bool:
    """Whether a private function is called in its file only, each time with a literal here."""
    given = arguments(head_of(function))
    places = [number for number, one in enumerate(given) if code(one) == name]
    if target(function) != "defp" or not places:
        return False
    found = False
    for place in _mentions(file, _name(function)):
        call = place.parent
        if call is None or call.type != "call" or call.child_by_field_name("target") != place:
            return False
        if _is_head(call):
            continue
        piped = _is_piped(call)
        values = arguments(call)
        index = places[0] - piped
        if not 0 <= index < len(values) or values[index].type not in LITERALS:
            return False
        found = True
    return found


def _is_head(call: Node) -> bool:
    around = _definition(call)
    return around is not None and head_of(around) == call


def _is_piped(call: Node) -> bool:
    around = call.parent
    return (
        around is not None
        and code(around.child_by_field_name("operator")) == "|>"
        and around.child_by_field_name("right") == call
    )


def _comes_from(function: Node, value: Node, sent: set[str], depth: int) -> bool:
    if not depth:
        return False
    if BY_KEY.search(code(value)):
        return True
    names = [node for node in walk(value) if _is_variable(node)]
    if any(code(name) in sent for name in names):
        return True
    return any(
        _comes_from(function, bound, sent, depth - 1)
        for name in names
        for bound in _bindings(function, name)
    )


def _is(node: Node | None, kind: str) -> bool:
    return node is not None and node.type == kind


def values_of(file: SourceFile, where: Span, given: tuple[Span, ...]) -> list[Node]:
    """Return what an atom's text is made of: `given`, or what a captured function is given."""
    if given:
        return [at(file.root(), given[0])]
    around = inside(at(file.root(), where), "call")
    if around is None:
        return []
    if _is_piped(around) and around.parent is not None:
        left = around.parent.child_by_field_name("left")
        return [left] if left is not None else []
    return arguments(around)[:1]
