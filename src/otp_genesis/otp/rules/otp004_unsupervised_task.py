"""OTP004: `Task.start`."""

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Finding, GeneratedTest, Good
from otp_genesis.otp.task_calls import supervise, supervisor_test

TARGETS = ("Task.start/1", "Task.start/3")
APPLICATION = """\
defmodule MyApp.Application do
  use Application

  def start(_type, _args) do
    children = [{Task.Supervisor, name: MyApp.Tasks}]
    Supervisor.start_link(children, strategy: :one_for_one)
  end
end
"""
APP = (("lib/my_app/application.ex", APPLICATION),)


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Job do\n{head}  def go(job) do\n{body}  end\nend\n"


class UnsupervisedTask(CallRule):
    """A task started with `Task.start` belongs to no supervisor.

    ## Why is this bad?
    `Task.start/1` is neither linked nor supervised; the documentation of `Task` says to use it
    only where the result and the completion do not matter, and recommends `Task.Supervisor` for
    all else (https://hexdocs.pm/elixir/Task.html#module-dynamically-supervised-tasks). A shutdown
    kills the task without waiting for it.

    ## Use instead
    `Task.Supervisor.start_child/2`, which returns the same `{:ok, pid}`.

    ## Fix safety
    Unsafe: `start_child/2` exits where the supervisor is down. A `Task.Supervisor` that is
    missing becomes the first child of the application's supervisor.
    """

    code = "OTP004"
    name = "unsupervised-task"
    stage = 1
    severity = "medium"
    safety = "unsafe"
    effort = "minutes"
    risk = "The caller fails where the supervisor is down; a shutdown waits for running tasks."
    targets = TARGETS
    flaw = "the task belongs to no supervisor: a shutdown kills it at once"
    examples = (
        Bad(
            _module("    Task.start(fn -> run(job) end)\n"),
            fixed=_module("    Task.Supervisor.start_child(MyApp.Tasks, fn -> run(job) end)\n"),
            files=APP,
        ),
        Bad(
            _module("    {:ok, pid} = T.start(MyApp.Job, :run, [job])\n", "  alias Task, as: T\n"),
            fixed=_module(
                "    {:ok, pid} = Task.Supervisor.start_child(MyApp.Tasks, MyApp.Job, :run,"
                " [job])\n",
                "  alias Task, as: T\n",
            ),
            files=APP,
        ),
        Bad(
            _module("    job |> Task.start()\n"),
            fixed=_module("    Task.Supervisor.start_child(MyApp.Tasks, job)\n"),
            files=APP,
        ),
        Bad(_module("    Enum.each(job, &Task.start/1)\n"), files=APP),
        Bad(_module("    start(job)\n", "  import Task, only: [start: 1]\n")),
        Good(_module("    Task.Supervisor.start_child(MyApp.Tasks, fn -> run(job) end)\n")),
        Good(_module("    Task.start(job)\n", "  alias MyApp.Task\n")),
        Good(_module('    # Task.start(job)\n    "Task.start(job)"\n')),
        Good("defmodule M do\n  defmacro f(x), do: quote(do: Task.start(unquote(x)))\nend\n"),
        Good(_module("    Task.start(job)\n"), path="test/job_test.exs"),
    )

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Start the task under the application's Task.Supervisor."""
        return supervise(project, file, call, binds=False)

    def test(self, project: Project, finding: Finding) -> GeneratedTest | Declined:
        """Prove that the Task.Supervisor runs."""
        return supervisor_test(project, finding)
