"""OTP001: `spawn` and its kin."""

import re

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Finding, GeneratedTest, Good, Severity
from otp_genesis.otp.syntax import at, target, walk
from otp_genesis.otp.task_calls import supervise, supervisor_test

PLAIN = ("Kernel.spawn/1", "Kernel.spawn/3", ":erlang.spawn/1", ":erlang.spawn/3")
WITH_OPTIONS = (
    *(f":erlang.spawn_opt/{arity}" for arity in (2, 3, 4, 5)),
    "Process.spawn/2",
    "Process.spawn/4",
)
TARGETS = (
    *PLAIN,
    ":erlang.spawn/2",
    ":erlang.spawn/4",
    *WITH_OPTIONS,
)
SPAWNING = frozenset({"spawn", "spawn_link", "spawn_monitor", "spawn_opt"})
TELLING = frozenset({"send", "Process.send", "for", "self", "Enum.each", "Process.exit", "exit"})
WATCHED = re.compile(r":monitor|:link")
APPLICATION = """\
defmodule MyApp.Application do
  use Application

  def start(_type, _args) do
    children = [
      MyApp.Worker
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: MyApp.Supervisor)
  end
end
"""
WITH_TASKS = APPLICATION.replace(
    "      MyApp.Worker",
    "      {Task.Supervisor, name: MyApp.TaskSupervisor},\n      MyApp.Worker",
)
APP = (("lib/my_app/application.ex", APPLICATION),)
FIXED_APP = (("lib/my_app/application.ex", WITH_TASKS),)


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Job do\n{head}  def go(job) do\n{body}  end\nend\n"


