"""OTP061: code of the application that ends the whole node."""

import re
from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.command_lines import runs_by_hand
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.served import calls_in_callbacks, reached_from

TARGETS = (
    "System.halt/0",
    "System.halt/1",
    "System.stop/0",
    "System.stop/1",
    ":init.stop/0",
    ":init.stop/1",
    ":erlang.halt/0",
    ":erlang.halt/1",
    ":erlang.halt/2",
)
SAYS_SO = re.compile(r"abort|halt|shutdown|stop|quit|exit|terminate|kill|crash|die")
"""Names of functions that are called to end the node."""


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Guard do\n{head}  def init(x), do: {{:ok, x}}\n{body}end\n"


HALT = "  def handle_info(:down, _state), do: System.halt(1)\n"


class SystemHalt(Rule):
    """A function of the application ends the whole node.

    ## Why is this bad?
    Everything else that runs on the node ends too: `System.halt/1` at once, without a
    `terminate/2` or a last log line, `System.stop/1` as a shutdown. No supervisor can decide
    otherwise (https://hexdocs.pm/elixir/System.html#halt/1).

    ## Use instead
    An exit: the supervisor starts the process again, and gives up, up to the application, when
    that does not help; a `:permanent` application then ends the node in order.

    ## Fix safety
    None: whether the node must end has to be decided. In a callback of a server the severity is
    medium where the node is halted at once; elsewhere the finding is for information. Command line
    modules, releases' commands, Mix tasks and functions that say `halt` or `abort` are not
    reported.
    """

    code = "OTP061"
    name = "system-halt"
    stage = 1
    severity = "info"
    safety = "model"
    effort = "hours"
    risk = "The node goes on without the part that failed."
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    examples = (
        Bad(_server(HALT)),
        Bad(_server(HALT.replace("System", "S"), "  use GenServer\n  alias System, as: S\n")),
        Bad(_server("  def done, do: :init.stop()\n")),
        Bad(_server("  def done(code), do: code |> System.stop()\n")),
        Bad(_server("  def done(codes), do: Enum.each(codes, &System.halt/1)\n")),
        Good(_server("  def handle_info(:down, state), do: {:stop, :down, state}\n")),
        Good(_server("  def done, do: System.stop_time()\n")),
        Good(_server("  def abort!, do: System.halt(1)\n")),
        Good("defmodule MyApp.CLI do\n  def main(_), do: System.halt(1)\nend\n"),
        Good(
            "defmodule MyApp.Tool do\n  def main(_), do: done()\n"
            "  defp done, do: System.halt(1)\nend\n"
        ),
        Good("defmodule Mix.Tasks.A do\n  use Mix.Task\n  def run(_), do: System.halt(1)\nend\n"),
        Good(_server(HALT, "  use GenServer\n  alias MyApp.System\n")),
        Good(_server('  # System.halt(1)\n  def text, do: "System.halt(1)"\n')),
        Good(_server("  defmacro done, do: quote(do: System.halt(1))\n")),
        Good(_server(HALT), path="test/support/guard.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each end of the node, those of a server's callback as graver."""
        calls = [
            call
            for call in file.production_calls(*TARGETS)
            if not runs_by_hand(file, call) and not SAYS_SO.search(call.function or "")
        ]
        reached = {
            call.start: callback for call, callback in calls_in_callbacks(project, file, calls)
        }
        for call in calls:
            callback = reached.get(call.start)
            at_once = "halt" in call.target
            way = (
                "at once, without shutting anything down" if at_once else "with all that runs on it"
            )
            yield self.at(
                file,
                (call.start, call.end),
                f"the whole node ends here, {way}"
                + ("" if callback else "; look whether that is what the caller asked for"),
                module=call.module,
                function=call.function,
                severity="medium" if callback and at_once else None,
                evidence=reached_from(file, call, callback) if callback else (),
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: whether the node must end has to be decided."""
        return Declined("end the process instead, and let its supervisor decide")
