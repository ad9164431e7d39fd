"""OTP040: a named table that belongs to a process that soon ends."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import local_calls, runs_elsewhere
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import below, served_functions
from otp_genesis.otp.syntax import at, child, code, target

NEW = ":ets.new/2"
QUESTIONS = (":ets.whereis/1", ":ets.info/1", ":ets.info/2")
GIVEN = (b":heir", b"give_away")
"""How a table outlives the process that makes it."""
STARTERS = ("start", "init", "child_spec", "setup", "__")
"""How functions begin that run in a process that lives on."""


def _module(body: str, head: str = "  @table :cache\n") -> str:
    return f"defmodule MyApp.Cache do\n{head}  def ensure do\n{body}  end\nend\n"


MAKE = ":ets.new(@table, [:named_table, :public])"
LOOK = f"    if :ets.whereis(@table) == :undefined do\n      {MAKE}\n    end\n"
TRY = f"    try do\n      {MAKE}\n    rescue\n      ArgumentError -> :ok\n    end\n"


class EtsOwnerTransient(Rule):
    """A named ETS table is made on demand, by whichever process needs it first, or by a task.

    ## Why is this bad?
    A table is deleted when the process that made it ends
    (https://www.erlang.org/doc/man/ets.html). That is a request, a job or a task here: its end
    takes the table and all that others have put into it, and who uses it at that moment crashes
    with an `ArgumentError`.

    ## Use instead
    A server under a supervisor that makes the table in `init/1`, before its users are started, or
    `:ets.give_away/3` and the `:heir` option.

    Tables without a name are taken for the maker's own. A caller that lives as long as the
    application cannot be told from one that does not: where all first callers do, allow it.

    ## Fix safety
    None: the owner has to be put into the supervision tree.
    """

    code = "OTP040"
    name = "ets-owner-transient"
    stage = 2
    severity = "low"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = (NEW,)
    effort = "hours"
    risk = "The table lives on where it used to vanish with its maker."
    watches = (NEW, *QUESTIONS)
    examples = (
        Bad(_module(LOOK)),
        Bad(_module(TRY)),
        Bad(_module(f"    {MAKE}\n  rescue\n    ArgumentError -> @table\n")),
        Bad(
            _module(
                f"    case :ets.info(@table) do\n      :undefined -> {MAKE}\n      _ -> @table\n"
                "    end\n"
            )
        ),
        Bad(_module(f"    Task.start(fn -> {MAKE} end)\n")),
        Bad(_module(LOOK, "  use GenServer\n  @table :cache\n  def init(x), do: {:ok, x}\n")),
        Good(_module(f"    {MAKE}\n")),
        Good(
            _module(
                f"    :ok\n  end\n  def init_tables, do: make()\n  defp make do\n{LOOK}",
            )
        ),
        Good(_module(f"    {MAKE}\n    run()\n  rescue\n    error -> report(error)\n")),
        Good(_module(LOOK).replace("ensure", "start_link(_)")),
        Good(_module(LOOK).replace("ensure", "init(_)")),
        Good(_module(LOOK.replace(":public", ":public, {:heir, pid, nil}"))),
        Good(_module(LOOK + "    :ets.give_away(@table, MyApp.Owner, nil)\n")),
        Good(_module(LOOK.replace(":named_table, ", ""))),
        Good(_module(f"    # {MAKE}\n    :ets.whereis(@table)\n")),
        Good(_module(f'    :ets.whereis(@table)\n    "{MAKE}"\n')),
        Good(
            _module(
                "    :ok\n  end\n  def init(x) do\n    make()\n    {:ok, x}\n  end\n"
                f"  defp make do\n{LOOK}",
                "  use GenServer\n  @table :cache\n",
            )
        ),
        Good(_module(LOOK, "  use Mix.Task\n  @table :cache\n")),
        Good(_module(LOOK), path="test/support/cache.ex"),
        Good(_module(f"    :ets.whereis(:other)\n    {MAKE}\n")),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the making of the table."""
        if NEW not in file.calls or any(word in file.text for word in GIVEN):
            return
        made = [call for call in file.production_calls(NEW) if _is_named(file, call)]
        served = served_functions(project, file) if made else set()
        for call in made:
            named = (call.function or "").startswith(STARTERS)
            node = at(file.root(), (call.start, call.end))
            task = runs_elsewhere(file, node)
            question = _asked(file, call)
            if not task and (named or (call.module, call.function) in served):
                continue
            if not task and _is_started(file, call):
                continue
            if not task and question is None and not _is_expected(node):
                continue
            owner = "the task that runs this" if task else f"the first caller of {call.function}"
            yield self.at(
                file,
                (call.start, call.end),
                f"this table belongs to {owner} and is deleted with all its entries when that"
                " process ends",
                module=call.module,
                function=call.function,
                evidence=[
                    Evidence.at(
                        file,
                        question.start,
                        "it is made on demand: the table is looked for here",
                    )
                ]
                if question is not None
                else (),
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: an owner has to be put into the tree."""
        return Declined("make the table in the init/1 of a server that is started before its users")


def _is_named(file: SourceFile, call: Call) -> bool:
    named = len(call.arguments) == 2 and ":named_table" in file.slice(call.arguments[1])
    return named and call.place == "function"


def _is_started(file: SourceFile, call: Call) -> bool:
    """Whether a function of the module that runs at a start makes the table by this one."""
    module = file.module(call.module)
    local = local_calls(file, module) if module is not None else {}
    starting = (label for label in local if label.startswith(STARTERS))
    return any(call.function in below(local, label) for label in starting)


def _asked(file: SourceFile, call: Call) -> Call | None:
    """Return where the same function looks for the table."""
    table = file.slice(call.arguments[0])
    for question in file.calls_to(*QUESTIONS):
        same = (question.module, question.function) == (call.module, call.function)
        if same and question.arguments and file.slice(question.arguments[0]) == table:
            return question
    return None


def _is_expected(node: Node) -> bool:
    """Whether the code rescues what `:ets.new/2` raises where the table is there already."""
    outer = node.parent
    while outer is not None:
        if target(outer) in ("try", "def", "defp"):
            rescue = child(child(outer, "do_block"), "rescue_block")
            if "ArgumentError" in code(rescue):
                return True
        outer = outer.parent
    return False
