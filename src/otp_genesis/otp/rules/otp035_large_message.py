"""OTP035: a process that is given much more than it uses."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.syntax import at, child, code, span, walk

TARGETS = (
    "Kernel.spawn/1",
    "Kernel.spawn_link/1",
    "Kernel.spawn_monitor/1",
    ":erlang.spawn/1",
    ":erlang.spawn_link/1",
    ":erlang.spawn_monitor/1",
    ":erlang.spawn_opt/2",
    "Process.spawn/2",
    "Task.start/1",
    "Task.start_link/1",
    "Task.async/1",
    "Task.async_stream/2",
    "Task.async_stream/3",
    "Task.Supervisor.start_child/2",
    "Task.Supervisor.start_child/3",
    "Task.Supervisor.async/2",
    "Task.Supervisor.async/3",
    "Task.Supervisor.async_nolink/2",
    "Task.Supervisor.async_nolink/3",
)
LARGE = ("conn", "socket", "assigns", "state")


def _module(body: str, head: str = "") -> str:
    return (
        f"defmodule MyApp.Page do\n{head}  def show(conn, state) do\n{body}    conn\n  end\nend\n"
    )


SPAWN = "    spawn(fn -> log(conn.remote_ip) end)\n"


class LargeMessage(Rule):
    """A function that another process runs takes the whole `conn`, `socket`, `assigns` or `state`.

    ## Why is this bad?
    What a function takes from around it is copied to the process that runs it: all of the
    connection, with its parameters and assigns, for one field. The Elixir guide lists it under
    process anti-patterns as "Sending unnecessary data"
    (https://hexdocs.pm/elixir/process-anti-patterns.html#sending-unnecessary-data).

    ## Use instead
    A variable of its own above the function, `ip = conn.remote_ip`, which is all that is copied.

    ## Fix safety
    None: the variables want names. Only a function that reads fields and never uses the whole is
    reported, as then the copy is certainly in vain.
    """

    code = "OTP035"
    name = "large-message"
    stage = 4
    severity = "low"
    safety = "model"
    effort = "minutes"
    risk = "The field is read before the process starts."
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    examples = (
        Bad(_module(SPAWN)),
        Bad(_module("    Task.start(fn ->\n      a(state.a)\n      b(state.b.c)\n    end)\n")),
        Bad(_module("    Task.Supervisor.start_child(S, fn -> a(conn.assigns[:b]) end)\n")),
        Bad(
            _module("    T.async_stream(x(), fn y -> {y, state.a} end)\n", "  alias Task, as: T\n")
        ),
        Bad(_module("    (fn -> log(conn.remote_ip, state.a) end) |> spawn()\n")),
        Bad(_module("    Task.start(fn -> log(state[:a]) end)\n")),
        Good(_module("    ip = conn.remote_ip\n    spawn(fn -> log(ip) end)\n")),
        Good(_module("    Task.start(fn -> log(conn) end)\n")),
        Good(_module("    Task.start(fn -> log(conn, conn.remote_ip) end)\n")),
        Good(_module("    Task.async_stream([conn], fn conn -> conn.remote_ip end)\n")),
        Good(_module("    Task.start(fn ->\n      state = load()\n      log(state.a)\n    end)\n")),
        Good(_module("    Task.start(fn -> state.(1) end)\n")),
        Good(_module('    Task.start(fn -> log(:conn, "conn.a") end) # conn.a\n')),
        Good(_module("    Enum.each([1], fn _ -> log(conn.remote_ip) end)\n")),
        Good(_module("    spawn(__MODULE__, :log, [conn.remote_ip])\n")),
        Good(_module(SPAWN, "  import Kernel, except: [spawn: 1]\n")),
        Good(_module("    quote do\n  " + SPAWN + "    end\n")),
        Good(_module(SPAWN), path="test/page_test.exs"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the function; the fields that it reads are evidence."""
        for call in file.production_calls(*TARGETS):
            function = _function(file, call)
            found = next(_read_only(function), None) if function is not None else None
            if function is None or found is None:
                continue
            name, fields = found
            read = ", ".join(dict.fromkeys(code(field) for field in fields))
            yield self.at(
                file,
                span(function),
                f"the whole of {name} is copied to the new process, which reads {read} only",
                module=call.module,
                function=call.function,
                evidence=[
                    Evidence(file=file.path, line=field.start_point[0] + 1, note="a field is read")
                    for field in fields
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the variable wants a name."""
        return Declined("read the field into a variable above the function, and use that in it")


def _function(file: SourceFile, call: Call) -> Node | None:
    """Return the function literal that a call gives to another process."""
    for argument in call.arguments:
        text = file.text[argument[0] : argument[1]]
        if text.lstrip(b"(").startswith(b"fn") and any(name.encode() in text for name in LARGE):
            node = at(file.root(), argument)
            literals = (found for found in walk(node) if found.type == "anonymous_function")
            return next(literals, None)
    return None


def _read_only(function: Node) -> Iterator[tuple[str, list[Node]]]:
    """Yield the variables from around a function of which it only reads fields."""
    uses: dict[str, list[Node | None]] = {name: [] for name in LARGE}
    for node in walk(function):
        if node.type == "identifier" and (name := code(node)) in uses and not _is_name(node):
            uses[name].append(_field(node))
    for name, fields in uses.items():
        read = [field for field in fields if field is not None]
        if read and len(read) == len(fields):
            yield name, read


def _is_name(node: Node) -> bool:
    """Whether an identifier names a field or a function, and no variable."""
    around = node.parent
    return around is not None and around.type == "dot" and _end(around, "right") == node.end_byte


def _end(node: Node, field: str) -> int:
    found = node.child_by_field_name(field)
    return found.end_byte if found is not None else -1


def _field(node: Node) -> Node | None:
    """Return the expression that reads a field of a variable, the longest one."""
    longest = None
    outer = node.parent
    inner = node
    while outer is not None:
        if outer.type == "dot" and outer.child_by_field_name("right") is not None:
            inner, outer = outer, outer.parent
            continue
        reads = outer.type == "call" and inner.type == "dot" and child(outer, "arguments") is None
        keyed = outer.type == "access_call" and _end(outer, "target") == inner.end_byte
        if not reads and not keyed:
            break
        longest, inner, outer = outer, outer, outer.parent
    return longest
