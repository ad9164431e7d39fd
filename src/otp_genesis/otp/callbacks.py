"""Callback modules: which they are, what their callbacks reach, and adding a clause to one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from tree_sitter import Node

from otp_genesis.model.change import Edit
from otp_genesis.otp.facts import Clause, Function, Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import (
    Span,
    arguments,
    at,
    call_named_at,
    child,
    code,
    parts,
    target,
    walk,
)

SERVERS = frozenset({"GenServer", ":gen_server", "GenStage"})
AGENTS = frozenset({"Jido.Agent"})
"""Behaviours of processes whose state is declared by a schema and changed by actions."""
CALLBACKS = frozenset(
    {"init/1", "handle_call/3", "handle_cast/2", "handle_info/2", "handle_continue/2"}
)
LITERALS = frozenset(
    {"atom", "quoted_atom", "integer", "float", "char", "string", "charlist", "boolean", "nil"}
    | {"unary_operator"}
)
STARTERS = ("Task.", "Process.spawn", "Node.spawn", ":erlang.spawn", ":proc_lib.", "Agent.")
HELD = frozenset({"tuple", "list", "keywords", "pair", "map", "map_content"})
"""What a function may be wrapped in where it is given, as in `{Task, fn -> … end}`."""
WORD = re.compile(rb"[a-z_]\w*[?!]?")
NAMED = re.compile(rb"[a-z_]\w*|.*=.*", re.DOTALL)
"""What a pattern is written as that takes everything: the tree is asked only then."""
DIRECTIVES = frozenset({"use", "alias", "import", "require"})


def servers(
    project: Project, file: SourceFile, behaviours: frozenset[str] = SERVERS
) -> Iterator[Module]:
    """Yield the modules of a production file that implement one of `behaviours`."""
    if file.kind == "lib":
        for module in file.modules:
            if not module.quoted and project.behaviours(module) & behaviours:
                yield module


def module_node(file: SourceFile, module: Module) -> Node:
    """Return the tree of one module."""
    where = (module.start, module.end)
    return file.once(("module", where), lambda: at(file.root(), where))


def clause_node(root: Node, clause: Clause) -> Node:
    """Return the tree of one clause."""
    return at(root, (clause.start, clause.end))


def local_calls(file: SourceFile, module: Module) -> dict[str, frozenset[str]]:
    """Return which functions of the module each function calls in its own process."""
    return file.once(("local calls", module.name), lambda: _local_calls(file, module))


def _local_calls(file: SourceFile, module: Module) -> dict[str, frozenset[str]]:
    functions = file.functions_of(module.name)
    labels = {f"{f.name}/{arity}": f.label for f in functions for arity in f.arities}
    names = {f.name.encode() for f in functions}
    runs = sorted((c.start, c.end, c.head[1], f.label) for f in functions for c in f.clauses)
    starts = [run[0] for run in runs]
    calls: dict[str, set[str]] = {function.label: set() for function in functions}
    root = module_node(file, module)
    for word in WORD.finditer(file.text, module.start, module.end):
        if word[0] not in names:
            continue
        place = bisect_right(starts, word.start()) - 1
        _, end, head_end, caller = runs[place] if place >= 0 else (0, 0, 0, "")
        if not head_end <= word.start() < end:
            continue
        node = _called_at(root, word.span())
        called = labels.get(_label(node) or "") if node is not None else None
        if node is not None and called and not runs_elsewhere(file, node):
            calls[caller].add(called)
    return {label: frozenset(found) for label, found in calls.items()}


def _called_at(root: Node, where: Span) -> Node | None:
    """Return the call, or the capture `&name/arity`, of the function whose name stands there."""
    call = call_named_at(root, where)
    if call is not None:
        return call
    name = root.descendant_for_byte_range(*where)
    quotient = name.parent if name is not None else None
    capture = quotient.parent if quotient is not None else None
    if quotient is None or capture is None or not _is_capture(capture):
        return None
    return capture if quotient.child_by_field_name("left") == name else None


def reachable(file: SourceFile, module: Module) -> dict[str, str]:
    """Return each function that a callback reaches, with that callback."""
    return file.once(("reachable", module.name), lambda: _reachable(file, module))


def _reachable(file: SourceFile, module: Module) -> dict[str, str]:
    calls = local_calls(file, module)
    found = {label: label for label in calls if label in CALLBACKS}
    waiting = list(found)
    while waiting:
        caller = waiting.pop(0)
        for called in sorted(calls.get(caller, ())):
            if called not in found:
                found[called] = found[caller]
                waiting.append(called)
    return found


def runs_elsewhere(file: SourceFile, node: Node) -> bool:
    """Whether `node` is, or stands in, a function that is given to another process to run."""
    outer: Node | None = node
    while outer is not None:
        function = outer.type == "anonymous_function" or _is_capture(outer)
        if function and started(file, outer):
            return True
        outer = outer.parent
    return False


def started(file: SourceFile, function: Node) -> str:
    """Return what may run a function in another process, empty where none is seen to.

    A function that is bound to a name (`=`) may be run by anybody.
    """
    around = function.parent
    while around is not None and around.type in HELD:
        first = parts(around)[0] if around.type == "tuple" else None
        if first is not None and file.expand(code(first), first.start_byte) in ("Task", "Agent"):
            return code(first)
        around = around.parent
    if around is not None and code(around.child_by_field_name("operator")) == "=":
        return "="
    call = around.parent if around is not None and around.type == "arguments" else None
    if call is None or call.type != "call":
        return ""
    module, _, name = target(call).rpartition(".")
    full = f"{file.expand(module, call.start_byte)}.{name}" if module else name
    return full if full.startswith((*STARTERS, "spawn")) or name == "start_child" else ""


def _is_capture(node: Node) -> bool:
    operator = node.child_by_field_name("operator") if node.type == "unary_operator" else None
    return code(operator) == "&"


def mentions_atom(node: Node, atom: str) -> bool:
    """Whether the atom stands anywhere below `node`, outside strings and comments."""
    text, name = node.text or b"", atom.encode()
    at = text.find(name)
    while at >= 0:
        start = node.start_byte + at
        found = node.descendant_for_byte_range(start, start + len(name))
        if found is not None and found.type == "atom" and found.text == name:
            return True
        at = text.find(name, at + len(name))
    return False


def is_total(file: SourceFile, root: Node, clause: Clause) -> bool:
    """Whether a clause takes every first argument, and any state that is only taken apart."""
    if clause.guarded or not clause.parameters:
        return False
    if not NAMED.fullmatch(file.text, *clause.parameters[0]):
        return False
    first, *others = (at(root, parameter) for parameter in clause.parameters)
    names = [first]
    if first.type == "binary_operator" and code(first.child_by_field_name("operator")) == "=":
        names = list(first.named_children)
    return all(name.type == "identifier" for name in names) and not any(
        found.type in LITERALS for other in others for found in walk(other)
    )


def total_clause(file: SourceFile, function: Function) -> Clause | None:
    """Return the clause that takes every message."""
    root = file.root()
    return next((c for c in function.clauses if is_total(file, root, c)), None)


def after(file: SourceFile, clause: Clause, *texts: str) -> Edit:
    """Return the edit that puts clauses, written without indentation, behind `clause`."""
    indent = file.lines.indent(clause.start)
    text = "".join(f"\n\n{indented(each, indent)}" for each in texts)
    return Edit(start=clause.end, end=clause.end, text=text)


def before(file: SourceFile, clause: Clause, text: str) -> Edit:
    """Return the edit that puts a clause before `clause` and the attributes above it."""
    node = clause_node(file.root(), clause)
    while (above := node.prev_sibling) is not None:
        gap = file.text[above.end_byte : node.start_byte]
        attached = above.type in ("unary_operator", "comment") and gap.count(b"\n") == 1
        if not attached:
            break
        node = above
    indent = file.lines.indent(clause.start)
    placed = indented(text, indent).removeprefix(indent)
    return Edit(start=node.start_byte, end=node.start_byte, text=f"{placed}\n\n{indent}")


def indented(text: str, indent: str) -> str:
    """Return `text` with each line that is not empty moved right."""
    return "\n".join(f"{indent}{line}" if line else line for line in text.split("\n"))


def require_logger(file: SourceFile, module: Module, offset: int) -> tuple[Edit, ...]:
    """Return the edit that lets the code at `offset` call Logger's macros, if one is needed."""
    if file.requires("Logger", offset):
        return ()
    block = child(module_node(file, module), "do_block")
    if block is None:
        return ()
    name = f"require {file.reference('Logger', offset)}"
    place, blank = directive_place(block)
    indent = file.lines.indent(module.start) + "  "
    text = f"\n{indent}{name}" if not blank else f"\n\n{indent}{name}"
    if place == block.start_byte + len("do"):
        text += "\n"
    return (Edit(start=place, end=place, text=text),)


