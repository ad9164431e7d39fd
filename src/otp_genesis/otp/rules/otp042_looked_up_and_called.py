"""OTP042: a process that is looked up, and called when it may be gone."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import clause_node, identifiers
from otp_genesis.otp.derived import derived
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import is_caught
from otp_genesis.otp.syntax import at

LOOKUPS = ("Process.whereis/1", "GenServer.whereis/1", ":erlang.whereis/1", "Registry.lookup/2")
EXITING = (
    "GenServer.call/2",
    "GenServer.call/3",
    ":gen_server.call/2",
    ":gen_server.call/3",
    "GenServer.stop/1",
    "GenServer.stop/2",
    "GenServer.stop/3",
)


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Client do\n{head}  def ask(id) do\n{body}  end\nend\n"


CASE = (
    "    case Process.whereis(MyApp.Server) do\n      nil -> {:error, :down}\n"
    "      pid -> GenServer.call(pid, id)\n    end\n"
)
LOOKUP = (
    "    with [{pid, _}] <- Registry.lookup(MyApp.Registry, id) do\n"
    "      GenServer.call(pid, :get)\n    end\n"
)


class LookedUpAndCalled(Rule):
    """A process is looked up by its name and then called by its pid, with nobody to catch the exit.

    ## Why is this bad?
    The process may end, or be restarted under another pid, between the two: the call exits with
    `:noproc`, although the code has a branch for the process not being there
    (https://hexdocs.pm/elixir/GenServer.html#call/3, "exits").

    ## Use instead
    `GenServer.call/3` with the name itself (`MyApp.Server`, `{:via, Registry, {registry, key}}`),
    and `catch :exit, {:noproc, _}` where the caller can go on without.

    ## Fix safety
    None: whether the caller goes on or fails with the server has to be decided.
    """

    code = "OTP042"
    name = "looked-up-and-called"
    stage = 4
    severity = "low"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = LOOKUPS
    effort = "minutes"
    risk = "A call that used to exit now takes the branch for a process that is not there."
    examples = (
        Bad(_module(CASE)),
        Bad(_module(LOOKUP)),
        Bad(
            _module(
                "    pid = P.whereis(:server)\n    pid && GenServer.call(pid, id, 100)\n",
                "  alias Process, as: P\n",
            )
        ),
        Bad(
            _module(
                "    if pid = GenServer.whereis(id) do\n      pid |> GenServer.stop()\n    end\n"
            )
        ),
        Bad(
            _module(
                "    case :erlang.whereis(:a) do\n      :undefined -> nil\n"
                "      pid -> :gen_server.call(pid, id)\n    end\n"
            )
        ),
        Good(_module("    GenServer.call({:via, Registry, {MyApp.Registry, id}}, :get)\n")),
        Good(_module(CASE.replace("GenServer.call(pid, id)", "GenServer.cast(pid, id)"))),
        Good(_module(CASE.replace("GenServer.call(pid, id)", "GenServer.call(id, pid)"))),
        Good(_module(CASE + "  catch\n    :exit, _ -> {:error, :down}\n")),
        Good(_module("    try do\n  " + LOOKUP + "    catch\n      :exit, _ -> nil\n    end\n")),
        Good(_module("    pid = Process.whereis(:a)\n    GenServer.call(id, :get)\n    pid\n")),
        Good(_module("    # case Process.whereis(:a)\n    GenServer.call(id, :get)\n")),
        Good(_module(CASE, "  alias MyApp.Process\n")),
        Good(_module(CASE), path="test/client_test.exs"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the call; the lookup is evidence."""
        lookups = file.production_calls(*LOOKUPS)
        calls = file.production_calls(*EXITING) if lookups else []
        for call in calls:
            lookup = _lookup(file, call, lookups)
            if lookup is None or is_caught(at(file.root(), (call.start, call.end))):
                continue
            yield self.at(
                file,
                (call.start, call.end),
                "the process may have ended since it was looked up; this call exits then",
                module=call.module,
                function=call.function,
                evidence=[
                    Evidence.at(
                        file,
                        lookup.start,
                        "it is looked up here",
                    )
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: what the caller does without has to be decided."""
        return Declined(
            "call the server by its name, and decide what the caller does when it is not there:"
            " let it exit, or catch :exit, {:noproc, _}"
        )


def _lookup(file: SourceFile, call: Call, lookups: list[Call]) -> Call | None:
    """Return the lookup in the same clause that gave the process that is called."""
    function = file.function(call.module, call.function)
    for clause in function.clauses if function is not None else ():
        if not clause.start <= call.start < clause.end or not call.arguments:
            continue
        named = identifiers([at(file.root(), call.arguments[0])])
        node = clause_node(file.root(), clause)
        for lookup in lookups:
            if clause.start <= lookup.start < call.end and named & derived(node, lookup):
                return lookup
    return None
