"""OTP013: a message sent to a name that nobody may have."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.sending import SENDS, is_to_name
from otp_genesis.otp.served import is_caught
from otp_genesis.otp.syntax import at


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Client do\n{head}  def tell(job) do\n{body}  end\nend\n"


class SendToName(Rule):
    """A message is sent with `send` to a process by its registered name.

    ## Why is this bad?
    Unlike a send to a pid, a send to a name raises `ArgumentError` when no process has it
    (https://www.erlang.org/doc/apps/erts/erlang.html#send/2): whenever the server is being
    restarted, its senders crash. And the message's shape is known in two modules.

    ## Use instead
    A function of the server's module that uses `GenServer.cast/2`, which does not raise, or
    `GenServer.call/3`, which tells that the server is not there.

    ## Fix safety
    None: whether the sender needs an answer has to be decided, and the server needs a clause for
    it. A send that is rescued, or to `{name, node}`, which does not raise, is not reported; nor is
    one to a module's own name in one of its callbacks.
    """

    code = "OTP013"
    name = "send-to-name"
    stage = 4
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = SENDS
    effort = "hours"
    risk = "A sender that used to crash goes on, or waits for the server."
    examples = (
        Bad(_module("    send(MyApp.Server, job)\n")),
        Bad(_module("    MyApp.Server |> send(job)\n")),
        Bad(_module("    send :server, job\n")),
        Bad(_module("    P.send(Server, job, [])\n", "  alias Process, as: P\n")),
        Bad(_module("    :erlang.send(__MODULE__, job)\n")),
        Bad(_module("    Enum.each(job, fn one -> send(MyApp.Server, one) end)\n")),
        Good(_module("    send(self(), job)\n")),
        Good(
            "defmodule S do\n  use GenServer\n  @impl true\n  def init(x) do\n"
            "    send(__MODULE__, :go)\n    {:ok, x}\n  end\nend\n"
        ),
        Good(_module("    send(Process.group_leader(), job)\n    send(:a.pid(), job)\n")),
        Good(_module("    send({MyApp.Server, node()}, job)\n")),
        Good(_module("    GenServer.cast(MyApp.Server, job)\n")),
        Good(_module("    send(MyApp.Server, job)\n  rescue\n    ArgumentError -> :gone\n")),
        Good(_module("    Process.send_after(MyApp.Server, job, 10)\n")),
        Good(_module('    # send(MyApp.Server, job)\n    "send(MyApp.Server, job)"\n')),
        Good(_module("    send(MyApp.Server, job)\n", "  import Kernel, except: [send: 2]\n")),
        Good("defmodule M do\n  defmacro f(x), do: quote(do: send(S, unquote(x)))\nend\n"),
        Good(_module("    send(MyApp.Server, job)\n"), path="test/client_test.exs"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each send to a name that is written in the code."""
        for call in file.production_calls(*SENDS):
            if not is_to_name(file, call) or _is_own(file, call):
                continue
            if not is_caught(at(file.root(), (call.start, call.end))):
                yield self.at(
                    file,
                    (call.start, call.end),
                    "this raises when no process has the name, as while the server is restarted",
                    module=call.module,
                    function=call.function,
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the interface has to be designed."""
        return Declined(
            "give the server's module a function that uses GenServer.cast or GenServer.call, and"
            " call that"
        )


def _is_own(file: SourceFile, call: Call) -> bool:
    """Whether a callback of a module sends to that module's name: its process is there."""
    function = file.function(call.module, call.function)
    if function is None or not any(clause.impl for clause in function.clauses):
        return False
    return file.expand(file.slice(call.arguments[0]), call.start) == call.module
