"""OTP051: siblings whose order or strategy does not fit what they ask of each other."""

from collections.abc import Iterator, Mapping

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import local_calls
from otp_genesis.otp.conversations import WATCHED, conversations
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import below, is_caught
from otp_genesis.otp.sibling_children import Siblings, listing_files, siblings_of
from otp_genesis.otp.sync_calls import Asked, asked, mentioned
from otp_genesis.otp.syntax import at, code

DONE = (":ok", "{:ok, _}", "_", "_ref", "_result")
"""What the answer of a call is matched with that is made for its effect."""


def _store(strategy: str, children: str) -> tuple[tuple[str, str], ...]:
    return (
        (
            "lib/store.ex",
            "defmodule MyApp.Store do\n  use GenServer\n"
            "  def watch(pid), do: GenServer.call(__MODULE__, {:watch, pid})\n"
            "  def handle_call({:watch, pid}, _, s), do: {:reply, :ok, [pid | s]}\nend\n",
        ),
        (
            "lib/sup.ex",
            "defmodule MyApp.Sup do\n  use Supervisor\n  alias MyApp.{Client, Store}\n"
            f"  def init(_) do\n    children = [{children}]\n"
            f"    Supervisor.init(children, strategy: :{strategy})\n  end\nend\n",
        ),
    )


def _client(init: str, more: str = "") -> str:
    return (
        "defmodule MyApp.Client do\n  use GenServer\n  alias MyApp.Store, as: S\n"
        f"  def init(x) do\n    {init}\n    {{:ok, x}}\n  end\n{more}end\n"
    )


LATE, GOOD_ORDER = "Client, Store", "Store, {Client, []}"


