"""OTP054: an atom made at run time to name a process."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import clause_node
from otp_genesis.otp.facts import Call, DynamicAtom, SourceFile
from otp_genesis.otp.interpolated import inserted
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.syntax import at, code, span, target, walk

MAKING = ("String.to_atom/1", "List.to_atom/1", ":erlang.binary_to_atom/1")
STARTS = re.compile(r"(^|\.)(start_link|start|start_child|start_supervised!?|child_spec)$")
SETTLED = re.compile(
    r"(\w*_)?(name|prefix|module|mod|env|node|scope|app|type|kind|index|idx|partition|shard|i|n"
    r"|supervisor|supervisor_id|instance|registry|endpoint|adapter|repo|backend|role|suffix)"
)
SETTLED_CALL = re.compile(r"(conf|config|opts|__MODULE__)\.\w+|Atom\.to_string\(\w+\)")
"""Expressions of which there are as many as the code or the configuration names."""


def _module(body: str, head: str = "") -> str:
    return (
        f"defmodule MyApp.Room do\n  use GenServer\n{head}\n"
        f"  def start_link(room_id) do\n{body}  end\nend\n"
    )


START = '    GenServer.start_link(__MODULE__, room_id, name: :"room_#{room_id}")\n'


class AtomProcessName(Rule):
    """A process is named by an atom that is made from data.

    ## Why is this bad?
    Each process leaves its name behind: atoms are never collected, and a node that has made
    1,048,576 of them goes down. The number of rooms, users or jobs that ever were counts, not how
    many are alive (https://hexdocs.pm/elixir/Registry.html, "Using in :via").

    ## Use instead
    `name: {:via, Registry, {MyApp.Registry, {:room, id}}}`, with a `Registry` as a child of the
    application: any term is a name there, and goes with its process.

    ## Fix safety
    None: who calls the process by its name has to change too. A name made of what the code or the
    configuration settles (`name`, `index`, `__MODULE__`) is not reported.
    """

    code = "OTP054"
    name = "atom-process-name"
    stage = 1
    severity = "low"
    safety = "model"
    effort = "hours"
    risk = "Callers that use the atom no longer find the process."
    reach = "file"
    kinds = PRODUCTION
    examples = (
        Bad(_module(START)),
        Bad(
            _module(
                '    name = :"room_#{room_id}"\n'
                "    GenServer.start_link(__MODULE__, room_id, name: name)\n"
            )
        ),
        Bad(_module(START.replace(':"room_#{room_id}"', 'String.to_atom("room_#{room_id}")'))),
        Bad(
            _module('    Process.register(self(), :"room_#{room_id}")\n').replace(
                "start_link(room_id)", "init(room_id)"
            )
        ),
        Bad(
            _module(
                "    GenServer.start_link(__MODULE__, room_id, name: via(room_id))\n",
                '  def via(id), do: :"room_#{id}"\n',
            )
        ),
        Bad(_module('    Supervisor.start_link([{Agent, name: :"a_#{room_id}"}], [])\n')),
        Good(_module(START.replace(':"room_#{room_id}"', "{:via, Registry, {R, room_id}}"))),
        Good(_module(START.replace("#{room_id}", "#{__MODULE__}"))),
        Good(_module(START.replace("#{room_id}", "#{index}"))),
        Good(_module(START.replace("#{room_id}", "#{@prefix}"), '  @prefix "a"\n')),
        Good(_module(START.replace('"room_#{room_id}"', "room"))),
        Good(_module(START.replace("name: ", "tag: "))),
        Good(_module('    tag = :"room_#{room_id}"\n    GenServer.start_link(M, tag, name: M)\n')),
        Good(_module('    %{name: :"room_#{room_id}"}\n')),
        Good(_module('    # name: :"room_#{room_id}"\n    "name: :room_#{room_id}"\n')),
        Good(_module("    quote do\n  " + START + "    end\n")),
        Good(_module(START), path="test/support/room.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the place that gives the name; where the atom is made is evidence."""
        for made in _made(file):
            node = at(file.root(), (made.start, made.end))
            given = next((part for part in inserted(node) if not _is_settled(part)), None)
            named = _named(file, made, node) if given is not None else None
            if given is None or named is None:
                continue
            yield self.at(
                file,
                span(named),
                f"each `{code(given)}` leaves an atom behind, as the name of its process, and atoms"
                " are never collected; look how many there can be",
                module=made.module,
                function=made.function,
                evidence=[
                    Evidence(
                        file=file.path,
                        line=node.start_point[0] + 1,
                        note="the atom is made here",
                    )
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: callers have to use the new name."""
        return Declined("name it {:via, Registry, {registry, key}}, and call it by that")


def _made(file: SourceFile) -> Iterator[Call | DynamicAtom]:
    """Yield what makes atoms from texts with data in them, in production functions."""
    found: list[Call | DynamicAtom] = [*file.atoms, *file.production_calls(*MAKING)]
    for made in found:
        if made.place == "function" and not file.is_tool(made.module):
            yield made


def _is_settled(part: Node) -> bool:
    text = code(part)
    if part.type == "identifier":
        return SETTLED.fullmatch(text) is not None
    return SETTLED_CALL.fullmatch(text) is not None


def _named(file: SourceFile, made: Call | DynamicAtom, node: Node) -> Node | None:
    """Return the `name:` option, or the registration, that is given the atom."""
    if (direct := _naming(node)) is not None:
        return direct
    function = file.function(made.module, made.function)
    clause = next(
        (c for c in (function.clauses if function else ()) if c.start <= made.start < c.end), None
    )
    if function is None or clause is None:
        return None
    variable = _variable(node)
    if variable:
        found = walk(clause_node(file.root(), clause))
        uses = (one for one in found if one.type == "identifier" and code(one) == variable)
        return next((named for use in uses if (named := _naming(use)) is not None), None)
    if clause.end == made.end or file.text[made.end : clause.end].strip() == b"end":
        return _called(file, function.name)
    return None


def _called(file: SourceFile, name: str) -> Node | None:
    """Return the `name:` option of the file that is given what a function returns."""
    for match in re.finditer(rb"\bname: (" + name.encode() + rb")\(", file.text):
        call = file.root().descendant_for_byte_range(*match.span(1))
        named = _naming(call.parent) if call is not None and call.parent is not None else None
        if named is not None:
            return named
    return None


def _variable(node: Node) -> str:
    """Return the variable that an expression is bound to."""
    match = node.parent
    if match is None or code(match.child_by_field_name("operator")) != "=":
        return ""
    left = match.child_by_field_name("left")
    return code(left) if left is not None and left.type == "identifier" else ""


def _naming(value: Node) -> Node | None:
    """Return the `name:` pair of a start or a child, or the registration, around a value."""
    around = value.parent
    if around is None:
        return None
    if around.type == "arguments" and around.parent is not None:
        registers = target(around.parent) in ("Process.register", ":global.register_name")
        return around.parent if registers else None
    if around.type != "pair" or not code(around.child_by_field_name("key")).startswith("name:"):
        return None
    outer = around.parent
    while outer is not None and outer.type in ("keywords", "list", "arguments"):
        outer = outer.parent
    if outer is None:
        return None
    first = outer.named_children[0] if outer.type == "tuple" and outer.named_children else None
    child = first is not None and (first.type == "alias" or code(first) == "__MODULE__")
    return around if child or STARTS.search(target(outer)) else None
