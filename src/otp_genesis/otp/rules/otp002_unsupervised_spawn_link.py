"""OTP002: `spawn_link`, `spawn_monitor` and their kin."""

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Good, Severity
from otp_genesis.otp.task_calls import Rewrite, rewrite

LINKS = (
    "Kernel.spawn_link/1",
    "Kernel.spawn_link/3",
    ":erlang.spawn_link/1",
    ":erlang.spawn_link/3",
)
MONITORS = (
    "Kernel.spawn_monitor/1",
    "Kernel.spawn_monitor/3",
    ":erlang.spawn_monitor/1",
    ":erlang.spawn_monitor/3",
)
SPAWNING = frozenset({"spawn", "spawn_link", "spawn_monitor", "spawn_opt"})
REMOTE = (":erlang.spawn_link/2", ":erlang.spawn_link/4")
TARGETS = (*LINKS, *MONITORS, *REMOTE)


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Job do\n{head}  def go(job) do\n{body}  end\nend\n"


class UnsupervisedSpawnLink(CallRule):
    """A process started with `spawn_link` or `spawn_monitor` is no OTP process.

    ## Why is this bad?
    It has no `$ancestors` and `$callers`, writes no crash report, does not answer system messages
    and is in no supervisor's shutdown. OTP asks that processes be started with `proc_lib`, as
    `Task` and `GenServer` do (https://www.erlang.org/doc/design_principles/spec_proc.html).

    ## Use instead
    `Task.start_link/1` for the same link both ways, or a child of a supervisor.

    ## Fix safety
    Unsafe: `Task.start_link/1` returns `{:ok, pid}` and logs a crash. The link stays. It is made
    where the pid is dropped or bound to a name; `spawn_monitor` has no task that is the same, and
    as its starter is told of its end it is of low severity. A function that is itself called
    `spawn_link` or `spawn_monitor` only passes on what it is given, and is not reported.
    """

    code = "OTP002"
    name = "unsupervised-spawn-link"
    stage = 1
    severity = "medium"
    safety = "unsafe"
    effort = "minutes"
    risk = "A crash is logged as a task's, and the function returns after the task has started."
    targets = TARGETS
    flaw = "the process is outside OTP: no crash report, no supervisor, no orderly shutdown"
    examples = (
        Bad(
            _module("    spawn_link(fn -> run(job) end)\n    :ok\n"),
            fixed=_module("    Task.start_link(fn -> run(job) end)\n    :ok\n"),
        ),
        Bad(
            _module("    pid = spawn_link(__MODULE__, :run, [job])\n    keep(pid)\n"),
            fixed=_module(
                "    {:ok, pid} = Task.start_link(__MODULE__, :run, [job])\n    keep(pid)\n"
            ),
        ),
        Bad(
            _module("    job |> spawn_link()\n    :ok\n", "  alias MyApp.Task\n\n"),
            fixed=_module("    Elixir.Task.start_link(job)\n    :ok\n", "  alias MyApp.Task\n\n"),
        ),
        Bad(
            _module("    :erlang.spawn_link fn -> run(job) end\n    :ok\n"),
            fixed=_module("    Task.start_link(fn -> run(job) end)\n    :ok\n"),
        ),
        Bad(_module("    {pid, ref} = spawn_monitor(fn -> run(job) end)\n    keep(pid, ref)\n")),
        Bad(_module("    Enum.map(job, &spawn_link/1)\n")),
        Bad(_module("    spawn_link(fn -> run(job) end)\n")),
        Good(_module("    Task.start_link(fn -> run(job) end)\n")),
        Good("defmodule M do\n  def spawn_link(n, job), do: :erlang.spawn_link(n, job)\nend\n"),
        Good("defmodule M do\n  def spawn_monitor(f), do: :erlang.spawn_monitor(f)\nend\n"),
        Good(_module("    # spawn_link(job)\n    job.spawn_link\n")),
        Good(_module('    "spawn_link(fn -> run() end)"\n')),
        Good(
            "defmodule M do\n  import Kernel, except: [spawn_link: 1]\n"
            "  def go(x), do: spawn_link(x)\n  defp spawn_link(x), do: x\nend\n"
        ),
        Good("defmodule M do\n  defmacro f(x), do: quote(do: spawn_link(unquote(x)))\nend\n"),
        Good(_module("    spawn_link(job)\n"), path="test/job_test.exs"),
    )

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Not in a function that is such a function itself: its callers start the process."""
        return (call.function or "").partition("/")[0] not in SPAWNING

    def grade(self, file: SourceFile, call: Call) -> Severity:
        """Rank one that is watched lower."""
        return "low" if call.target in MONITORS else "medium"

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Start a linked task instead."""
        if call.target in MONITORS:
            return Declined(
                "a task is not monitored by its starter under the same message; use"
                " Task.Supervisor.async_nolink and handle its reply and :DOWN"
            )
        if call.target in REMOTE:
            return Declined("a task cannot be started on another node by this rule")
        new = Rewrite(f"{file.reference('Task', call.start)}.start_link")
        edits = rewrite(file, call, new, binds=True)
        return edits if isinstance(edits, Declined) else ChangeSet(files=(file.change(*edits),))
