"""OTP016: a server that sleeps while its callers wait."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.sleeping import SLEEPS, sleeps_in_callbacks


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


CAST = "  def handle_cast(:go, state) do\n{}    {{:noreply, state}}\n  end\n"


class SleepInCallback(Rule):
    """A server sleeps in a callback.

    ## Why is this bad?
    A server handles one message after the other. While it sleeps nobody is answered, calls run
    into their timeouts, and system messages and shutdown wait too
    (https://hexdocs.pm/elixir/GenServer.html, "When (not) to use a GenServer"; `Process.sleep/1`
    itself advises against using it for waiting).

    ## Use instead
    `Process.send_after/3` to oneself and a `handle_info/2` clause that goes on.

    ## Fix safety
    None: the rest of the callback has to become a message of its own, and what may happen in
    between has to be decided.

    High where a call waits for the answer. Where the server was told something, or begins, a
    pause may be meant, as between two attempts: medium, to be judged.
    """

    code = "OTP016"
    name = "sleep-in-callback"
    stage = 1
    severity = "high"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = SLEEPS
    effort = "hours"
    risk = "Other messages are handled while the server used to sleep."
    examples = (
        Bad(_server(CAST.format("    Process.sleep(100)\n"))),
        Bad(_server(CAST.format("    :timer.sleep(100)\n"))),
        Bad(
            _server(
                CAST.format("    100 |> P.sleep()\n"), "  use GenServer\n  alias Process, as: P\n"
            )
        ),
        Bad(
            _server(
                CAST.format("    again(state)\n") + "\n  defp again(_), do: Process.sleep(10)\n"
            )
        ),
        Bad(
            _server("  def init(_) do\n    Enum.each([1], &:timer.sleep/1)\n    {:ok, 1}\n  end\n")
        ),
        Good(_server(CAST.format("    Process.send_after(self(), :more, 100)\n"))),
        Good(_server(CAST.format("    Task.start_link(fn -> Process.sleep(100) end)\n"))),
        Good(_server("  def wait(_), do: Process.sleep(100)\n")),
        Good(_server(CAST.format("    Process.sleep(1)\n"), "  # use GenServer\n")),
        Good(
            _server(CAST.format("    Process.sleep(1)\n"), "  use GenServer\n  alias My.Process\n")
        ),
        Good(_server(CAST.format("    Process.sleep(1)\n")), path="test/support/server.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each sleep, with the callback that reaches it."""
        for call, callback in sleeps_in_callbacks(project, file):
            function = file.function(call.module, callback)
            clause = function.clauses[0].start if function is not None else call.start
            yield self.at(
                file,
                (call.start, call.end),
                f"while {callback} sleeps, {call.module} answers nobody",
                module=call.module,
                function=call.function,
                severity="high" if callback == "handle_call/3" else "medium",
                evidence=[
                    Evidence.at(
                        file,
                        clause,
                        f"{callback} reaches this",
                    )
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the callback has to be cut in two."""
        return Declined(
            "decide what may happen while the server waits: send the rest to oneself with"
            " Process.send_after/3 and go on in handle_info/2"
        )
