"""OTP005: a task that takes its server with it."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.served import calls_in_callbacks, reached_from

TARGETS = ("Task.async/1", "Task.async/3")


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Rates do\n{head}  def init(x), do: {{:ok, x}}\n{body}end\n"


ASYNC = """\
  def handle_call(:all, _from, urls) do
    task = Task.async(fn -> MyApp.Http.get(urls) end)
    {:reply, Task.await(task), urls}
  end
"""


class TaskAsyncUnsupervised(Rule):
    """A server starts a task with `Task.async`.

    ## Why is this bad?
    The task is linked to the server: a task that crashes, over a bad answer of somebody else's,
    ends the server and its state is lost. The documentation of `Task` says to use
    `Task.Supervisor.async_nolink/2` in a server
    (https://hexdocs.pm/elixir/Task.html#async/1, "Linking").

    ## Use instead
    `Task.Supervisor.async_nolink/2` below a `Task.Supervisor` of the application, with
    `handle_info/2` clauses for `{ref, result}` and for `{:DOWN, ref, :process, _, reason}`.

    ## Fix safety
    None: what the server does without the result has to be decided. A server that traps exits
    outlives its tasks, and is not reported.
    """

    code = "OTP005"
    name = "task-async-unsupervised"
    stage = 1
    severity = "medium"
    safety = "model"
    effort = "hours"
    risk = "The server goes on without the result where it ended."
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    examples = (
        Bad(_server(ASYNC)),
        Bad(
            _server(
                ASYNC.replace("Task.async(", "T.async("), "  use GenServer\n  alias Task, as: T\n"
            )
        ),
        Bad(
            _server(
                "  def handle_info(:tick, s), do: {:noreply, load(s)}\n"
                "  defp load(s), do: Enum.map(s, &Task.async(fn -> get(&1) end))\n"
            )
        ),
        Bad(
            _server(
                "  def handle_cast(job, s) do\n    task = job |> Task.async()\n"
                "    {:noreply, [task | s]}\n  end\n",
                "  @behaviour GenServer\n",
            )
        ),
        Bad(
            _server(
                "  def handle_continue(m, s), do: {:noreply, async(MyApp.Http, :get, [m, s])}\n",
                "  use GenServer\n  import Task\n",
            )
        ),
        Good(_server(ASYNC.replace("Task.async(", "Task.Supervisor.async_nolink(MyApp.Tasks, "))),
        Good(
            _server(ASYNC).replace("do: {:ok, x}", "do: {:ok, {Process.flag(:trap_exit, true), x}}")
        ),
        Good(_server("  def load(urls), do: Task.async(fn -> MyApp.Http.get(urls) end)\n")),
        Good(_server(ASYNC, "  # use GenServer\n")),
        Good(_server(ASYNC, "  use GenServer\n  alias MyApp.Task\n")),
        Good(
            _server(
                "  def handle_cast(x, s) do\n"
                "    Task.start(fn -> Task.async(x) |> Task.await() end)\n"
                "    {:noreply, s}\n  end\n"
            )
        ),
        Good(_server('  # Task.async(x)\n  def handle_cast(_, s), do: {:noreply, "Task.async"}\n')),
        Good(_server("  defmacro m do\n    quote do\n" + ASYNC + "    end\n  end\n")),
        Good(_server(ASYNC), path="test/support/rates.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each task that a callback of a server links to itself."""
        calls = file.production_calls(*TARGETS)
        if not calls or b":trap_exit" in file.text:
            return
        for call, callback in calls_in_callbacks(project, file, calls):
            yield self.at(
                file,
                (call.start, call.end),
                f"the task is linked to {call.module}: its crash ends the server, which loses its"
                " state",
                module=call.module,
                function=call.function,
                evidence=reached_from(file, call, callback),
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the server has to live without the result."""
        return Declined(
            "start it with Task.Supervisor.async_nolink and take {ref, result} and :DOWN in"
            " handle_info"
        )
