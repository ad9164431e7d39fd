"""OTP045: a monitor that is taken back while its `:DOWN` may be on the way."""

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.callbacks import identifiers, mentions_atom
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Good
from otp_genesis.otp.syntax import arguments, at, target

TARGETS = ("Process.demonitor/1", ":erlang.demonitor/1")


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


FORGET = "  def handle_cast(:forget, ref) do\n    {}\n    {{:noreply, nil}}\n  end\n"


class DemonitorWithoutFlush(CallRule):
    """A monitor is taken back without `:flush`.

    ## Why is this bad?
    The process may have ended just before: its `:DOWN` message then stays in the mailbox, and is
    read later by code that has forgotten the reference
    (https://hexdocs.pm/elixir/Process.html#demonitor/2).

    ## Use instead
    `Process.demonitor(ref, [:flush])`, which takes that message out as well.

    ## Fix safety
    Safe: only the message of this reference is taken out. Where the `:DOWN` message is being
    handled that the reference came with, nothing is left to flush and nothing is reported.
    """

    code = "OTP045"
    name = "demonitor-without-flush"
    stage = 1
    severity = "low"
    safety = "safe"
    effort = "minutes"
    risk = "None: a message that nobody expects is no longer delivered."
    targets = TARGETS
    flaw = "the :DOWN message may be in the mailbox already, and stays there"
    examples = (
        Bad(
            _server(FORGET.format("Process.demonitor(ref)")),
            fixed=_server(FORGET.format("Process.demonitor(ref, [:flush])")),
        ),
        Bad(
            _server(FORGET.format("ref |> Process.demonitor()")),
            fixed=_server(FORGET.format("ref |> Process.demonitor([:flush])")),
        ),
        Bad(
            _server(FORGET.format("P.demonitor ref"), "  use GenServer\n  alias Process, as: P\n"),
            fixed=_server(
                FORGET.format("P.demonitor ref, [:flush]"),
                "  use GenServer\n  alias Process, as: P\n",
            ),
        ),
        Bad(
            _server(FORGET.format(":erlang.demonitor(ref)")),
            fixed=_server(FORGET.format(":erlang.demonitor(ref, [:flush])")),
        ),
        Bad(
            _server(FORGET.format("if ref, do: Process.demonitor(ref.monitor)")),
            fixed=_server(FORGET.format("if ref, do: Process.demonitor(ref.monitor, [:flush])")),
        ),
        Bad(_server(FORGET.format("Enum.each(ref, &Process.demonitor/1)"))),
        Good(_server(FORGET.format("Process.demonitor(ref, [:flush])"))),
        Good(_server(FORGET.format("Process.demonitor(ref, [:info])"))),
        Good(
            _server(
                "  def handle_info({:DOWN, ref, _, _, _}, s) do\n    Process.demonitor(ref)\n"
                "    {:noreply, s}\n  end\n"
            )
        ),
        Good(_server("  def handle_info({:DOWN, _, _, _, _}, s), do: {:noreply, s}\n")),
        Good(_server(FORGET.format("# Process.demonitor(ref)"))),
        Good(_server(FORGET.format('_ = "Process.demonitor(ref)"'))),
        Good(_server(FORGET.format("Process.demonitor(ref)"), "  alias MyApp.Process\n")),
        Good(_server(FORGET.format("Process.demonitor(ref)")), path="test/support/server.ex"),
    )

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Only a reference that did not come with its `:DOWN`."""
        if not call.arguments:
            return True
        root = file.root()
        given = identifiers([at(root, call.arguments[0])])
        outer = at(root, (call.start, call.end)).parent
        while outer is not None:
            left = outer.child_by_field_name("left") if outer.type == "stab_clause" else None
            head = arguments(outer)[:1] if target(outer) in ("def", "defp") else []
            for pattern in [*head, *([left] if left is not None else [])]:
                if mentions_atom(pattern, ":DOWN") and identifiers([pattern]) & given:
                    return False
            outer = outer.parent
        return True

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Flush as well."""
        if not call.arguments:
            return Declined("a captured function is given one argument; write the call there")
        if call.form == "piped":
            bare = file.text[call.end - 1 : call.end] != b")"
            edit = Edit(
                start=call.end if bare else call.end - 1,
                end=call.end if bare else call.end - 1,
                text="([:flush])" if bare else "[:flush]",
            )
        else:
            end = call.arguments[0][1]
            edit = Edit(start=end, end=end, text=", [:flush]")
        return ChangeSet(files=(file.change(edit),))