class UnsupervisedSpawn(CallRule):
    """A process started with `spawn` belongs to no supervisor.

    ## Why is this bad?
    Nothing knows of the process: when it crashes nobody restarts it or is told, and when the
    application stops nobody waits for it, so its work is lost without a trace. The Elixir guide
    lists it under process anti-patterns as "Unsupervised processes"
    (https://hexdocs.pm/elixir/process-anti-patterns.html#unsupervised-processes).

    ## Use instead
    `Task.Supervisor.start_child/2` below a `Task.Supervisor` of the application, or a child of
    one of its supervisors where the process is to live long.

    ## Fix safety
    Unsafe: `start_child/2` waits until the task has started, exits where the supervisor is down,
    and the task gets a crash report. It is made where the pid is dropped or bound to a name;
    a `Task.Supervisor` that is missing becomes the first child of the application's supervisor.

    Critical is a process that nobody knows of and that has work to do. Where its pid is kept, or
    where it only tells, ends or watches other processes, what is lost with it has to be judged:
    medium. Where its starter is linked to it or monitors it: low. A function that is itself
    called `spawn` only passes on what it is given, and is not reported.
    """

    code = "OTP001"
    name = "unsupervised-spawn"
    stage = 1
    severity = "critical"
    safety = "unsafe"
    effort = "minutes"
    risk = "The caller waits until the task has started, and fails where the supervisor is down."
    targets = TARGETS
    flaw = "the process belongs to no supervisor: a crash or a shutdown loses its work"
    examples = (
        Bad(
            _module("    spawn(fn -> run(job) end)\n    :ok\n"),
            fixed=_module(
                "    Task.Supervisor.start_child(MyApp.TaskSupervisor, fn -> run(job) end)\n"
                "    :ok\n"
            ),
            files=APP,
            files_fixed=FIXED_APP,
        ),
        Bad(
            _module("    pid = spawn(MyApp.Job, :run, [job])\n    keep(pid)\n"),
            fixed=_module(
                "    {:ok, pid} = Task.Supervisor.start_child(MyApp.TaskSupervisor, MyApp.Job,"
                " :run, [job])\n    keep(pid)\n"
            ),
            files=APP,
            files_fixed=FIXED_APP,
        ),
        Bad(
            _module("    spawn fn ->\n      run(job)\n    end\n\n    :ok\n"),
            fixed=_module(
                "    Task.Supervisor.start_child(MyApp.TaskSupervisor, fn ->\n"
                "      run(job)\n    end)\n\n    :ok\n"
            ),
            files=FIXED_APP,
        ),
        Bad(
            _module("    job |> spawn()\n    :ok\n", "  alias MyApp.Task\n\n"),
            fixed=_module(
                "    Elixir.Task.Supervisor.start_child(MyApp.TaskSupervisor, job)\n    :ok\n",
                "  alias MyApp.Task\n\n",
            ),
            files=FIXED_APP,
        ),
        Bad(
            _module("    fn -> file(job, totals_of(Orders.list())) end |> spawn()\n    :ok\n"),
            fixed=_module(
                "    Task.Supervisor.start_child(MyApp.TaskSupervisor, fn ->\n"
                "      file(job, totals_of(Orders.list()))\n    end)\n    :ok\n"
            ),
            files=FIXED_APP,
        ),
        Bad(
            _module("    Enum.each(job, fn one -> :erlang.spawn(fn -> run(one) end) end)\n"),
            fixed=_module(
                "    Enum.each(job, fn one -> Task.Supervisor.start_child(MyApp.TaskSupervisor,"
                " fn -> run(one) end) end)\n"
            ),
            files=FIXED_APP,
        ),
        Bad(_module("    spawn(fn -> run(job) end)\n"), files=APP),
        Bad(_module("    spawn(fn -> run(job) end)\n    :ok\n")),
        Bad(_module("    Enum.map(job, &spawn/1)\n"), files=APP),
        Bad(_module("    Process.spawn(fn -> run(job) end, [:monitor])\n    :ok\n"), files=APP),
        Bad(_module("    keep(P.spawn(job, []))\n", "  alias Process, as: P\n\n"), files=APP),
        Bad(_module("    keep(spawn(job, []))\n", "  import Process, only: [spawn: 2]\n\n")),
        Good(_module("    Task.Supervisor.start_child(MyApp.Tasks, fn -> run(job) end)\n")),
        Good(_module("    # spawn(fn -> run(job) end)\n    job.spawn\n")),
        Good(_module('    """\n    spawn(fn -> run() end)\n    """\n', "  @doc false\n")),
        Good(
            "defmodule MyApp.Pool do\n  import Kernel, except: [spawn: 1]\n"
            "  def go(x), do: spawn(x)\n  def spawn(x), do: x\nend\n"
        ),
        Good("defmodule M do\n  import Kernel, except: [spawn: 1]\n  def f(x), do: spawn(x)\nend"),
        Good("defmodule M do\n  alias MyApp.Process\n  def f(x), do: Process.spawn(x, [])\nend\n"),
        Good("defmodule M do\n  defmacro f(x), do: quote(do: spawn(unquote(x)))\nend\n"),
        Good("defmodule M do\n  def f(x), do: {:spawn, x, :erlang, [spawn: 1]}\nend\n"),
        Good("defmodule M do\n  def spawn(node, job), do: :erlang.spawn(node, job)\nend\n"),
        Good("defmodule M do\n  def spawn(job, opts), do: Process.spawn(job, opts)\nend\n"),
        Good(_module("    spawn(fn -> run(job) end)\n"), path="test/support/job.ex"),
        Good("defmodule Mix.Tasks.A do\n  use Mix.Task\n  def run(f), do: spawn(f)\nend\n"),
    )

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Not in a function that is a `spawn` itself: its callers are who start the process."""
        return (call.function or "").partition("/")[0] not in SPAWNING

    def grade(self, file: SourceFile, call: Call) -> Severity:
        """Rank by who can know of the process, and by what it does."""
        options = call.arguments[-1:] if call.target in WITH_OPTIONS else ()
        if any(WATCHED.search(file.slice(one)) for one in options):
            return "low"
        if call.use not in ("dropped", "returned") or call.form == "captured":
            return "medium"
        return "medium" if _only_tells(at(file.root(), (call.start, call.end))) else "critical"

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Start a supervised task instead."""
        if call.target not in PLAIN and call.form != "captured":
            return Declined(f"{call.target} takes options or a node that a task has not")
        return supervise(project, file, call, binds=True)

    def test(self, project: Project, finding: Finding) -> GeneratedTest | Declined:
        """Prove that the Task.Supervisor runs."""
        return supervisor_test(project, finding)


def _only_tells(node: Node) -> bool:
    """Whether the process only tells or ends others, or watches one that it goes with."""
    function = next((found for found in walk(node) if found.type == "anonymous_function"), None)
    if function is None:
        return False
    called = {name for found in walk(function) if (name := target(found))}
    return called <= TELLING or "Process.monitor" in called