def directive_place(block: Node) -> tuple[int, bool]:
    """Return the end of the last directive of a module's head, else of its doc, else of `do`.

    The second is whether a blank line belongs between.
    """
    directive = doc = None
    for node in block.named_children:
        if target(node) in DIRECTIVES:
            directive = node
        elif code(node).startswith(("@moduledoc", "@behaviour")):
            doc = node
        elif target(node).startswith("def"):
            break
    if directive is not None:
        return directive.end_byte, False
    return (doc.end_byte, True) if doc is not None else (block.start_byte + len("do"), False)


def _label(node: Node) -> str | None:
    if node.type == "call":
        name = node.child_by_field_name("target")
        if name is None or name.type != "identifier":
            return None
        return f"{code(name)}/{len(arguments(node)) + _is_piped(node)}"
    if node.type == "unary_operator" and code(node).startswith("&"):
        quotient = node.child_by_field_name("operand")
        if quotient is not None and code(quotient.child_by_field_name("operator")) == "/":
            return code(quotient)
    return None


def _is_piped(node: Node) -> bool:
    pipe = node.parent
    if pipe is None or code(pipe.child_by_field_name("operator")) != "|>":
        return False
    return pipe.child_by_field_name("right") == node


def identifiers(nodes: Iterable[Node]) -> set[str]:
    """Return the names of the variables below `nodes`."""
    return {code(found) for node in nodes for found in walk(node) if found.type == "identifier"}


def clauses(file: SourceFile, module: Module, *labels: str) -> Iterator[Clause]:
    """Yield the clauses of these functions."""
    for label in labels:
        function = file.function(module.name, label)
        yield from function.clauses if function is not None else ()
