"""OTP034: a process that many modules talk to past its own functions."""

from collections.abc import Iterator, Mapping

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import (
    CALLS,
    CASTS,
    WATCHED,
    conversations,
    named_module,
    production_modules,
)
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule

AGENT = (
    "Agent.get/2",
    "Agent.get/3",
    "Agent.update/2",
    "Agent.update/3",
    "Agent.get_and_update/2",
    "Agent.get_and_update/3",
    "Agent.cast/2",
)
FEW = 2
"""How many modules have to talk to the process by themselves."""
STORE = (
    "lib/store.ex",
    "defmodule MyApp.Store do\n  use GenServer\n"
    "  def get(k), do: GenServer.call(__MODULE__, {:get, k})\n"
    "  def handle_call({:get, k}, _, s), do: {:reply, s[k], s}\nend\n",
)
COUNTER = (
    "lib/counter.ex",
    "defmodule MyApp.Counter do\n  use Agent\n"
    "  def start_link(n), do: Agent.start_link(fn -> n end, name: __MODULE__)\nend\n",
)


def _module(name: str, call: str, head: str = "") -> str:
    return f"defmodule MyApp.{name} do\n{head}  def go(x), do: {call}\nend\n"


CALL = "GenServer.call(MyApp.Store, {:get, x})"
OTHER = ("lib/other.ex", _module("Other", CALL))


class ScatteredProcessInterface(Rule):
    """Several modules send a server messages of their own making, past the server's functions.

    ## Why is this bad?
    The form of the messages is known in many places, so that none of them can be changed alone,
    and a reader has to look everywhere to see what the process is asked
    (https://hexdocs.pm/elixir/process-anti-patterns.html#scattered-process-interfaces).

    ## Use instead
    Functions in the module of the server, and calls of those.

    A process counts where at least two modules besides its own call it by name.

    ## Fix safety
    None: the functions have to be named.
    """

    code = "OTP034"
    name = "scattered-process-interface"
    stage = 4
    severity = "low"
    safety = "model"
    kinds = PRODUCTION
    needs = (*CALLS, *CASTS, *AGENT)
    effort = "hours"
    risk = "Callers name a function where they named a process."
    watches = (*WATCHED, *AGENT)
    examples = (
        Bad(_module("Client", CALL), files=(STORE, OTHER)),
        Bad(
            _module(
                "Client",
                "G.cast(Store, {:get, x})",
                "  alias MyApp.Store\n  alias GenServer, as: G\n",
            ),
            files=(STORE, OTHER),
        ),
        Bad(_module("Client", "MyApp.Store |> GenServer.call({:get, x})"), files=(STORE, OTHER)),
        Bad(
            _module("Client", "call(MyApp.Store, {:get, x})", "  import GenServer\n"),
            files=(STORE, OTHER),
        ),
        Bad(
            _module("Client", "Agent.get(MyApp.Counter, & &1) + x"),
            files=(
                COUNTER,
                ("lib/other.ex", _module("Other", "Agent.update(MyApp.Counter, &(&1 + x))")),
            ),
        ),
        Good(_module("Client", "MyApp.Store.get(x)"), files=(STORE, OTHER)),
        Good(_module("Client", CALL), files=(STORE,)),
        Good(_module("Client", CALL), files=(STORE, ("test/support/o.ex", OTHER[1]))),
        Good(_module("Client", CALL), files=(STORE, ("lib/o.ex", _module("Store.Sub", CALL)))),
        Good(
            _module("Client", '"GenServer.call(MyApp.Store, {:get, 1})" # x'), files=(STORE, OTHER)
        ),
        Good(_module("Client", "quote(do: GenServer.call(MyApp.Store, 1))"), files=(STORE, OTHER)),
        Good(_module("Client", "GenServer.call(x, {:get, x})"), files=(STORE, OTHER)),
        Good(_module("Client", CALL), files=(OTHER,)),
        Good(_module("Client", CALL), path="test/client_test.exs", files=(STORE, OTHER)),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the first call of each such process; the others are evidence."""
        for name, calls in _scattered(project).get(file.path, ()):
            modules = sorted({call.module or "" for _, call in calls})
            _, first = calls[0]
            yield self.at(
                file,
                (first.start, first.end),
                f"{', '.join(modules)} call {name} past its functions, so the form of its messages"
                " is known in each of them",
                module=first.module,
                function=first.function,
                evidence=[
                    Evidence.at(
                        other,
                        call.start,
                        f"{call.module} talks to {name} by itself",
                    )
                    for other, call in calls[1:]
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the functions of the server have to be named."""
        return Declined("give the server's module a function for each message and call that")


Scattered = tuple[str, list[tuple[SourceFile, Call]]]


@once
def _scattered(project: Project) -> Mapping[str, list[Scattered]]:
    """Return the processes and the calls past their modules, by the file of the first call."""
    calls: dict[str, list[tuple[SourceFile, Call]]] = {}
    for sent in conversations(project).sent:
        if sent.to and sent.manner != "info" and not sent.itself:
            calls.setdefault(sent.to, []).append((sent.file, sent.call))
    for file in project.files.values():
        for call in file.production_calls(*AGENT):
            name = (
                named_module(file, file.slice(call.arguments[0]), call.start)
                if call.arguments
                else ""
            )
            known = production_modules(project).get(name)
            if known is not None and "Agent" in project.behaviours(known[1]):
                calls.setdefault(name, []).append((file, call))
    found: dict[str, list[Scattered]] = {}
    for name, each in calls.items():
        foreign = [(file, call) for file, call in each if not _is_own(call.module, name)]
        if len({call.module for _, call in foreign}) >= FEW:
            foreign.sort(key=lambda one: (one[0].path, one[1].start))
            found.setdefault(foreign[0][0].path, []).append((name, foreign))
    return found


def _is_own(module: str | None, name: str) -> bool:
    """Whether a module is the server's own, above or below it."""
    return module is None or f"{module}.".startswith(f"{name}.") or name.startswith(f"{module}.")
