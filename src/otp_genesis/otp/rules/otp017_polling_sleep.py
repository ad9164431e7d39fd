"""OTP017: waiting by sleeping."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import local_calls
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.sleeping import SLEEPS, other_sleeps


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Wait do\n{head}  def until(ready) do\n{body}  end\nend\n"


class PollingSleep(Rule):
    """Code waits by sleeping.

    ## Why is this bad?
    A sleep is too long when all is well and too short under load. The documentation of
    `Process.sleep/1` says to use it with extreme care and to wait for a message instead
    (https://hexdocs.pm/elixir/Process.html#sleep/1).

    ## Use instead
    A monitor, a reply or a PubSub message that says when it is time; a timer in a server for what
    recurs; a retry with a limit where another system is asked.

    ## Fix safety
    None: who can tell that it is time has to be found first. A sleep in a function that calls
    itself is a poll and of medium severity; another one may be a backoff and is for information.
    """

    code = "OTP017"
    name = "polling-sleep"
    stage = 4
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = SLEEPS
    effort = "hours"
    risk = "The code goes on as soon as it is told, and not before."
    examples = (
        Bad(
            _module(
                "    unless ready.() do\n      Process.sleep(50)\n      until(ready)\n    end\n"
            )
        ),
        Bad(_module("    :timer.sleep(50)\n    ready.()\n")),
        Bad(_module("    50 |> P.sleep()\n    ready.()\n", "  alias Process, as: P\n")),
        Bad(_module("    sleep(50)\n    ready.()\n", "  import Process\n")),
        Good(_module("    Process.sleep(:infinity)\n    ready.()\n")),
        Good(_module("    Process.sleep(5)\n    ready.()\n", "  alias MyApp.Process\n")),
        Good(_module("    # Process.sleep(5)\n    ready.sleep\n")),
        Good(_module("    Process.sleep(5)\n    ready.()\n"), path="test/support/wait.ex"),
        Good("defmodule M do\n  defmacro f(x), do: quote(do: Process.sleep(unquote(x)))\nend\n"),
        Good("defmodule Mix.Tasks.A do\n  use Mix.Task\n  def run(_), do: Process.sleep(5)\nend\n"),
        Good("defmodule A do\n  def wait(nap \\\\ &Process.sleep/1), do: nap.(5)\nend\n"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each sleep that is in no callback."""
        for call in other_sleeps(project, file):
            polls = _polls(file, call)
            yield self.at(
                file,
                (call.start, call.end),
                "this polls: it sleeps and calls itself again" if polls else "waits by sleeping",
                module=call.module,
                function=call.function,
                severity="medium" if polls else "info",
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: somebody has to say when it is time."""
        return Declined("decide what tells this code that it is time, and wait for that message")


def _polls(file: SourceFile, call: Call) -> bool:
    module = file.module(call.module)
    if module is None or call.function is None:
        return False
    return call.function in local_calls(file, module).get(call.function, ())
