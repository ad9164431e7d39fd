"""OTP028: a callback that falls with a server of another branch of the supervision tree."""

from collections.abc import Iterator, Mapping

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import WATCHED, conversations
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import is_caught
from otp_genesis.otp.sync_calls import asked
from otp_genesis.otp.syntax import at
from otp_genesis.otp.tree import Node
from otp_genesis.otp.tree_reading import supervision_tree

MIX = (
    "mix.exs",
    "defmodule MyApp.MixProject do\n  use Mix.Project\n"
    "  def application, do: [mod: {MyApp, []}]\nend\n",
)
STORE = (
    "lib/store.ex",
    "defmodule MyApp.Store do\n  use GenServer\n"
    "  def start_link(_), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)\n"
    "  def get(key), do: GenServer.call(__MODULE__, {:get, key})\n"
    "  def init(x), do: {:ok, x}\n"
    "  def handle_call({:get, key}, _, s), do: {:reply, s[key], s}\nend\n",
)


def _tree(*branches: str) -> tuple[tuple[str, str], ...]:
    names = [f"MyApp.Branch{number}" for number, _ in enumerate(branches)]
    listed = ", ".join(names)
    app = (
        "defmodule MyApp do\n  use Application\n  def start(_, _) do\n"
        f"    Supervisor.start_link([{listed}], strategy: :one_for_one)\n  end\nend\n"
    )
    supervisors = "".join(
        f"defmodule {name} do\n  use Supervisor\n"
        "  def start_link(x), do: Supervisor.start_link(__MODULE__, x)\n"
        f"  def init(_), do: Supervisor.init([{branch}], strategy: :one_for_one)\nend\n"
        for name, branch in zip(names, branches, strict=True)
    )
    return (MIX, STORE, ("lib/app.ex", app + supervisors))


def _asker(body: str, head: str = "  alias MyApp.Store\n") -> str:
    return (
        f"defmodule MyApp.Asker do\n  use GenServer\n{head}\n"
        "  def start_link(x), do: GenServer.start_link(__MODULE__, x)\n"
        f"  def init(x), do: {{:ok, x}}\n{body}end\n"
    )


TICK = "  def handle_info(:tick, s), do: {{:noreply, {}}}\n"
APART = _tree("MyApp.Asker", "MyApp.Store")
CAUGHT = (
    "  def handle_info(:tick, s) do\n    try do\n      {:noreply, Store.get(s)}\n    catch\n"
    "      :exit, _ -> {:noreply, s}\n    end\n  end\n"
)


class CallAcrossSubtree(Rule):
    """A callback waits for a server of another branch, and falls with it.

    ## Why is this bad?
    A supervisor restarts what depends on each other together. A server of another branch is
    restarted without the one that calls it: while it is down, or slower than the call's timeout,
    the caller exits too, and its own state is lost with it
    (https://hexdocs.pm/elixir/GenServer.html#call/3). Many such calls are meant; this is a hint
    where two branches fall together.

    ## Use instead
    `catch :exit, _` and an answer for the case that nobody is there; one supervisor with
    `:rest_for_one` over both; a table that is read instead of a process that is asked.

    Only servers that the code names, and that stand once in the tree of the same application, are
    looked at; calls in `init/1` are OTP051's and OTP030's.

    ## Fix safety
    None: what is to be answered meanwhile has to be decided.
    """

    code = "OTP028"
    name = "call-across-subtree"
    stage = 4
    severity = "info"
    safety = "model"
    kinds = PRODUCTION
    needs_server = True
    effort = "hours"
    risk = "Callers are told that the other server is not there instead of falling with it."
    watches = WATCHED
    examples = (
        Bad(_asker(TICK.format("Store.get(s)")), files=APART),
        Bad(_asker(TICK.format("GenServer.call(Store, {:get, s})")), files=APART),
        Bad(
            _asker(
                TICK.format("load(s)") + "  defp load(s), do: s |> S.get()\n",
                "  alias MyApp.Store, as: S\n",
            ),
            files=APART,
        ),
        Bad(
            _asker(
                "  def handle_call(:a, _, s), do: {:reply, MyApp.Store.get(:a), s}\n"
                "  def handle_cast(:b, s), do: {:noreply, MyApp.Store.get(s)}\n"
            ),
            files=APART,
            count=2,
        ),
        Good(_asker(CAUGHT), files=APART),
        Good(_asker(TICK.format("Store.get(s)")), files=_tree("MyApp.Asker, MyApp.Store")),
        Good(_asker(TICK.format("Store.get(s)")), files=_tree("MyApp.Store")),
        Good(_asker(TICK.format("spawn_link(fn -> Store.get(s) end)")), files=APART),
        Good(_asker(TICK.format("GenServer.cast(Store, {:get, s})")), files=APART),
        Good(_asker("  # Store.get(s)\n" + TICK.format('"Store.get(s)"')), files=APART),
        Good(_asker("  def read(key), do: Store.get(key)\n"), files=APART),
        Good(_asker(TICK.format("Store.get(s)")), path="test/support/asker.ex", files=APART),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each call; the two supervisors are evidence."""
        known = conversations(project).servers
        for module in file.modules:
            for one in asked(project, module.name) if module.name in known else ():
                if one.callback == "init/1" or is_caught(at(file.root(), one.where)):
                    continue
                mine, its = (_parents(project).get(s.module.name) for s in (one.by, one.to))
                if mine is None or its is None or mine is its:
                    continue
                to = one.to.module.name
                yield self.at(
                    file,
                    one.where,
                    f"{one.callback} of {module.name} exits when {to}, in another branch of the"
                    " tree, is down or slow: see whether it may",
                    module=module.name,
                    function=one.function,
                    evidence=[
                        Evidence(
                            file=parent.at[0].file,
                            line=parent.at[0].line,
                            note=f"{name} is a child of {parent.label}",
                        )
                        for name, parent in ((module.name, mine), (to, its))
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the answer for the case that nobody is there has to be decided."""
        return Declined(
            "decide what happens while the other server is down: catch the exit and answer, read"
            " from a table instead, or put both under one supervisor with :rest_for_one"
        )


@once
def _parents(project: Project) -> Mapping[str, Node]:
    """Return the supervisor of each module that stands once in a tree of the project."""
    found: dict[str, list[Node]] = {}
    for app in supervision_tree(project).apps:
        for parent in app.root.walk() if app.root is not None else ():
            for child in parent.children:
                if child.module is not None and not child.is_code:
                    found.setdefault(child.module, []).append(parent)
    return {module: parents[0] for module, parents in found.items() if len(parents) == 1}
