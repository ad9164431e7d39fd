"""OTP043: asking whether a process lives, and then calling it."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import is_caught
from otp_genesis.otp.syntax import arguments, at, body, code, span, target

TARGETS = ("Process.alive?/1", ":erlang.is_process_alive/1")
EXITING = (
    "GenServer.call/2",
    "GenServer.call/3",
    ":gen_server.call/2",
    ":gen_server.call/3",
    "GenServer.stop/1",
    "GenServer.stop/2",
    "GenServer.stop/3",
    "Agent.update/2",
    "Agent.update/3",
    "Agent.get_and_update/2",
    "Agent.get_and_update/3",
)
"""Calls that exit when the process is not there."""


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Client do\n{head}  def ask(pid) do\n{body}  end\nend\n"


ASK = "    if Process.alive?(pid) do\n      GenServer.call(pid, :get)\n    end\n"


class AliveCheck(Rule):
    """`Process.alive?/1` guards a call of the same process.

    ## Why is this bad?
    The process may end between the question and the call: the call exits all the same, only more
    rarely, so that no test shows it. For a process of another node `Process.alive?/1` raises
    (https://hexdocs.pm/elixir/Process.html#alive?/1).

    ## Use instead
    The call alone, with `catch :exit, _` where the caller can go on without an answer; a monitor
    where the end of the process matters.

    ## Fix safety
    None: what the caller does when the process has gone has to be decided. A guarded `send` or
    `GenServer.cast` is not reported: neither fails, with the question or without.
    """

    code = "OTP043"
    name = "alive-check"
    stage = 4
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    effort = "minutes"
    risk = "The exit of a call that fails is caught in one place."
    examples = (
        Bad(_module(ASK)),
        Bad(_module("    if P.alive?(pid), do: GenServer.stop(pid)\n", "  alias Process, as: P\n")),
        Bad(
            _module(
                "    if is_pid(pid) and Process.alive?(pid) do\n"
                "      pid |> GenServer.call(:get)\n    else\n      nil\n    end\n"
            )
        ),
        Bad(_module("    Process.alive?(pid) && GenServer.call(pid, :get)\n")),
        Bad(
            _module(
                "    unless :erlang.is_process_alive(pid) do\n      :gone\n    else\n"
                "      GenServer.call(pid, :get)\n    end\n"
            )
        ),
        Bad(
            _module(
                "    case Process.alive?(pid) do\n      true -> Agent.update(pid, & &1)\n"
                "      false -> :gone\n    end\n"
            )
        ),
        Bad(
            _module(
                "    cond do\n      Process.alive?(pid) -> GenServer.call(pid, 1)\n"
                "      true -> :gone\n    end\n"
            )
        ),
        Good(_module(ASK.replace("GenServer.call", "GenServer.cast"))),
        Good(_module(ASK.replace("GenServer.call", "send"))),
        Good(_module("    try do\n  " + ASK + "    catch\n      :exit, _ -> :gone\n    end\n")),
        Good(_module(ASK + "  catch\n    :exit, _ -> :gone\n")),
        Good(_module(ASK.replace("call(pid", "call(other"))),
        Good(_module("    GenServer.call(pid, {:alive, Process.alive?(pid)})\n")),
        Good(
            _module(
                "    if Process.alive?(pid) do\n      :ok\n    else\n"
                "      GenServer.call(pid, :get)\n    end\n"
            )
        ),
        Good(_module(ASK.replace("if Process", "# if Process").replace("    end\n", ""))),
        Good(_module(ASK, "  alias MyApp.Process\n")),
        Good(_module(ASK), path="test/client_test.exs"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the question; the call is evidence."""
        questions = file.production_calls(*TARGETS)
        calls = file.production_calls(*EXITING) if questions else []
        for question in questions if calls else ():
            use = _guarded(file, question, calls)
            if use is not None:
                yield self.at(
                    file,
                    (question.start, question.end),
                    "the process may end after this: the call exits then all the same",
                    module=question.module,
                    function=question.function,
                    evidence=[
                        Evidence.at(
                            file,
                            use.name[0],
                            "this call is not caught when it exits",
                        )
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: what happens without an answer has to be decided."""
        return Declined(
            "decide what the caller does when the process has gone: make the call without asking,"
            " and catch its exit there"
        )


def _guarded(file: SourceFile, question: Call, calls: list[Call]) -> Call | None:
    """Return the call of the process that is made only where `question` is true."""
    if not question.arguments:
        return None
    root = file.root()
    node = at(root, (question.start, question.end))
    process = file.slice(question.arguments[0])
    for branch in _branches(node):
        start, end = span(branch)
        for call in calls:
            inside = start <= call.start and call.end <= end
            same = call.arguments and file.slice(call.arguments[0]) == process
            if inside and same and not is_caught(at(root, (call.start, call.end))):
                return call
    return None


def _branches(question: Node) -> Iterator[Node]:
    """Yield the code that runs only where `question` is true."""
    node = question
    while (outer := node.parent) is not None:
        operator = code(outer.child_by_field_name("operator"))
        if outer.type == "binary_operator" and operator in ("and", "&&"):
            right = outer.child_by_field_name("right")
            if right is not None and right != node:
                yield right
        elif outer.type == "stab_clause" and outer.child_by_field_name("left") == node:
            yield from [found for found in [outer.child_by_field_name("right")] if found]
            return
        elif outer.type == "call":
            yield from _of_call(outer, node)
            return
        elif outer.type != "arguments" and outer.type != "block":
            return
        node = outer


def _of_call(call: Node, given: Node) -> Iterator[Node]:
    if given.type != "arguments" or not arguments(call):
        return
    name = target(call)
    if name == "if":
        yield from body(call)
    elif name == "unless":
        yield from _blocks(call, "else_block")
    elif name == "case":
        for clause in body(call):
            if code(clause.child_by_field_name("left")) == "true":
                yield clause


def _blocks(call: Node, kind: str) -> Iterator[Node]:
    for block in call.named_children:
        yield from (found for found in block.named_children if found.type == kind)
