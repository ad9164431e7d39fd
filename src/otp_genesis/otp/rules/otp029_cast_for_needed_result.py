"""OTP029: a cast whose effect is waited for by sleeping."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import CASTS, WATCHED, conversations
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.syntax import at, code, target

SLEEPS = ("Process.sleep/1", ":timer.sleep/1")
STORE = (
    "lib/store.ex",
    "defmodule MyApp.Store do\n  use GenServer\n"
    "  def put(x), do: GenServer.cast(__MODULE__, {:put, x})\n"
    "  def all, do: GenServer.call(__MODULE__, :all)\n"
    "  def handle_cast({:put, x}, s), do: {:noreply, [x | s]}\n"
    "  def handle_call(:all, _, s), do: {:reply, s, s}\nend\n",
)


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Import do\n{head}  def run(x) do\n{body}  end\nend\n"


PUT = "    GenServer.cast(MyApp.Store, {:put, x})\n"
SLEEP = "    Process.sleep(100)\n"
READ = "    :ets.lookup(:store, x)\n"


class CastForNeededResult(Rule):
    """A message is cast, the code sleeps for a while, and then it goes on as if it were done.

    ## Why is this bad?
    A cast says nothing of when, or whether, it is handled
    (https://hexdocs.pm/elixir/GenServer.html#cast/2). Under load the sleep is too short and the
    next step finds the old state; without load it is wasted.

    ## Use instead
    A call, which returns when the server has done it. A call of the same server right after the
    cast needs no sleep either: messages of one process arrive in the order they were sent.

    A sleep counts where it follows the cast directly and something other than the next turn of a
    loop follows the sleep.

    ## Fix safety
    None: the server needs a `handle_call/3` clause for the message.
    """

    code = "OTP029"
    name = "cast-for-needed-result"
    stage = 4
    severity = "low"
    safety = "model"
    kinds = PRODUCTION
    needs = SLEEPS
    effort = "minutes"
    risk = "The caller waits for the server, and exits where it is down."
    watches = (*WATCHED, *SLEEPS)
    examples = (
        Bad(_module(PUT + SLEEP + READ)),
        Bad(_module(PUT + "    :timer.sleep(10)\n" + READ)),
        Bad(
            _module("    x |> S.put()\n" + SLEEP + "    S.all()\n", "  alias MyApp.Store, as: S\n"),
            files=(STORE,),
        ),
        Bad(
            _module("    cast(x, :go)\n    100 |> Process.sleep()\n" + READ, "  import GenServer\n")
        ),
        Bad(
            _module("    :ok = MyApp.Store.put(x)\n" + SLEEP + "    MyApp.Store.all()\n"),
            files=(STORE,),
        ),
        Good(_module(PUT + READ)),
        Good(_module(PUT + SLEEP)),
        Good(_module(PUT + SLEEP + "    run(x)\n")),
        Good(_module("    GenServer.call(MyApp.Store, :all)\n" + SLEEP + READ)),
        Good(_module(SLEEP + PUT + READ)),
        Good(_module("    # GenServer.cast(x, 1)\n    log(x)\n" + SLEEP + READ)),
        Good(_module("    MyApp.Store.put(x)\n" + SLEEP + READ)),
        Good(_module("    MyApp.Store.all()\n" + SLEEP + READ), files=(STORE,)),
        Good(_module(PUT + "    log(x)\n" + SLEEP.replace("Process", "MyApp") + READ)),
        Good(_module(PUT + SLEEP + READ), path="test/import_test.exs"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the cast; the sleep is evidence."""
        for sleep in file.production_calls(*SLEEPS):
            node = at(file.root(), (sleep.start, sleep.end))
            cast = _before(node)
            if cast is None or not _goes_on(node, sleep):
                continue
            if _casts(project, file, cast):
                yield self.at(
                    file,
                    (cast.start_byte, cast.end_byte),
                    "this cast may not be handled yet when the sleep after it is over; what follows"
                    " then finds the old state",
                    module=sleep.module,
                    function=sleep.function,
                    evidence=[
                        Evidence.at(
                            file,
                            sleep.start,
                            "it is waited for here, by time",
                        )
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the server needs another clause."""
        return Declined("make it a call, with a handle_call/3 clause that answers when it is done")


def _before(node: Node) -> Node | None:
    """Return the statement right before a sleep that is a statement itself."""
    before = node.prev_named_sibling
    while before is not None and before.type == "comment":
        before = before.prev_named_sibling
    block = node.parent is not None and node.parent.type in ("do_block", "body", "block")
    return before if block else None


def _goes_on(node: Node, sleep: Call) -> bool:
    """Whether something but the next turn of the same function follows."""
    behind = node.next_named_sibling
    while behind is not None and behind.type == "comment":
        behind = behind.next_named_sibling
    name = (sleep.function or "").partition("/")[0]
    blocks = ("after_block", "else_block", "rescue_block", "catch_block")
    return behind is not None and target(behind) != name and behind.type not in blocks


def _casts(project: Project, file: SourceFile, statement: Node) -> bool:
    """Whether a statement is a cast, or a call of a server's function that only casts."""
    start = statement.start_byte
    if code(statement.child_by_field_name("operator")) == "=":
        statement = statement.child_by_field_name("right") or statement
    for call in file.calls_to(*CASTS, "Agent.cast/2"):
        if (call.start, call.end) == (statement.start_byte, statement.end_byte):
            return True
    if code(statement.child_by_field_name("operator")) == "|>":
        statement = statement.child_by_field_name("right") or statement
    module, _, name = target(statement).rpartition(".")
    server = conversations(project).servers.get(file.expand(module, start)) if module else None
    if server is None:
        return False
    sent = conversations(project).by_file.get(server.file.path, ())
    manners = {
        one.manner
        for one in sent
        if one.call.module == server.module.name
        and (one.call.function or "").partition("/")[0] == name
    }
    return manners == {"cast"}
