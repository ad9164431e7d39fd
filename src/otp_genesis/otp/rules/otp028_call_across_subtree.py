"""OTP028: a callback that falls with a server of another branch of the supervision tree."""

from collections.abc import Iterator, Mapping

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import WATCHED
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import is_caught
from otp_genesis.otp.sibling_children import Siblings, siblings_of
from otp_genesis.otp.sync_calls import Asked, asked, mentioned
from otp_genesis.otp.syntax import at

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

    Only servers that the code names, and that stand in one child list each, are looked at; calls in
    `init/1` are OTP051's and OTP030's.

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
        """Flag each call; the two child lists are evidence."""
        lists = _lists(project)
        for one in _waiting(project).get(file.path, ()):
            by, to = one.by.module.name, one.to.module.name
            yield self.at(
                file,
                one.where,
                f"{one.callback} of {by} exits when {to}, a child of another supervisor, is down"
                " or slow: see whether it may",
                module=by,
                function=one.function,
                evidence=[
                    Evidence.at(
                        siblings.file,
                        dict(siblings.modules)[name],
                        f"{name} is started here",
                    )
                    for name, siblings in ((by, lists[by]), (to, lists[to]))
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the answer for the case that nobody is there has to be decided."""
        return Declined(
            "decide what happens while the other server is down: catch the exit and answer, read"
            " from a table instead, or put both under one supervisor with :rest_for_one"
        )


@once
def _waiting(project: Project) -> Mapping[str, list[Asked]]:
    """Return where callbacks wait for a child of another supervisor and catch no exit, by file."""
    lists = _lists(project)
    found: dict[str, list[Asked]] = {}
    for name, others in mentioned(project).items():
        mine = lists.get(name)
        apart = {other for other in others if lists.get(other, mine) is not mine}
        for one in asked(project, name) if apart and mine else ():
            own = one.by.file
            outside = one.to.module.name in apart and one.callback != "init/1"
            if outside and not is_caught(at(own.root(), one.where)):
                found.setdefault(own.path, []).append(one)
    return found


@once
def _lists(project: Project) -> Mapping[str, Siblings]:
    """Return the child list of each server that may wait, or be waited for, and stands in one."""
    pairs = {name: others for name, others in mentioned(project).items() if others}
    names = {*pairs, *(other for others in pairs.values() for other in others)}
    found: dict[str, list[Siblings]] = {}
    for siblings in siblings_of(project, names, at_least=1) if names else ():
        for name, _ in siblings.modules:
            found.setdefault(name, []).append(siblings)
    return {name: each[0] for name, each in found.items() if len(each) == 1}
