"""OTP055: the configuration of an application, changed while it runs."""

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.command_lines import runs_by_hand
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Good

TARGETS = (
    "Application.put_env/3",
    "Application.put_env/4",
    "Application.delete_env/2",
    "Application.put_all_env/1",
    ":application.set_env/3",
)
STARTING = frozenset({"Application", "Config.Provider"})


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Limits do\n{head}  def set(limit) do\n{body}  end\nend\n"


class GlobalEnvWrite(CallRule):
    """A function changes the application's configuration.

    ## Why is this bad?
    The configuration is one for the whole node: whoever reads it next sees the change, in the
    middle of its work or not, tests that run at the same time too, and it is gone with the node.
    The Elixir guide says of it that it is global state
    (https://hexdocs.pm/elixir/design-anti-patterns.html#using-application-configuration-for-libraries).

    ## Use instead
    An argument; the state of a server or an ETS table for what changes while the application runs.

    ## Fix safety
    None: who reads the value has to be found. For information: what the application's own module
    sets, a command line or a function that starts applications, is not reported.
    """

    code = "OTP055"
    name = "global-env-write"
    stage = 3
    severity = "info"
    safety = "model"
    effort = "hours"
    risk = "Readers get the value from where it is then kept."
    targets = TARGETS
    flaw = "the change is seen by the whole node at once; look who reads the value, and when"
    examples = (
        Bad(_module("    Application.put_env(:my_app, :limit, limit)\n")),
        Bad(_module("    App.put_env(:my_app, :limit, limit)\n", "  alias Application, as: App\n")),
        Bad(_module("    :my_app |> Application.delete_env(:limit)\n    limit\n")),
        Bad(_module("    :application.set_env(:my_app, :limit, limit)\n")),
        Bad(_module("    Enum.each(limit, &Application.put_all_env/1)\n")),
        Good(_module("    Application.get_env(:my_app, :limit, limit)\n")),
        Good(_module("    Application.put_env(:my_app, :a, limit)\n", "  use Application\n")),
        Good(
            "defmodule MyApp.Release do\n"
            "  def seed, do: Application.put_env(:my_app, :seed, true)\nend\n"
        ),
        Good(
            _module(
                "    Application.put_env(:my_app, :serve, false)\n"
                "    Application.ensure_all_started(:my_app)\n"
            )
        ),
        Good("defmodule Mix.Tasks.A do\n  def run(_), do: Application.put_env(:a, :b, 1)\nend\n"),
        Good(_module("    Application.put_env(:a, :b, 1)\n", "  alias MyApp.Application\n")),
        Good(
            _module('    # Application.put_env(:a, :b, 1)\n    "Application.put_env(:a, :b, 1)"\n')
        ),
        Good(_module("    quote do\n      Application.put_env(:a, :b, 1)\n    end\n")),
        Good(_module("    Application.put_env(:a, :b, limit)\n"), path="test/limits_test.exs"),
    )

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Return whether it is made while the application runs."""
        module = file.module(call.module)
        if module is None or call.place != "function":
            return False
        if STARTING & {*module.uses, *module.behaviours} or runs_by_hand(file, call):
            return False
        function = file.function(call.module, call.function)
        clauses = function.clauses if function is not None else ()
        return not any(
            b"ensure_all_started" in file.text[clause.start : clause.end] for clause in clauses
        )

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Decline: readers have to be found."""
        return Declined("pass the value as an argument, or keep it in a server or an ETS table")
