"""OTP009: `GenServer.call` with `:infinity`."""

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Good

TARGETS = ("GenServer.call/3", ":gen_server.call/3")
LIMIT_MS = "30_000"


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Client do\n{head}  def ask(server) do\n{body}  end\nend\n"


class CallWithInfiniteTimeout(CallRule):
    """A server is called with `:infinity`.

    ## Why is this bad?
    The caller waits as long as the server is busy or stuck; callers pile up behind it and a jam
    spreads through the system instead of failing where it began. `GenServer.call/3` limits the
    wait to five seconds by default (https://hexdocs.pm/elixir/GenServer.html#call/3).

    ## Use instead
    A limit in milliseconds that the slowest good answer keeps.

    ## Fix safety
    Unsafe: 30 seconds is a guess; a slower answer then exits the caller. Where the work has no
    bound, as a build's or a download's, waiting for it may be what is wanted: medium, to be judged.
    """

    code = "OTP009"
    name = "call-with-infinite-timeout"
    stage = 1
    severity = "medium"
    safety = "unsafe"
    effort = "minutes"
    risk = "A call that takes longer than 30 seconds exits the caller."
    targets = TARGETS
    flaw = "a server that is stuck holds this caller for ever"
    examples = (
        Bad(
            _module("    GenServer.call(server, :get, :infinity)\n"),
            fixed=_module("    GenServer.call(server, :get, 30_000)\n"),
        ),
        Bad(
            _module("    server |> GenServer.call(:get, :infinity)\n"),
            fixed=_module("    server |> GenServer.call(:get, 30_000)\n"),
        ),
        Bad(
            _module("    :gen_server.call(server, :get, :infinity)\n"),
            fixed=_module("    :gen_server.call(server, :get, 30_000)\n"),
        ),
        Bad(
            _module("    S.call server, :get, :infinity\n", "  alias GenServer, as: S\n"),
            fixed=_module("    S.call server, :get, 30_000\n", "  alias GenServer, as: S\n"),
        ),
        Bad(
            _module("    call(server, :get, :infinity)\n", "  import GenServer, only: [call: 3]\n"),
            fixed=_module(
                "    call(server, :get, 30_000)\n", "  import GenServer, only: [call: 3]\n"
            ),
        ),
        Good(_module("    GenServer.call(server, :get, 60_000)\n")),
        Good(_module("    GenServer.call(server, {:wait, :infinity})\n")),
        Good(_module("    # GenServer.call(server, :get, :infinity)\n    server\n")),
        Good(_module("    GenServer.call(server, :a, :infinity)\n", "  alias MyApp.GenServer\n")),
        Good(_module('    "GenServer.call(server, :get, :infinity)"\n')),
        Good(_module("    GenServer.call(server, :a, :infinity)\n"), path="test/client_test.exs"),
    )

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Only a call that waits for ever."""
        return bool(call.arguments and file.slice(call.arguments[2]) == ":infinity")

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Put a limit."""
        start, end = call.arguments[2]
        return ChangeSet(files=(file.change(Edit(start=start, end=end, text=LIMIT_MS)),))
