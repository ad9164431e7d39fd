"""OTP066: a server that waits for a task as long as its caller waits for it."""

import re
from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.served import calls_below, reached_from

TARGETS = ("Task.await/1", "Task.await/2", "Task.await_many/1", "Task.await_many/2")
CALL_MS = 5_000
"""How long `GenServer.call/2` waits."""


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


CALL = "  def handle_call(:get, _from, task) do\n    {{:reply, {}, nil}}\n  end\n"


class AwaitOutlastsCaller(Rule):
    """A `handle_call/3` awaits a task for five seconds or more.

    ## Why is this bad?
    `GenServer.call/2` waits for five seconds, and so does `Task.await/1`, which begins later: when
    the task is slow the caller exits first, then the server, together with the task, exits too,
    and all that other callers had kept in it is lost
    (https://hexdocs.pm/elixir/Task.html#await/2).

    ## Use instead
    A task below a `Task.Supervisor` whose result comes as a message, answered with
    `GenServer.reply/2`; or a shorter limit and `Task.yield/2`, which does not exit.

    ## Fix safety
    None: what a caller is told when the task is slow has to be decided. Where all callers of a
    server give longer limits of their own, allow the finding and say so.
    """

    code = "OTP066"
    name = "await-outlasts-caller"
    stage = 1
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    effort = "hours"
    risk = "Other messages are handled while the server used to wait; a slow task ends nobody."
    examples = (
        Bad(_server(CALL.format("Task.await(task)"))),
        Bad(_server(CALL.format("task |> T.await()"), "  use GenServer\n  alias Task, as: T\n")),
        Bad(_server(CALL.format("Task.await(task, 30_000)"))),
        Bad(_server(CALL.format("Task.await_many([task], :infinity)"))),
        Bad(_server(CALL.format("wait(task)") + "\n  defp wait(t), do: Task.await(t)\n")),
        Bad(_server(CALL.format("Enum.map([task], &Task.await/1)"))),
        Good(_server(CALL.format("Task.await(task, 1_000)"))),
        Good(_server(CALL.format("Task.await(task, @timeout)"))),
        Good(_server(CALL.format("Task.yield(task, 5_000)"))),
        Good(_server(CALL.format("Task.start(fn -> Task.await(task) end)"))),
        Good(_server("  def get(task), do: Task.await(task)\n")),
        Good(_server("  def handle_info(:go, t), do: {:noreply, Task.await(t)}\n")),
        Good(_server(CALL.format("# Task.await(task)\n    1"))),
        Good(_server(CALL.format("Task.await(task)"), "  use GenServer\n  alias MyApp.Task\n")),
        Good(_server(CALL.format("Task.await(task)"), "  # use GenServer\n")),
        Good(_server(CALL.format("Task.await(task)")), path="test/support/server.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each wait that a call's handler reaches and that lasts as long as the call."""
        calls = [call for call in file.production_calls(*TARGETS) if _is_long(file, call)]
        for call, callback in calls_below(project, file, calls, "handle_call/3"):
            yield self.at(
                file,
                (call.start, call.end),
                f"a slow task ends the caller first and then {call.module}",
                module=call.module,
                function=call.function,
                evidence=reached_from(file, call, callback),
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the answer to a caller of a slow task has to be decided."""
        return Declined(
            "decide what a caller is told when the task is slow: take the task's result in"
            " handle_info/2 and answer with GenServer.reply/2, or use Task.yield/2"
        )


def _is_long(file: SourceFile, call: Call) -> bool:
    if len(call.arguments) < 2:
        return True
    limit = file.slice(call.arguments[1])
    if re.fullmatch(r"\d[\d_]*", limit):
        return int(limit) >= CALL_MS
    return limit == ":infinity"
