"""OTP048: a process that is killed without being asked to end."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule, span_of
from otp_genesis.otp.syntax import at, code, target, walk

TARGETS = ("Process.exit/2", ":erlang.exit/2")
SPAWNS = tuple(
    f"Kernel.{name}/{arity}"
    for name in ("spawn", "spawn_link", "spawn_monitor")
    for arity in (1, 3)
)
ASKED = (
    "GenServer.stop",
    "Supervisor.stop",
    "Agent.stop",
    "Process.send_after",
    "shutdown",
    "stop",
)
"""Calls after which killing is the last resort."""


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Jobs do\n{head}  def cancel(pid) do\n{body}  end\nend\n"


class UntrappableExit(Rule):
    """A process is ended with the reason `:kill`.

    ## Why is this bad?
    `:kill` cannot be trapped: `terminate/2` does not run, files and connections are left as they
    are, and processes linked to it get the reason `:killed` and die too
    (https://hexdocs.pm/elixir/Process.html#exit/2).

    ## Use instead
    `Supervisor.terminate_child/2` (of the supervisor that started it) or `GenServer.stop/3`, which
    wait and have a limit; `Process.exit(pid, :shutdown)` where there is nothing to wait for.

    ## Fix safety
    Unsafe: the fix writes `:shutdown`. A process that traps exits and takes no `:EXIT` message then
    lives on. Killing after a limit, or after having asked, is not reported; nor is it in a module
    that starts bare processes, which have no `terminate/2` to be run.
    """

    code = "OTP048"
    name = "untrappable-exit"
    stage = 1
    severity = "low"
    safety = "unsafe"
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    effort = "minutes"
    risk = "A process that traps exits and ignores them is no longer ended."
    examples = (
        Bad(
            _module("    Process.exit(pid, :kill)\n"),
            fixed=_module("    Process.exit(pid, :shutdown)\n"),
        ),
        Bad(
            _module("    pid |> P.exit(:kill)\n", "  alias Process, as: P\n"),
            fixed=_module("    pid |> P.exit(:shutdown)\n", "  alias Process, as: P\n"),
        ),
        Bad(
            _module("    :erlang.exit(pid, :kill)\n    :ok\n"),
            fixed=_module("    :erlang.exit(pid, :shutdown)\n    :ok\n"),
        ),
        Bad(
            _module("    Enum.each(pid, &Process.exit(&1, :kill))\n"),
            fixed=_module("    Enum.each(pid, &Process.exit(&1, :shutdown))\n"),
        ),
        Bad(
            _module("    Process.exit pid, :kill\n"),
            fixed=_module("    Process.exit pid, :shutdown\n"),
        ),
        Good(_module("    Process.exit(pid, :shutdown)\n    Process.exit(pid, :killed)\n")),
        Good(_module("    Process.exit(self(), :kill)\n")),
        Good(_module("    pid = spawn(fn -> loop(pid) end)\n    Process.exit(pid, :kill)\n")),
        Good(
            _module(
                "    Process.exit(pid, :shutdown)\n    receive do\n      {:DOWN, _, _, _, _} -> 1\n"
                "    after\n      5_000 -> Process.exit(pid, :kill)\n    end\n"
            )
        ),
        Good(
            _module(
                "    if GenServer.stop(pid, :normal, 100) != :ok, do: Process.exit(pid, :kill)\n"
            )
        ),
        Good(
            _module(
                "    case pid.shutdown do\n      :brutal_kill -> Process.exit(pid, :kill)\n"
                "      ms -> wait(pid, ms)\n    end\n"
            )
        ),
        Good(_module('    # Process.exit(pid, :kill)\n    "Process.exit(pid, :kill)"\n')),
        Good(_module("    Process.exit(pid, :kill)\n", "  alias MyApp.Process\n")),
        Good(_module("    quote do\n      Process.exit(pid, :kill)\n    end\n")),
        Good(_module("    Process.exit(pid, :kill)\n"), path="test/jobs_test.exs"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each kill that is no last resort."""
        calls = [call for call in file.production_calls(*TARGETS) if _kills(file, call)]
        bare = {call.module for call in file.calls_to(*SPAWNS)} if calls else set()
        for call in calls:
            if call.module in bare or _is_last_resort(at(file.root(), (call.start, call.end))):
                continue
            yield self.at(
                file,
                (call.start, call.end),
                "the process cannot clean up, and what is linked to it dies with it",
                module=call.module,
                function=call.function,
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Ask it to end."""
        file = project.files[finding.file]
        call = file.call_at(span_of(file, finding)[0], *TARGETS)
        if call is None:
            return Declined("the call is no longer there")
        start, end = call.arguments[1]
        return ChangeSet(files=(file.change(Edit(start=start, end=end, text=":shutdown")),))


def _kills(file: SourceFile, call: Call) -> bool:
    if len(call.arguments) != 2:
        return False
    who, reason = (file.slice(argument) for argument in call.arguments)
    return reason == ":kill" and who != "self()"


def _is_last_resort(node: Node) -> bool:
    """Whether a limit ran out, a supervisor's way to end says so, or it was asked before."""
    outer = node.parent
    while outer is not None:
        if outer.type == "after_block":
            return True
        if outer.type == "stab_clause" and _says_so(code(outer.child_by_field_name("left"))):
            return True
        if target(outer) in ("def", "defp"):
            return any(_asks(call) for call in walk(outer)) or _says_so(code(outer).split("\n")[0])
        outer = outer.parent
    return False


def _says_so(head: str) -> bool:
    return any(word in head for word in (":brutal_kill", ":timeout", ":kill", "force"))


def _asks(call: Node) -> bool:
    called = target(call)
    if called.endswith(".exit"):
        return ":shutdown" in code(call) or ":normal" in code(call)
    return called in ASKED
