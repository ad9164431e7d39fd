"""OTP010: a `receive` that waits for ever."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import local_calls, mentions_atom, started
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.receiving import receives
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.served import below, calls_in_callbacks
from otp_genesis.otp.syntax import arguments, child, keyword

ENDINGS = (":DOWN", ":EXIT", ":exit_status", ":tcp_closed", ":ssl_closed")
"""What comes when the awaited process, program or connection is gone."""

LINKS = (
    "Process.link/1",
    "Kernel.spawn_link/1",
    "Kernel.spawn_link/3",
    "GenServer.start_link/2",
    "GenServer.start_link/3",
)
LINKING = ("spawn_link", "start_link", "Task.async", "Task.Supervisor.async")
"""What starts a process that ends with its starter."""


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Client do\n{head}  def ask(pid, ref) do\n{body}  end\nend\n"


def _receive(*clauses: str) -> str:
    inner = "".join(f"      {clause}\n" for clause in clauses)
    return f"    send(pid, {{ref, self()}})\n    receive do\n{inner}    end\n"


ANSWER = "{^ref, answer} -> answer"


class ReceiveWithoutAfter(Rule):
    """A `receive` waits for an answer without `after`, and nothing tells it that none will come.

    ## Why is this bad?
    When the one who should answer is dead, or answers something else, the process waits for ever
    (https://hexdocs.pm/elixir/Kernel.SpecialForms.html#receive/1, "after"). A process that hangs
    is not restarted, because it does not crash.

    ## Use instead
    `GenServer.call/3`, which monitors and limits the wait; else `Process.monitor/1` with a clause
    for `:DOWN`, or `after` with a limit.

    ## Fix safety
    None: how long the slowest good answer takes, and what is to happen then, is not in the code.
    A loop (a function that calls itself again) may wait for ever and is not reported; neither is
    a `receive` that hears of the other's end by a message or a link, or one in a server's
    callback (OTP011).
    """

    code = "OTP010"
    name = "receive-without-after"
    stage = 1
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = ("Kernel.receive/1",)
    effort = "minutes"
    risk = "A wait that used to go on for ever ends."
    examples = (
        Bad(_module(_receive(ANSWER))),
        Bad(_module(_receive("{:ok, ^ref} -> :ok", "{:error, ^ref} -> :error"))),
        Bad(
            _module(
                "    result =\n"
                + _receive(ANSWER).replace("    send(pid, {ref, self()})\n", "")
                + "    {:ok, result, pid}\n"
            )
        ),
        Bad(
            _module(
                "    Enum.map(pid, fn _ ->\n      receive do\n        {^ref, x} -> x\n"
                "      end\n    end)\n"
            )
        ),
        Bad(_module("    receive do: ({^ref, answer} -> answer)\n    pid\n")),
        Bad(_module(_receive(ANSWER, "# after 5_000 -> :DOWN"))),
        Good(
            _module(
                _receive(ANSWER).replace("    end\n", "    after\n      5_000 -> pid\n    end\n")
            )
        ),
        Good(_module(_receive(ANSWER, "{:DOWN, ^ref, _, _, reason} -> exit(reason)"))),
        Good(_module(_receive("{port, {:data, d}} -> {port, d}", "{_, {:exit_status, s}} -> s"))),
        Good(
            "defmodule M do\n  def loop(state) do\n    receive do\n"
            "      {:put, new} -> loop(new)\n    end\n  end\nend\n"
        ),
        Good(
            "defmodule M do\n  def loop(state) do\n    receive do\n"
            "      message -> handle(message, state)\n    end\n  end\n\n"
            "  defp handle({:put, new}, _), do: loop(new)\nend\n"
        ),
        Good(
            "defmodule M do\n  use GenServer\n  def handle_cast(:wait, s) do\n    receive do\n"
            "      :go -> {:noreply, s}\n    end\n  end\nend\n"
        ),
        Good(_module('    # receive do\n    "receive do :x -> :y end"\n')),
        Good(_module("    quote do\n      receive do\n        x -> x\n      end\n    end\n")),
        Good(
            _module("    receive do\n      :never -> :ok\n    end\n"), path="test/client_test.exs"
        ),
        Good(
            "defmodule Mix.Tasks.Wait do\n  use Mix.Task\n  def run(_) do\n    receive do\n"
            "      :never -> :ok\n    end\n  end\nend\n"
        ),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each wait that is no loop, no server's, and hears of no end."""
        calls = [call for call, node in receives(file) if _hears_nothing(file, call, node)]
        served = {call.start for call, _ in calls_in_callbacks(project, file, calls)}
        for call in calls:
            if call.start in served or _loops(file, call):
                continue
            yield self.at(
                file,
                (call.start, call.start + len("receive")),
                "if the message does not come, this process waits for ever",
                module=call.module,
                function=call.function,
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the limit and what comes after it have to be decided."""
        return Declined(
            "decide how long the slowest good answer takes: put `after` with that limit, or"
            " monitor the process that is to answer and take its :DOWN"
        )


def _hears_nothing(file: SourceFile, call: Call, node: Node) -> bool:
    return waits_for_ever(node) and not _hears_of_end(file, call, node)


def _hears_of_end(file: SourceFile, call: Call, receive: Node) -> bool:
    """Whether a message or a link tells the process that the other one has ended."""
    if any(mentions_atom(receive, ending) for ending in ENDINGS):
        return True
    if any(link.function == call.function for link in file.calls_to(*LINKS)):
        return True
    outer = receive.parent
    while outer is not None:
        if outer.type == "anonymous_function" and started(file, outer).endswith(LINKING):
            return True
        outer = outer.parent
    return False


def waits_for_ever(receive: Node) -> bool:
    """Whether a `receive` has no `after`."""
    block = child(receive, "do_block")
    if block is not None:
        return child(block, "after_block") is None
    return keyword(arguments(receive)[-1], "after") is None


def _loops(file: SourceFile, call: Call) -> bool:
    """Whether the function, or one that calls it, comes round to itself."""
    module = file.module(call.module)
    if module is None or call.function is None:
        return False
    calls = local_calls(file, module)
    reach = {label: below(calls, label) for label in calls}
    return any(
        label in reached and (label == call.function or call.function in reached)
        for label, reached in reach.items()
    )
