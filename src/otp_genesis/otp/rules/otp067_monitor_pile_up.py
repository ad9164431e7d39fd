"""OTP067: monitors of one process that pile up."""

import re
from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import clause_node
from otp_genesis.otp.conversations import TIMERS, WATCHED, spoken
from otp_genesis.otp.facts import Call, Clause, Function, SourceFile
from otp_genesis.otp.messages import may_match
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.running import runs_always, runs_here
from otp_genesis.otp.syntax import arguments, at, code, target, walk

MONITORS = ("Process.monitor/1", "Process.monitor/2", ":erlang.monitor/2")
KEPT = re.compile(r"[a-z_]\w*\.[a-z_]\w*")
"""What stays the same from one message to the next: a field of the state."""


def _loop(body: str, head: str = "def loop(pid, n) do") -> str:
    return f"defmodule MyApp.Watcher do\n  {head}\n{body}  end\nend\n"


RECEIVE = (
    "    receive do\n      {:DOWN, _, _, _, _} -> :ok\n    after\n      10 -> loop(pid, n + 1)\n"
    "    end\n"
)


def _server(tick: str) -> str:
    return (
        "defmodule MyApp.Watcher do\n  use GenServer\n"
        "  def init(pid) do\n    tick()\n    {:ok, %{pid: pid}}\n  end\n"
        f"  def handle_info(:tick, s) do\n    {tick}\n    tick()\n    {{:noreply, s}}\n  end\n"
        "  def handle_info({:DOWN, _, _, _, _}, s), do: {:stop, :normal, s}\n"
        "  defp tick, do: Process.send_after(self(), :tick, 1_000)\nend\n"
    )


class MonitorPileUp(Rule):
    """A loop monitors the same process on each of its turns and never takes a monitor off.

    ## Why is this bad?
    Every call of `Process.monitor/1` makes one more monitor, also of a process that is monitored
    already (https://hexdocs.pm/elixir/Process.html#monitor/1). They cost memory in both processes
    until one of them ends, and then as many `:DOWN` messages come as there were turns.

    ## Use instead
    One monitor before the loop, whose reference goes with it; or
    `Process.demonitor(ref, [:flush])` at the end of each turn.

    A monitor whose `:DOWN` has come is gone by itself and needs no demonitor; that is not what is
    reported here.

    ## Fix safety
    None: the reference has to be passed through the loop.
    """

    code = "OTP067"
    name = "monitor-pile-up"
    stage = 1
    severity = "high"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = MONITORS
    effort = "minutes"
    risk = "The end of the process is told once."
    watches = (*WATCHED, *MONITORS)
    examples = (
        Bad(_loop("    Process.monitor(pid)\n" + RECEIVE)),
        Bad(_loop("    ref = Process.monitor(pid)\n    check(ref)\n    loop(pid, n)\n")),
        Bad(
            _loop("    pid |> P.monitor()\n" + RECEIVE).replace(
                "  def", "  alias Process, as: P\n  def"
            )
        ),
        Bad(
            _loop(
                "    :erlang.monitor(:process, pid)\n    loop(pid, n - 1)\n",
                "defp loop(pid, n) when n > 0 do",
            )
        ),
        Bad(_server("Process.monitor(s.pid)")),
        Bad(_server("ref = Process.monitor(s.pid)\n    log(ref)")),
        Good(_loop("    ref = Process.monitor(pid)\n    Process.demonitor(ref)\n" + RECEIVE)),
        Good(_loop("    Process.monitor(pid)\n    turn(pid, n)\n")),
        Good(
            _loop("    Process.monitor(pid)\n    loop(rest, n)\n", "def loop([pid | rest], n) do")
        ),
        Good(_loop("    Process.monitor(pid)\n    loop(next(pid), n)\n")),
        Good(_loop("    if n == 0, do: Process.monitor(pid)\n    loop(pid, n)\n")),
        Good(_loop("    # Process.monitor(pid)\n    loop(pid, n)\n")),
        Good(_loop("    Process.monitor(pid)\n    keep(fn -> loop(pid, n) end)\n")),
        Good(_loop("    Task.start(fn -> Process.monitor(pid) end)\n    loop(pid, n)\n")),
        Good(_server("unless s.ref, do: Process.monitor(s.pid)")),
        Good(_server("Process.monitor(spawn_worker())")),
        Good(_server("Process.monitor(s.pid)").replace(":tick, s)", "{:add, _}, s)")),
        Good(_server("Process.demonitor(s.ref)\n    Process.monitor(s.pid)")),
        Good(_loop("    Process.monitor(pid)\n" + RECEIVE), path="test/support/watcher.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the monitor that each turn adds."""
        if not any(label in file.calls for label in MONITORS):
            return
        for call in file.production_calls(*MONITORS):
            function = file.function(call.module, call.function)
            clause = _clause(function, call)
            if function is None or clause is None or _takes_off(file, call, clause):
                continue
            again = _turns(file, function, clause, call) or _ticks(project, file, clause, call)
            node = at(file.root(), (call.start, call.end))
            if again is not None and runs_always(file, node, clause.start):
                yield self.at(
                    file,
                    (call.start, call.end),
                    f"each turn of {call.function} monitors {file.slice(call.arguments[-1])} once"
                    " more; the monitors pile up, and so do their :DOWN messages",
                    module=call.module,
                    function=call.function,
                    evidence=[
                        Evidence.at(
                            file,
                            again,
                            "here the next turn begins",
                        )
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the reference has to be passed through the loop."""
        return Declined("monitor the process once before the loop, and pass the reference on")


def _clause(function: Function | None, call: Call) -> Clause | None:
    clauses = function.clauses if function is not None else ()
    return next((one for one in clauses if one.start <= call.start < one.end), None)


def _takes_off(file: SourceFile, call: Call, clause: Clause) -> bool:
    """Whether a monitor is taken off: in the clause, or for a server anywhere in its module."""
    module = file.module(call.module)
    server = (call.function or "").startswith("handle_")
    whole = module if server and module is not None else clause
    return file.text.find(b"demonitor", whole.start, whole.end) >= 0 or not call.arguments


def _turns(file: SourceFile, function: Function, clause: Clause, call: Call) -> int | None:
    """Return where a clause calls its own function with the process that it monitors."""
    watched = file.slice(call.arguments[-1])
    names = [file.slice(parameter).strip() for parameter in clause.parameters]
    if watched not in names:
        return None
    place = names.index(watched)
    for node in walk(clause_node(file.root(), clause)):
        given = arguments(node) if target(node) == function.name else []
        inside = node.start_byte >= clause.head[1] and len(given) == function.arity
        if inside and code(given[place]) == watched and runs_here(file, node):
            return node.start_byte
    return None


def _ticks(project: Project, file: SourceFile, clause: Clause, call: Call) -> int | None:
    """Return where a server arms the timer whose message the monitoring clause takes."""
    server = spoken(project, file).servers.get(call.module or "")
    if server is None or not KEPT.fullmatch(file.slice(call.arguments[-1])):
        return None
    handler = next((h for h in server.handlers["info"] if h.clause == clause), None)
    if handler is None or not handler.takes.tag:
        return None
    for sent in spoken(project, file).sent:
        timed = sent.itself and sent.call.target in TIMERS and sent.to == call.module
        if timed and sent.message.tag and may_match(handler.takes, sent.message):
            return sent.call.start
    return None
