"""OTP012: messages sent with `send` where nobody learns of their loss."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import identifiers
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule, Severity
from otp_genesis.otp.sending import SENDS, is_to_name
from otp_genesis.otp.syntax import arguments, at, code, inside, span, target, walk

ASKED_FOR = re.compile(
    r"(^|_)(from|caller|reply_to|parent|owner|client|requester|subscribers?|listeners?|port|ref"
    r"|test|socket|transport|fastlane|group_leader)"
    r"(_pid)?$"
)
"""Names of those that asked to be told; whether they watch the sender cannot be seen."""


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Client do\n{head}  def tell(pid, job) do\n{body}  end\nend\n"


def _server(clause: str) -> str:
    return f"defmodule MyApp.Server do\n  use GenServer\n\n{clause}end\n"


class RawSend(Rule):
    """A message is sent to another process with `send`, past that process's interface.

    ## Why is this bad?
    `send/2` to a pid never fails: when the receiver is dead the message is gone and nobody learns
    of it (https://hexdocs.pm/elixir/Kernel.html#send/2). The message's shape is known in two
    modules, which the Elixir guide calls "Scattered process interfaces"
    (https://hexdocs.pm/elixir/process-anti-patterns.html#scattered-process-interfaces).

    ## Use instead
    A function of the receiver's module that calls or casts; a monitor where the receiver may die;
    a `Registry` or PubSub where many are told.

    ## Fix safety
    None: whether the sender needs an answer (call), not (cast) or many are told, and what the
    receiver's interface is to be, has to be decided first. A message that carries `self()`, or
    goes to one that asked for it by its name, may have an answer and is for information. A send
    to a registered name raises instead (OTP013).
    """

    code = "OTP012"
    name = "raw-send"
    stage = 4
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = SENDS
    effort = "hours"
    risk = "A call waits for the receiver and fails with it, where a send went on."
    examples = (
        Bad(_module("    send(pid, {:job, job})\n")),
        Bad(_module("    pid |> send({:job, job})\n")),
        Bad(_module("    send pid, {:job, job}\n")),
        Bad(_module("    P.send(job.pid, job, [])\n", "  alias Process, as: P\n")),
        Bad(_module("    :erlang.send(pid, job)\n")),
        Bad(_module("    send(job.owner, :done)\n    send(pid, self())\n"), count=2),
        Good(_module("    send(MyApp.Server, job)\n")),
        Good(_module("    send(self(), job)\n    Process.send_after(self(), pid, 10)\n")),
        Good(_module("    me = self()\n    Task.async(fn -> send(me, {job, pid}) end)\n")),
        Good(
            _server(
                "  def handle_info({:ask, pid}, s) do\n    send(pid, s)\n    {:noreply, s}\n  end\n"
            )
        ),
        Good(
            _server(
                "  def handle_call(:ask, {pid, _ref}, s) do\n"
                "    send(pid, s)\n    {:noreply, s}\n  end\n"
            )
        ),
        Good(_module("    receive do\n      {:ask, who} -> send(who, {pid, job})\n    end\n")),
        Good(_module("    # send(pid, job)\n    {pid.send, job}\n")),
        Good(_module("    send(pid, job)\n", "  import Kernel, except: [send: 2]\n")),
        Good("defmodule M do\n  defmacro f(x), do: quote(do: send(unquote(x), 1))\nend\n"),
        Good(_module("    send(pid, job)\n"), path="test/client_test.exs"),
        Good(_module("    GenServer.cast(pid, job)\n")),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each send that is neither to oneself nor an answer."""
        calls = file.production_calls(*SENDS)
        root = file.root() if calls else None
        for call in calls:
            severity = _severity(file, root, call) if root is not None else None
            if severity is not None:
                yield self.at(
                    file,
                    (call.start, call.end),
                    "nobody learns that this message was lost when its receiver is dead",
                    module=call.module,
                    function=call.function,
                    severity=severity,
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the interface has to be designed."""
        return Declined(
            "whether the sender needs an answer is not in the code: give the receiver's module a"
            " function that uses GenServer.call or GenServer.cast, and call that"
        )


def _severity(file: SourceFile, root: Node, call: Call) -> Severity | None:
    """Return how grave the send is, `None` where it is none to report."""
    if not call.arguments:
        return "info"
    receiver = at(root, call.arguments[0])
    text = code(receiver)
    if text in ("self()", "self") or is_to_name(file, call) or _is_own_or_answered(receiver):
        return None
    if "self()" in file.slice(call.arguments[1]):
        return "info"
    last = text.rstrip("()").rpartition(".")[2].rpartition(":")[2]
    if receiver.type == "identifier" and not ASKED_FOR.search(last):
        return "medium"
    return "info"


def _is_own_or_answered(receiver: Node) -> bool:
    """Whether the receiver is the sender, or came in a message that is being handled."""
    names = identifiers([receiver])
    if receiver.type != "identifier":
        return False
    outer: Node | None = receiver
    while outer is not None:
        if outer.type == "stab_clause" and _is_receive(outer):
            left = outer.child_by_field_name("left")
            if left is not None and names & identifiers([left]):
                return True
        if target(outer) in ("def", "defp"):
            return _is_self(outer, names) or _is_answered(outer, names)
        outer = outer.parent
    return False


def _is_receive(clause: Node) -> bool:
    call = inside(clause, "call")
    return call is not None and target(call) == "receive"


def _is_self(function: Node, names: set[str]) -> bool:
    return "= self()" in code(function) and any(
        node.type == "binary_operator"
        and code(node.child_by_field_name("operator")) == "="
        and code(node.child_by_field_name("left")) in names
        and code(node.child_by_field_name("right")) == "self()"
        for node in walk(function)
    )


def _is_answered(function: Node, names: set[str]) -> bool:
    head = arguments(function)[0]
    heads = [node for node in walk(head) if target(node).startswith("handle_")]
    given = [node for found in heads for node in arguments(found)[:2]]
    messages = given[:1] if heads and target(heads[0]) != "handle_call" else given
    return bool(names & identifiers(messages)) and span(head)[0] < span(function)[1]
