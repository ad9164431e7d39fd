"""OTP046: exits that are trapped and that nobody takes."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import (
    clause_node,
    clauses,
    identifiers,
    mentions_atom,
    module_node,
    reachable,
    runs_elsewhere,
    total_clause,
)
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import calls_in_callbacks
from otp_genesis.otp.syntax import at, target, walk

TARGETS = ("Process.flag/2", ":erlang.process_flag/2")

LINKING = ("start_link", "spawn_link", "Process.link", "Task.async", "Port.open")


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


TRAP = (
    "  def init(x) do\n    Process.flag(:trap_exit, true)\n"
    "    {:ok, pid} = Worker.start_link(x)\n    {:ok, pid}\n  end\n"
)
EXIT = "\n  def handle_info({:EXIT, _pid, reason}, s), do: {:stop, reason, s}\n"
TICK = "\n  def handle_info(:tick, s), do: {:noreply, s}\n"
ANY = "\n  def handle_info(_message, s), do: {:noreply, s}\n"


class TrappedExits(Rule):
    """A server with links traps exits, and has neither a clause for `:EXIT` nor a `terminate/2`.

    ## Why is this bad?
    Trapping turns the end of each linked process into a message `{:EXIT, pid, reason}`
    (https://hexdocs.pm/elixir/Process.html#flag/2). A server that takes no such message goes on
    without the process it depended on, or crashes where its `handle_info/2` is partial. The other
    use of trapping, that `terminate/2` runs at shutdown, does not apply where there is none.

    ## Use instead
    A `handle_info/2` clause for `{:EXIT, pid, reason}` that decides what becomes of the server; no
    flag where nothing is to be decided.

    ## Fix safety
    None: whether the server should end with what it is linked to is not in the code. A server that
    is linked to its supervisor only is not reported: there trapping lets a callback end before a
    shutdown does.
    """

    code = "OTP046"
    name = "trapped-exits"
    stage = 1
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    effort = "minutes"
    risk = "The end of a linked process changes or ends the server."
    examples = (
        Bad(_server(TRAP)),
        Bad(_server(TRAP + TICK)),
        Bad(_server(TRAP + TICK + ANY)),
        Bad(
            _server(
                TRAP.replace("Process.flag", "P.flag"), "  use GenServer\n  alias Process, as: P\n"
            )
        ),
        Bad(
            _server(
                TRAP.replace("Process.flag(:trap_exit, true)", ":trap_exit |> Process.flag(true)")
            )
        ),
        Bad(
            _server(
                TRAP.replace("Process.flag", ":erlang.process_flag"), "  @behaviour GenServer\n"
            )
        ),
        Bad(
            _server(
                "  def init(x), do: {:ok, trap(x)}\n\n  defp trap(x) do\n"
                "    Process.flag :trap_exit, true\n    Port.open(x, [])\n  end\n" + ANY
            )
        ),
        Good(_server(TRAP + EXIT)),
        Good(_server(TRAP + "\n  def handle_info({:EXIT, _, _} = m, s), do: stop(m, s)\n" + ANY)),
        Good(_server(TRAP + "\n  def terminate(_reason, s), do: save(s)\n" + ANY)),
        Good(_server(TRAP + "\n  def handle_info(message, s), do: Other.take(message, s)\n")),
        Good(_server(TRAP.replace("Worker.start_link(x)", "Worker.find(x)"))),
        Good(_server(TRAP.replace("true", "false"))),
        Good(_server(TRAP.replace(":trap_exit, true", ":max_heap_size, 1_000"))),
        Good(_server(TRAP, "  use GenServer\n  alias MyApp.Process\n")),
        Good(_server(TRAP.replace("    Process", "    # Process"))),
        Good(_server(TRAP, "  # use GenServer\n")),
        Good(_server(TRAP), path="test/support/server.ex"),
        Good(
            _server(TRAP, "  use MyApp.Base\n"),
            files=(
                (
                    "lib/base.ex",
                    "defmodule MyApp.Base do\n  defmacro __using__(_) do\n    quote do\n"
                    "      use GenServer\n      def terminate(_, s), do: s\n    end\n  end\nend\n",
                ),
            ),
        ),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the flag."""
        flags = [
            call
            for call in file.production_calls(*TARGETS)
            if [file.slice(one) for one in call.arguments] == [":trap_exit", "true"]
        ]
        for call, _ in calls_in_callbacks(project, file, flags):
            module = file.module(call.module)
            if module is None or _takes_exits(project, file, module):
                continue
            link = _link(file, module)
            if link is not None:
                yield self.at(
                    file,
                    (call.start, call.end),
                    f"{module.name} has no clause for :EXIT and no terminate/2: the end of what it"
                    " is linked to goes unnoticed",
                    module=module.name,
                    function=call.function,
                    evidence=[
                        Evidence.at(
                            file,
                            link.start_byte,
                            f"`{target(link)}` makes a link",
                        )
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: what an exit means to the server has to be decided."""
        return Declined(
            "decide what the end of a linked process means: take {:EXIT, pid, reason} in"
            " handle_info/2, or do not trap exits"
        )


def _link(file: SourceFile, module: Module) -> Node | None:
    """Return the first call in the server's own process that links it to another."""
    root = file.root()
    for label in reachable(file, module):
        for clause in clauses(file, module, label):
            for node in walk(clause_node(root, clause)):
                if target(node).endswith(LINKING) and not runs_elsewhere(file, node):
                    return node
    return None


def _takes_exits(project: Project, file: SourceFile, module: Module) -> bool:
    if file.function(module.name, "terminate/2") or mentions_atom(
        module_node(file, module), ":EXIT"
    ):
        return True
    handler = file.function(module.name, "handle_info/2")
    total = total_clause(file, handler) if handler is not None else None
    if total is not None and _passes_on(file, total.parameters[0], total.end):
        return True
    used = project.files_used(module)
    return any(
        f.quoted and f.label in ("handle_info/2", "terminate/2")
        for each in used
        for f in each.functions
    )


def _passes_on(file: SourceFile, pattern: tuple[int, int], end: int) -> bool:
    """Whether a clause that takes every message gives it to a function that may know it."""
    names = {name for name in identifiers([at(file.root(), pattern)]) if name[0] != "_"}
    rest = file.slice((pattern[1], end))
    return bool(names) and "Logger." not in rest and any(name in rest for name in names)