class SupStrategyMismatch(Rule):
    """A child asks a sibling while it starts, and the supervisor's order or strategy forbids it.

    ## Why is this bad?
    Children start in the order of their list. A call in `init/1` of a sibling that stands further
    down exits with `:noproc`, so that the whole supervisor does not start. A sibling further up
    that was told something in `init/1` forgets it when it is restarted; under `:one_for_one` the
    child that told it goes on and never tells it again
    (https://hexdocs.pm/elixir/Supervisor.html#module-strategies).

    ## Use instead
    The one that is asked first in the list; `:rest_for_one` where a child depends on what it told
    a sibling at its start.

    What a sibling is merely asked for, and calls whose exit is caught, are left alone. The second
    form is a hint: whether the sibling keeps what it is told in its state only has to be looked up.

    ## Fix safety
    None: the order or strategy of the other children is concerned as well.
    """

    code = "OTP051"
    name = "sup-strategy-mismatch"
    stage = 3
    severity = "info"
    safety = "model"
    kinds = PRODUCTION
    needs_server = True
    effort = "minutes"
    risk = "A crash of one child restarts its younger siblings too."
    watches = WATCHED
    examples = (
        Bad(_client("S.watch(self())"), files=_store("one_for_one", LATE)),
        Bad(_client("S.watch(self())"), files=_store("rest_for_one", LATE)),
        Bad(_client("S.watch(self())"), files=_store("one_for_one", GOOD_ORDER)),
        Bad(
            _client(":ok = GenServer.call(MyApp.Store, {:watch, self()})"),
            files=_store("one_for_one", GOOD_ORDER),
        ),
        Bad(
            _client("tell()", "  defp tell, do: self() |> S.watch()\n"),
            files=_store(
                "one_for_one", "{Client, 1}, MyApp.Other, %{id: 1, start: {Store, :start_link, []}}"
            ),
        ),
        Good(_client("S.watch(self())"), files=_store("rest_for_one", GOOD_ORDER)),
        Good(_client("S.watch(self())"), files=_store("one_for_all", GOOD_ORDER)),
        Good(_client("x = S.watch(x)"), files=_store("one_for_one", GOOD_ORDER)),
        Good(
            _client("try do\n      S.watch(self())\n    catch\n      :exit, _ -> :ok\n    end"),
            files=_store("one_for_one", LATE),
        ),
        Good(
            _client("x", "  def handle_call(:go, _, s), do: {:reply, S.watch(1), s}\n"),
            files=_store("one_for_one", LATE),
        ),
        Good(_client("Task.start(fn -> S.watch(1) end)"), files=_store("one_for_one", LATE)),
        Good(_client('"S.watch(1)" # S.watch(1)'), files=_store("one_for_one", LATE)),
        Good(_client("S.watch(self())"), files=_store("one_for_one", "Client")),
        Good(
            _client("S.watch(self())"), path="test/support/c.ex", files=_store("one_for_one", LATE)
        ),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the call that a child makes while it starts."""
        for one, list_ in _told(project).get(file.path, ()):
            by, to = one.by.module.name, one.to.module.name
            later = (list_.place(to) or 0) > (list_.place(by) or 0)
            said = (
                f"init/1 of {by} calls {to}, which their supervisor starts later, so the call"
                " exits with :noproc and the supervisor does not start"
                if later
                else f"{by} tells {to} something in init/1 only; when {to} is restarted under"
                " :one_for_one, see whether it still knows"
            )
            yield self.at(
                file,
                one.where,
                said,
                module=by,
                function=one.function,
                severity="high" if later else None,
                evidence=[
                    Evidence.at(
                        list_.file,
                        start,
                        f"{name} is started here",
                    )
                    for name, start in list_.modules
                    if name in (by, to)
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the other children are concerned as well."""
        return Declined(
            "put the child that is asked before the one that asks, or use :rest_for_one where the"
            " younger one has to tell it again"
        )


@once
def _told(project: Project) -> Mapping[str, list[tuple[Asked, Siblings]]]:
    """Return the calls of siblings at the start that do not fit, by file."""
    graph = {name: others for name, others in mentioned(project).items() if others}
    pairs = _named_together(project, graph)
    lists = siblings_of(project, {name for pair in pairs for name in pair}) if pairs else []
    found: dict[str, list[tuple[Asked, Siblings]]] = {}
    for name, other in sorted(pairs):
        for one in lists:
            mine, its = one.place(name), one.place(other)
            if mine is None or its is None or (its < mine and one.strategy != "one_for_one"):
                continue
            for call in _at_start(project, name, other, later=its > mine):
                found.setdefault(call.by.file.path, []).append((call, one))
                break
    return found


def _named_together(project: Project, graph: Mapping[str, frozenset[str]]) -> set[tuple[str, str]]:
    """Return the servers and those they mention that one supervisor's file names both."""
    files = listing_files(project)
    last = {name: name.rpartition(".")[2].encode() for name in conversations(project).servers}
    return {
        (name, other)
        for name, others in graph.items()
        for other in others
        if any(last[name] in file.text and last[other] in file.text for file in files)
    }


def _at_start(project: Project, name: str, other: str, *, later: bool) -> Iterator[Asked]:
    server = conversations(project).servers[name]
    calls = [one for one in asked(project, name) if one.to.module.name == other]
    local = local_calls(server.file, server.module) if calls else {}
    starting = {"init/1"} | below(local, "init/1")
    for one in calls:
        node = at(server.file.root(), one.where)
        if one.function in starting and not is_caught(node) and (later or _is_effect(node)):
            yield one


def _is_effect(node: Node) -> bool:
    """Whether the answer of a call is not used: it is a statement, or matched with `:ok`."""
    pipe = node.parent
    if pipe is not None and code(pipe.child_by_field_name("operator")) == "|>":
        node = pipe
    around = node.parent
    if around is not None and code(around.child_by_field_name("operator")) == "=":
        left = code(around.child_by_field_name("left"))
        return left in DONE
    if around is None or around.type not in ("do_block", "body", "block"):
        return False
    return around.named_children[-1] != node
