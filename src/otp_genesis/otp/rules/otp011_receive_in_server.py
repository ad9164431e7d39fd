"""OTP011: a server that reads its own mailbox."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import mentions_atom
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.receiving import receives
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule, Severity
from otp_genesis.otp.served import calls_in_callbacks, reached_from
from otp_genesis.otp.syntax import arguments, at, child, code, keyword, statements, target


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


CALL = (
    "  def handle_call(:ask, _from, pid) do\n    send(pid, :ask)\n"
    "{}    {{:reply, :ok, pid}}\n  end\n"
)
WAIT = "    receive do\n      {:answer, _} -> :ok\n    after\n      1_000 -> :error\n    end\n"
FLUSH = "    receive do\n      :tick -> :ok\n    after\n      0 -> :ok\n    end\n"


class ReceiveInServer(Rule):
    """A server waits for a message in a callback, with a `receive` of its own.

    ## Why is this bad?
    A server's messages are read by its loop: while a callback waits, nobody is answered, system
    messages and shutdown wait too, and a clause that matches more than its author thought takes a
    call or a cast out of the mailbox
    (https://hexdocs.pm/elixir/GenServer.html#module-receiving-regular-messages).

    ## Use instead
    Return from the callback and take the message in `handle_info/2`; reply to a call later with
    `GenServer.reply/2`.

    ## Fix safety
    None: the rest of the callback becomes a message of its own, and what may happen in between
    has to be decided. A `receive` with `after 0`, which only looks, is not reported, nor is one
    in `init/1` that has a limit: there the server serves nobody yet. Neither is one whose message
    is known to be there, as that of a timer that `Process.cancel_timer/1` came too late for, or
    tells the end of a process, as a supervisor waits for it. High is one without any limit; one
    that gives up after a while or with the process it waits for, and one in `handle_continue/2`,
    where a server often makes itself ready, are medium.
    """

    code = "OTP011"
    name = "receive-in-server"
    stage = 1
    severity = "high"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = ("Kernel.receive/1",)
    effort = "hours"
    risk = "Other messages are handled while the server used to wait."
    examples = (
        Bad(_server(CALL.format(WAIT))),
        Bad(_server(CALL.format("    receive do\n      {:answer, _} -> :ok\n    end\n"))),
        Bad(_server(CALL.format("    wait()\n") + "\n  defp wait do\n" + WAIT + "  end\n")),
        Bad(_server("  def init(_) do\n    receive do\n      :go -> {:ok, 1}\n    end\n  end\n")),
        Bad(_server(CALL.format(WAIT), "  @behaviour :gen_server\n")),
        Bad(_server(CALL.format("    Enum.each([1], fn _ ->\n  " + WAIT + "    end)\n"))),
        Good(_server(CALL.format(FLUSH))),
        Good(
            _server(
                CALL.format(
                    "    if Process.cancel_timer(pid.timer) == false do\n      receive do\n"
                    "        :tick -> :ok\n      end\n    end\n"
                )
            )
        ),
        Good(
            _server(
                CALL.format("    start()\n") + "\n  defp start do\n    DynamicSupervisor"
                ".start_child(S, {Task, fn -> wait() end})\n  end\n\n  defp wait do\n"
                + WAIT
                + "  end\n"
            )
        ),
        Good(
            _server(CALL.format("    receive do\n      {:DOWN, _, _, ^pid, _} -> :ok\n    end\n"))
        ),
        Good(_server("  def init(_) do\n" + WAIT + "    {:ok, 1}\n  end\n")),
        Good(_server("  def ask(pid) do\n    send(pid, :ask)\n" + WAIT + "  end\n")),
        Good(_server(CALL.format("    Task.start(fn ->\n  " + WAIT + "    end)\n"))),
        Good(
            _server(
                CALL.format("    Task.start(&wait/0)\n") + "\n  defp wait do\n" + WAIT + "  end\n"
            )
        ),
        Good(_server(CALL.format('    # receive do\n    _ = "receive do"\n'))),
        Good(_server(CALL.format(WAIT), "  # use GenServer\n")),
        Good(_server(CALL.format(WAIT)), path="test/support/server.ex"),
        Good(_server("  def handle_info({:answer, _}, s), do: {:noreply, s}\n")),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each `receive` that a callback reaches and that waits."""
        calls = [call for call, node in receives(file) if _waits(node)]
        for call, callback in calls_in_callbacks(project, file, calls):
            if callback == "init/1" and _limit(at(file.root(), (call.start, call.end))):
                continue
            waiting = at(file.root(), (call.start, call.end))
            yield self.at(
                file,
                (call.start, call.start + len("receive")),
                f"while {callback} waits here, {call.module} answers nobody",
                module=call.module,
                function=call.function,
                evidence=reached_from(file, call, callback),
                severity=_severity(waiting, callback),
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the callback has to be cut in two."""
        return Declined(
            "decide what may happen while the server waits: return from the callback, take the"
            " message in handle_info/2 and reply with GenServer.reply/2"
        )


def _severity(receive: Node, callback: str) -> Severity:
    """Rank by whether the server waits for ever for what may never come."""
    ends = any(mentions_atom(receive, atom) for atom in (":DOWN", ":EXIT"))
    return "medium" if _limit(receive) or ends or callback == "handle_continue/2" else "high"


def _waits(node: Node) -> bool:
    """Whether a `receive` waits for something that may not come."""
    return _limit(node) != "0" and not _is_there(node) and not _awaits_end(node)


def _awaits_end(receive: Node) -> bool:
    """Whether each clause takes the end of a process, or the limit of waiting for it."""
    block = child(receive, "do_block")
    heads = [node.child_by_field_name("left") for node in statements(block)] if block else []
    return bool(heads) and all(
        head is not None
        and any(mentions_atom(head, atom) for atom in (":DOWN", ":EXIT", ":timeout"))
        for head in heads
    )


def _is_there(receive: Node) -> bool:
    """Whether the message has come: another one told so, or a timer that could not be stopped."""
    outer = receive.parent
    while outer is not None and target(outer) not in ("def", "defp"):
        condition = arguments(outer)[:1] if target(outer) in ("if", "unless", "case") else []
        stopped = condition and "cancel_timer" in code(condition[0])
        if stopped or target(outer) == "receive":
            return True
        outer = outer.parent
    return False


def _limit(receive: Node) -> str:
    """Return the time after which a `receive` goes on, as written; empty where it does not."""
    after = child(child(receive, "do_block"), "after_block")
    clause = child(after, "stab_clause")
    if clause is not None:
        return code(clause.child_by_field_name("left"))
    given = arguments(receive)
    return code(keyword(given[-1], "after")) if given else ""
