"""OTP044: a monitor whose `:DOWN` nobody takes."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.callbacks import (
    CALLBACKS,
    after,
    before,
    clause_node,
    clauses,
    mentions_atom,
    module_node,
    reachable,
    require_logger,
    runs_elsewhere,
    servers,
    total_clause,
)
from otp_genesis.otp.facts import Call, Module, SourceFile
from otp_genesis.otp.generated_test import proven, snake
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import (
    PRODUCTION,
    Bad,
    Declined,
    Evidence,
    Finding,
    GeneratedTest,
    Good,
    Rule,
)
from otp_genesis.otp.syntax import at, target, walk

MONITORS = ("Process.monitor/1", "Process.monitor/2", ":erlang.monitor/2", ":erlang.monitor/3")
DEMONITORS = ("Process.demonitor/1", "Process.demonitor/2")
DOWN = """\
def handle_info({{:DOWN, ref, :process, pid, reason}}, state) do
  {logger}.warning("#{{inspect(pid)}} is down: #{{inspect({{ref, reason}})}}")
  {{:noreply, state}}
end"""
TOTAL = """\
def handle_info(message, state) do
  {logger}.warning("unexpected message: #{{inspect(message)}}")
  {{:noreply, state}}
end"""


def _server(body: str, head: str = "  use GenServer\n  require Logger\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


WATCH = """\
  def handle_cast({:watch, pid}, state) do
    Process.monitor(pid)
    {:noreply, state}
  end
"""
TICK = "  def handle_info(:tick, state), do: {:noreply, state}\n"
ANY = "  def handle_info(_message, state), do: {:noreply, state}\n"
NEW_DOWN = """
  def handle_info({:DOWN, ref, :process, pid, reason}, state) do
    Logger.warning("#{inspect(pid)} is down: #{inspect({ref, reason})}")
    {:noreply, state}
  end
"""
NEW_TOTAL = """
  def handle_info(message, state) do
    Logger.warning("unexpected message: #{inspect(message)}")
    {:noreply, state}
  end
