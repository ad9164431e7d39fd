"""OTP003: a bare process where the supervisor cannot be had."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import Call, Clause, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule

SUPERVISED = tuple(
    f"Task.Supervisor.{name}/{arity}"
    for name in ("start_child", "async", "async_nolink")
    for arity in (2, 3)
)
BARE = (
    "Kernel.spawn/1",
    "Kernel.spawn_link/1",
    ":erlang.spawn/1",
    "Process.spawn/2",
    "Task.start/1",
    "Task.start_link/1",
    "Task.async/1",
)


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Jobs do\n{head}  def start(fun) do\n{body}  end\nend\n"


NIL = """\
    case Process.whereis(MyApp.Tasks) do
      nil -> spawn(fun)
      _pid -> Task.Supervisor.start_child(MyApp.Tasks, fun)
    end
"""
FAILED = """\
    with {:error, _} <- Task.Supervisor.start_child(MyApp.Tasks, fun) do
      Task.start(fun)
    end
"""


class SpawnFallback(Rule):
    """The same function is run under a supervisor or, where that fails, by a bare process.

    ## Why is this bad?
    The supervisor is missing when something is wrong, and just then the work runs where nobody
    sees it crash. The caller cannot tell which of both it got.

    ## Use instead
    The supervised start alone: it exits, or returns `{:error, reason}`, and the caller learns that
    the application is not up (https://hexdocs.pm/elixir/Task.Supervisor.html#start_child/3).

    ## Fix safety
    None: callers learn of failures that they did not see. The bare start itself is reported by the
    rules about `spawn` and `Task`; this one marks the supervised start that it stands in for.
    """

    code = "OTP003"
    name = "spawn-fallback"
    stage = 1
    severity = "medium"
    safety = "model"
    effort = "minutes"
    risk = "Callers see the error where the work ran without a supervisor."
    reach = "file"
    kinds = PRODUCTION
    needs = SUPERVISED
    examples = (
        Bad(_module(NIL)),
        Bad(_module(FAILED)),
        Bad(
            _module(
                NIL.replace("(fun)", "(fn -> run(fun) end)").replace(
                    "s, fun", "s, fn -> run(fun) end"
                )
            )
        ),
        Bad(
            _module(
                "    S.async_nolink(MyApp.Tasks, fun)\n  rescue\n    _ -> fun |> Task.async()\n",
                "  alias Task.Supervisor, as: S\n",
            )
        ),
        Good(_module(NIL.replace("spawn(fun)", 'raise("no supervisor")'))),
        Good(_module(NIL.replace("spawn(fun)", "spawn(fn -> warn() end)"))),
        Good(_module(NIL.replace("spawn(fun)", "fun.()"))),
        Good(
            _module(
                "    Task.Supervisor.start_child(MyApp.Tasks, fun)\n  end\n\n"
                "  def bare(fun) do\n    spawn(fun)\n"
            )
        ),
        Good(_module(NIL, "  import Kernel, except: [spawn: 1]\n")),
        Good(_module("    # spawn(fun)\n    Task.Supervisor.start_child(MyApp.Tasks, fun)\n")),
        Good(_module("    quote do\n" + NIL + "    end\n")),
        Good(_module(NIL), path="test/support/jobs.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the supervised start; the bare ones are evidence."""
        supervised = [call for call in file.production_calls(*SUPERVISED) if call.arguments]
        bare = file.production_calls(*BARE) if supervised else []
        for call in supervised:
            clause = _clause(file, call)
            run = file.slice(call.arguments[1])
            instead = [
                other
                for other in bare
                if clause is not None and clause.start <= other.start < clause.end
                if other.arguments and file.slice(other.arguments[0]) == run
            ]
            if instead:
                yield self.at(
                    file,
                    (call.start, call.end),
                    "where this supervised start cannot be had, a bare process runs the same"
                    " function, and the caller cannot tell",
                    module=call.module,
                    function=call.function,
                    evidence=[
                        Evidence.at(
                            file,
                            other.start,
                            "the bare process is started here",
                        )
                        for other in instead
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: callers have to be told."""
        return Declined("take the bare start away, and tell the caller that there is no supervisor")


def _clause(file: SourceFile, call: Call) -> Clause | None:
    """Return the clause that a call stands in."""
    function = file.function(call.module, call.function)
    clauses = function.clauses if function is not None else ()
    return next((one for one in clauses if one.start <= call.start < one.end), None)
