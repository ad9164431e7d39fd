"""OTP008: `Task.await` and its kin with `:infinity`."""

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Good

TARGETS = ("Task.await/2", "Task.await_many/2")
LIMIT_MS = "30_000"


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Job do\n{head}  def go(task) do\n{body}  end\nend\n"


class AwaitWithoutLimit(CallRule):
    """A task is awaited with `:infinity`.

    ## Why is this bad?
    A task that hangs hangs whoever awaits it, and whoever calls that one. `Task.await/2` takes
    five seconds by default so that the wait has an end
    (https://hexdocs.pm/elixir/Task.html#await/2).

    ## Use instead
    A limit in milliseconds that the slowest good answer keeps.

    ## Fix safety
    Unsafe: 30 seconds is a guess; a slower task then exits its caller.
    """

    code = "OTP008"
    name = "await-without-limit"
    stage = 1
    severity = "medium"
    safety = "unsafe"
    effort = "minutes"
    risk = "A task that takes longer than 30 seconds exits the caller."
    targets = TARGETS
    flaw = "a task that hangs hangs its caller for ever"
    examples = (
        Bad(
            _module("    Task.await(task, :infinity)\n"),
            fixed=_module("    Task.await(task, 30_000)\n"),
        ),
        Bad(
            _module("    task |> Task.await(:infinity)\n"),
            fixed=_module("    task |> Task.await(30_000)\n"),
        ),
        Bad(
            _module("    T.await_many(task, :infinity)\n", "  alias Task, as: T\n"),
            fixed=_module("    T.await_many(task, 30_000)\n", "  alias Task, as: T\n"),
        ),
        Bad(
            _module("    await(task, :infinity)\n", "  import Task\n"),
            fixed=_module("    await(task, 30_000)\n", "  import Task\n"),
        ),
        Good(_module("    Task.await(task, 5_000)\n")),
        Good(_module("    Task.await(task)\n")),
        Good(_module("    # Task.await(task, :infinity)\n    task\n")),
        Good(_module("    Task.await(task, :infinity)\n", "  alias MyApp.Task\n")),
        Good(_module("    Task.await(task, :infinity)\n"), path="test/job_test.exs"),
    )

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Only a call that waits for ever."""
        return bool(call.arguments and file.slice(call.arguments[-1]) == ":infinity")

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Put a limit."""
        start, end = call.arguments[-1]
        return ChangeSet(files=(file.change(Edit(start=start, end=end, text=LIMIT_MS)),))