"""


class MonitorWithoutDown(Rule):
    """A server monitors a process and has no clause for its `:DOWN` message.

    ## Why is this bad?
    The only effect of `Process.monitor/1` is the message `{:DOWN, ref, :process, pid, reason}`
    (https://hexdocs.pm/elixir/Process.html#monitor/1). A server without a clause for it goes on
    with a dead pid in its state, or crashes where `handle_info/2` is partial.

    ## Use instead
    A `handle_info/2` clause that forgets the process, or `Process.demonitor(ref, [:flush])`.

    ## Fix safety
    Unsafe: the clause that is added logs and keeps the state; what is to be forgotten there, only
    the module's author knows. A clause for every message is added where there is none.
    """

    code = "OTP044"
    name = "monitor-without-down"
    stage = 1
    severity = "high"
    safety = "unsafe"
    reach = "file"
    kinds = PRODUCTION
    needs = MONITORS
    effort = "minutes"
    risk = "The end of a monitored process is logged; the state still holds its pid."
    examples = (
        Bad(_server(WATCH), fixed=_server(WATCH + "\n  @impl true" + NEW_DOWN + NEW_TOTAL)),
        Bad(
            _server(WATCH + "\n" + TICK), fixed=_server(WATCH + "\n" + TICK + NEW_DOWN + NEW_TOTAL)
        ),
        Bad(
            _server(WATCH + "\n" + TICK + "\n" + ANY),
            fixed=_server(WATCH + "\n" + TICK + NEW_DOWN + "\n" + ANY),
        ),
        Bad(
            _server(WATCH + "\n  @impl true\n" + ANY, "  use GenServer\n"),
            fixed=_server(
                WATCH + "\n  @impl true" + NEW_DOWN + "\n  @impl true\n" + ANY,
                "  use GenServer\n  require Logger\n",
            ),
        ),
        Bad(
            _server(
                "  def init(pid), do: {:ok, watch(pid)}\n"
                "  defp watch(pid), do: pid |> P.monitor()\n\n" + ANY,
                "  use GenServer\n  alias Process, as: P\n  require Logger\n",
            ),
            fixed=_server(
                "  def init(pid), do: {:ok, watch(pid)}\n"
                "  defp watch(pid), do: pid |> P.monitor()\n" + NEW_DOWN + "\n" + ANY,
                "  use GenServer\n  alias Process, as: P\n  require Logger\n",
            ),
        ),
        Good(_server(WATCH + NEW_DOWN + NEW_TOTAL)),
        Good(
            _server(
                WATCH
                + "\n  def handle_info({:DOWN, _, _, pid, _}, s), do: {:noreply, forget(s, pid)}\n"
            )
        ),
        Good(
            _server(
                "  def stop(pid) do\n    ref = Process.monitor(pid)\n    receive do\n"
                "      {_, ^ref, _, _, _} -> :ok\n    end\n  end\n"
            )
        ),
        Good(
            _server(
                "  def init(pid) do\n    ref = Process.monitor(pid)\n    ask(pid)\n"
                "    Process.demonitor(ref, [:flush])\n    {:ok, pid}\n  end\n"
            )
        ),
        Good(_server("  def watch(pid), do: Process.monitor(pid)\n")),
        Good(_server(WATCH.replace("(pid)", "(pid, tag: {:gone, pid})"))),
        Good(_server(WATCH, "  use Agent\n")),
        Good(_server(WATCH, "  use GenServer\n  alias MyApp.Process\n")),
        Good(_server(WATCH), path="test/support/server.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the first monitor of a module; the others are evidence."""
        monitors = file.production_calls(*MONITORS)
        for module in servers(project, file) if monitors else ():
            mine = [call for call in monitors if call.module == module.name]
            if not mine or mentions_atom(module_node(file, module), ":DOWN"):
                continue
            lost = _unheard(file, module, mine)
            if lost:
                yield self.at(
                    file,
                    (lost[0].start, lost[0].end),
                    f"{module.name} has no clause for the :DOWN message of this monitor",
                    module=module.name,
                    function=lost[0].function,
                    evidence=[
                        Evidence.at(
                            file,
                            call.start,
                            "another monitor of the same server",
                        )
                        for call in lost[1:]
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Add the clause, and one for every message where there is none."""
        file = project.files[finding.file]
        module = file.module(finding.module)
        if module is None:
            return Declined("the module is no longer there")
        edit = _added(file, module)
        if isinstance(edit, Declined):
            return edit
        return ChangeSet(files=(file.change(*require_logger(file, module, edit.start), edit),))

    def test(self, project: Project, finding: Finding) -> GeneratedTest | Declined:
        """Prove that the server takes `:DOWN` and says so."""
        file = project.files[finding.file]
        function = file.function(finding.module, "handle_info/2")
        if function is None or finding.module is None:
            return Declined("the module has no handle_info")
        root = file.root()
        for clause in function.clauses:
            pattern = at(root, clause.parameters[0])
            if mentions_atom(pattern, ":DOWN"):
                break
            other_tuple = pattern.type == "tuple" and pattern.named_child_count != 5
            if not other_tuple and pattern.type not in ("atom", "integer", "boolean", "string"):
                return Declined("an earlier clause may take the :DOWN of the test")
        name = finding.module
        return proven(
            project,
            f"{project.app_of(file.path)}test/otp_genesis/{snake(name)}_otp044_test.exs",
            f"OtpGenesis.{name.replace('.', '')}OTP044Test",
            [
                "  import ExUnit.CaptureLog",
                "",
                "  setup do",
                "    level = Logger.level()",
                "    Logger.configure(level: :warning)",
                "    on_exit(fn -> Logger.configure(level: level) end)",
                "  end",
                "",
                '  test "the end of a monitored process is taken and logged" do',
                "    down = {:DOWN, make_ref(), :process, self(), :killed}",
                "",
                "    log =",
                "      capture_log(fn ->",
                f"        assert {{:noreply, :state}} = {name}.handle_info(down, :state)",
                "      end)",
                "",
                '    assert log =~ "is down"',
                "  end",
            ],
            f"{name} takes the :DOWN of what it monitors",
        )


def _unheard(file: SourceFile, module: Module, monitors: list[Call]) -> list[Call]:
    """Return the monitors of processes' lives that run in the server itself."""
    reached = reachable(file, module)
    root = file.root()
    flushed = {call.function for call in file.calls_to(*DEMONITORS)}
    lost = []
    for call in monitors:
        named = call.target.startswith(":") and call.arguments
        kind = file.slice(call.arguments[0]) if named else ":process"
        node = at(root, (call.start, call.end))
        if "tag:" in (file.slice(call.arguments[-1]) if len(call.arguments) > 1 else ""):
            continue
        if kind != ":process" or call.function not in reached or call.function in flushed:
            continue
        receives = any(
            target(found) == "receive"
            for clause in clauses(file, module, call.function or "")
            for found in walk(clause_node(root, clause))
        )
        if not receives and not runs_elsewhere(file, node):
            lost.append(call)
    return lost


def _added(file: SourceFile, module: Module) -> Edit | Declined:
    """Return the edit that adds the clauses where they take effect."""
    function = file.function(module.name, "handle_info/2")
    if function is None:
        known = [*clauses(file, module, *CALLBACKS)]
        if not known:
            return Declined("the module has no callback to put handle_info behind")
        last = max(known, key=lambda clause: clause.end)
        logger = file.reference("Logger", last.start)
        down = f"@impl true\n{DOWN.format(logger=logger)}"
        return after(file, last, down, TOTAL.format(logger=logger))
    total = total_clause(file, function)
    last = total or function.clauses[-1]
    logger = file.reference("Logger", last.start)
    down = DOWN.format(logger=logger)
    if total is None:
        return after(file, last, down, TOTAL.format(logger=logger))
    marked = total == function.clauses[0] and total.impl
    return before(file, total, f"@impl true\n{down}" if marked else down)
