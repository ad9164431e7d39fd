"""OTP041: a named table that is made where it was not seen."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import is_caught, served_functions
from otp_genesis.otp.syntax import at

TARGETS = (":ets.new/2",)
QUESTIONS = (":ets.whereis/1", ":ets.info/1", ":ets.info/2")


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Cache do\n{head}  @table :cache\n\n  def ensure do\n{body}  end\nend\n"


NEW = ":ets.new(@table, [:named_table, :public])"
WHEREIS = f"    if :ets.whereis(@table) == :undefined do\n      {NEW}\n    end\n"
CASE = f"    case :ets.info(@table) do\n      :undefined -> {NEW}\n      _ -> @table\n    end\n"


class EtsNewRace(Rule):
    """A named table is made by whoever does not find it.

    ## Why is this bad?
    Two processes may both not find it; `:ets.new/2` then raises `ArgumentError` in the second. And
    the table belongs to the process that happened to be first: when that ends, the table and all
    in it are gone, under everybody's feet
    (https://www.erlang.org/doc/apps/stdlib/ets.html#new/2).

    ## Use instead
    A server under the supervisor that makes the table in its `init/1` and keeps it.

    ## Fix safety
    None: the process that is to own the table has to be found or made.
    """

    code = "OTP041"
    name = "ets-new-race"
    stage = 2
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    effort = "hours"
    risk = "The table lives as long as its new owner; it is there before its users start."
    examples = (
        Bad(_module(WHEREIS)),
        Bad(_module(CASE)),
        Bad(_module(WHEREIS.replace("@table", ":cache").replace("whereis", "info"))),
        Bad(_module(f"    :undefined == @table |> :ets.info(:name) && {NEW}\n")),
        Bad(
            _module(
                f"    e = :ets.whereis(@table)\n    create(e)\n    if e == :undefined, do: {NEW}\n"
            )
        ),
        Bad(_module(WHEREIS, "  use GenServer\n")),
        Good(
            _module(
                "    try do\n  " + WHEREIS + "    rescue\n      ArgumentError -> :ok\n    end\n"
            )
        ),
        Good(_module(WHEREIS + "  rescue\n    ArgumentError -> @table\n")),
        Good(_module("    :ets.whereis(@table)\n    :ets.new(:other, [:named_table])\n")),
        Good(_module(WHEREIS.replace(":named_table, ", ""))),
        Good(
            "defmodule S do\n  use GenServer\n  def init(x) do\n    ensure()\n    {:ok, x}\n"
            "  end\n\n"
            "  defp ensure do\n" + WHEREIS.replace("@table", ":cache") + "  end\nend\n"
        ),
        Good(
            "defmodule MyApp.Application do\n  use Application\n  def start(_, _) do\n"
            + WHEREIS.replace("@table", ":cache")
            + "    Supervisor.start_link([], name: S)\n  end\nend\n"
        ),
        Good(_module(f"    # :ets.whereis(@table)\n    {NEW}\n")),
        Good(
            _module(
                "    :ets.insert_new(@table, {:a, 1})\n    :ets.update_counter(@table, :a, 1)\n"
            )
        ),
        Good(_module(WHEREIS).replace("ensure", "start_link(_)")),
        Good(_module(WHEREIS), path="test/support/cache.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the making; the question is evidence."""
        made = [call for call in file.production_calls(*TARGETS) if _is_named(file, call)]
        questions = file.production_calls(*QUESTIONS) if made else []
        served = served_functions(project, file) if questions else set()
        for call in made if questions else ():
            question = _asked(file, call, questions)
            if question is None or (call.module, call.function) in served:
                continue
            if _starts(file, call) or is_caught(at(file.root(), (call.start, call.end))):
                continue
            yield self.at(
                file,
                (call.start, call.end),
                "another process may make this table since it was looked for; :ets.new raises then",
                module=call.module,
                function=call.function,
                evidence=[
                    Evidence.at(
                        file,
                        question.start,
                        "the table is looked for here",
                    )
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: an owner has to be found."""
        return Declined(
            "decide which process owns the table: make it in the init/1 of a server that is started"
            " before all users of the table"
        )


def _is_named(file: SourceFile, call: Call) -> bool:
    return len(call.arguments) == 2 and ":named_table" in file.slice(call.arguments[1])


def _asked(file: SourceFile, call: Call, questions: list[Call]) -> Call | None:
    """Return where the same clause looks for the table before."""
    function = file.function(call.module, call.function)
    for clause in function.clauses if function is not None else ():
        for question in questions:
            before = clause.start <= question.start < call.start < clause.end
            if (
                before
                and question.arguments
                and file.slice(question.arguments[0]) == file.slice(call.arguments[0])
            ):
                return question
    return None


def _starts(file: SourceFile, call: Call) -> bool:
    """Whether a start makes the table: the application's, or one that a supervisor waits for."""
    module = file.module(call.module)
    top = module is not None and "Application" in module.uses and call.function == "start/2"
    return top or (call.function or "").startswith("start_link/")
