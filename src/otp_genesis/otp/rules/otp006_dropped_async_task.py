"""OTP006: `Task.async` whose task nobody awaits."""

import re

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Finding, GeneratedTest, Good
from otp_genesis.otp.task_calls import supervise, supervisor_test

REPLY = re.compile(
    rb"handle_info\(\s*\{_?\w*ref\w*\s*,|handle_event\(\s*:info,\s*\{_?\w*ref\w*\s*,"
)
TARGETS = ("Task.async/1", "Task.async/3")
APPLICATION = """\
defmodule MyApp.Application do
  use Application

  def start(_type, _args) do
    Supervisor.start_link([{Task.Supervisor, name: MyApp.Tasks}], strategy: :one_for_one)
  end
end
"""
APP = (("lib/my_app/application.ex", APPLICATION),)


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Job do\n{head}  def go(job) do\n{body}  end\nend\n"


class DroppedAsyncTask(CallRule):
    """A `Task.async` whose task is dropped, so that nobody can await it.

    ## Why is this bad?
    The task is linked to its caller and sends it a reply and a `:DOWN` that nobody reads: the
    caller dies with the task, and its mailbox fills. The documentation of `Task.async/1` says
    that a task started so must be awaited (https://hexdocs.pm/elixir/Task.html#async/1).

    ## Use instead
    `Task.await/2` on the task, or `Task.Supervisor.start_child/2` where no result is wanted.

    ## Fix safety
    Unsafe: the caller no longer dies with the task. A `Task.Supervisor` that is missing becomes
    the first child of the application's supervisor. A task whose reply a `handle_info/2` or
    `handle_event/4` of the module takes is not reported; nor is one in a LiveComponent, whose
    view may take it.
    """

    code = "OTP006"
    name = "dropped-async-task"
    stage = 1
    severity = "high"
    safety = "unsafe"
    effort = "minutes"
    risk = "A crash of the task no longer ends its caller."
    targets = TARGETS
    flaw = "nobody can await this task: its reply stays in the caller's mailbox"
    examples = (
        Bad(
            _module("    Task.async(fn -> run(job) end)\n    :ok\n"),
            fixed=_module(
                "    Task.Supervisor.start_child(MyApp.Tasks, fn -> run(job) end)\n    :ok\n"
            ),
            files=APP,
        ),
        Bad(
            _module(
                "    Enum.each(job, fn a -> T.async(M, :f, [a]) end)\n", "  alias Task, as: T\n"
            ),
            fixed=_module(
                "    Enum.each(job, fn a -> Task.Supervisor.start_child(MyApp.Tasks, M, :f, [a])"
                " end)\n",
                "  alias Task, as: T\n",
            ),
            files=APP,
        ),
        Bad(
            _module("    if job do\n      job |> Task.async()\n    end\n\n    :ok\n"),
            fixed=_module(
                "    if job do\n      Task.Supervisor.start_child(MyApp.Tasks, job)"
                "\n    end\n\n    :ok\n"
            ),
            files=APP,
        ),
        Bad(_module("    _ = Task.async(job)\n    :ok\n")),
        Bad(_module("    async(job)\n    :ok\n", "  import Task, only: [async: 1]\n")),
        Good(_module("    task = Task.async(job)\n    Task.await(task)\n")),
        Good(_module("    Task.async(fn -> run(job) end)\n")),
        Good(_module("    job |> Task.async() |> Task.await()\n")),
        Good(_module("    job |> Enum.map(&Task.async/1) |> Task.await_many()\n")),
        Good(_module("    for one <- job, do: Task.async(one)\n")),
        Good(_module("    Task.async(job)\n    :ok\n", "  alias MyApp.Task\n")),
        Good(
            _module("    Task.async(job)\n    :ok\n")[:-4]
            + "  def handle_info({_ref, answer}, s), do: {:noreply, [answer | s]}\nend\n"
        ),
        Good(
            _module("    Task.async(job)\n    :ok\n")[:-4]
            + "  def handle_event(:info, {ref, answer}, _, d) do\n"
            + "    {:keep_state, {ref, answer, d}}\n  end\nend\n"
        ),
        Good(_module("    Task.async(job)\n    :ok\n", "  use Phoenix.LiveComponent\n")),
        Good(_module("    Task.async(job)\n    :ok\n", "  use MyAppWeb, :live_component\n")),
        Good(_module("    # Task.async(job)\n    :ok\n")),
        Good(_module("    Task.async(job)\n    :ok\n"), path="test/job_test.exs"),
    )

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Only a call whose value is provably dropped."""
        module = file.module(call.module)
        if call.use != "dropped" or module is None:
            return False
        text = file.text[module.start : module.end]
        if re.search(rb"use [\w.]+, :live_component|use Phoenix\.LiveComponent", text):
            return False
        return REPLY.search(text) is None

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Start the task under the application's Task.Supervisor."""
        return supervise(project, file, call, binds=True)

    def test(self, project: Project, finding: Finding) -> GeneratedTest | Declined:
        """Prove that the Task.Supervisor runs."""
        return supervisor_test(project, finding)
